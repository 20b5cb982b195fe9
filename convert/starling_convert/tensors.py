"""Which tensors a model must have, what llama.cpp calls them, and how its rows are permuted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from starling_convert.checkpoint import Checkpoint
from starling_convert.config import ModelConfig
from starling_local.errors import BadFileError

# Hugging Face and GGUF names inside a layer (gguf-py's tensor_mapping.py, MODEL_ARCH.LLAMA).
_LAYER_NAMES = {
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
}
_WEIGHT_DTYPES = ("BF16", "F16", "F32")
# Frequencies that old checkpoints stored; they are computed from rope_theta.
_RECOMPUTED_SUFFIX = ".rotary_emb.inv_freq"


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the model: `shape` is [rows, columns], or [size] for a norm.

    `rope_head_dim` is set for the query and key weights, whose rows llama.cpp wants in another
    order (see `pipeline.permute_rope_rows`).
    """

    source_name: str
    name: str
    shape: tuple[int, ...]
    layer: int | None = None
    rope_head_dim: int | None = None

    @property
    def n_weights(self) -> int:
        """Weights in the tensor."""
        return prod(self.shape)

    @property
    def order(self) -> tuple[int, str]:
        """Sort key of llama.cpp's `weight_name_comparer`, the order llama-quantize writes in."""
        return (-1 if self.layer is None else self.layer, self.name)


def expected_tensors(config: ModelConfig) -> list[TensorSpec]:
    """Every tensor that `config` asks for, in the order of the file to be written."""
    hidden, ffn, vocab = config.hidden_size, config.ffn_size, config.vocab_size
    q_rows = config.n_heads * config.head_dim
    kv_rows = config.n_kv_heads * config.head_dim
    shapes: dict[str, tuple[int, ...]] = {
        "attn_q.weight": (q_rows, hidden),
        "attn_k.weight": (kv_rows, hidden),
        "attn_v.weight": (kv_rows, hidden),
        "attn_output.weight": (hidden, q_rows),
        "ffn_gate.weight": (ffn, hidden),
        "ffn_up.weight": (ffn, hidden),
        "ffn_down.weight": (hidden, ffn),
        "attn_norm.weight": (hidden,),
        "ffn_norm.weight": (hidden,),
    }
    specs = [
        TensorSpec("model.embed_tokens.weight", "token_embd.weight", (vocab, hidden)),
        TensorSpec("model.norm.weight", "output_norm.weight", (hidden,)),
    ]
    if not config.tied_embeddings:
        specs.append(TensorSpec("lm_head.weight", "output.weight", (vocab, hidden)))
    for layer in range(config.n_layers):
        for source_suffix, suffix in _LAYER_NAMES.items():
            specs.append(
                TensorSpec(
                    f"model.layers.{layer}.{source_suffix}",
                    f"blk.{layer}.{suffix}",
                    shapes[suffix],
                    layer,
                    config.head_dim if suffix in ("attn_q.weight", "attn_k.weight") else None,
                )
            )
    return sorted(specs, key=lambda spec: spec.order)


def check_tensors(
    checkpoint: Checkpoint, specs: Sequence[TensorSpec], config: ModelConfig
) -> tuple[str, ...]:
    """Hold the stored tensors against the expected ones; returns notes on those left out.

    Raises:
        BadFileError: a tensor is missing, unexpected, of another shape or of a type that is no
            weight type; the tensor is named.
    """
    stored = checkpoint.tensors
    expected = {spec.source_name: spec for spec in specs}
    missing = [name for name in expected if name not in stored]
    if missing:
        raise BadFileError(
            f"{checkpoint.folder} lacks {_some(missing)}",
            hint="finish the download, or check num_hidden_layers and tie_word_embeddings in "
            "config.json",
        )
    notes = []
    unexpected = []
    for name in stored:
        if name in expected or name.endswith(_RECOMPUTED_SUFFIX):
            continue
        if name == "lm_head.weight" and config.tied_embeddings:
            notes.append("lm_head.weight is left out: tie_word_embeddings makes it the embedding")
        else:
            unexpected.append(name)
    if unexpected:
        raise BadFileError(
            f"{checkpoint.folder} holds {_some(unexpected)}, which config.json does not account for"
        )
    for name, spec in expected.items():
        tensor = stored[name]
        if tensor.shape != spec.shape:
            raise BadFileError(
                f"tensor {name} has shape {list(tensor.shape)}, "
                f"but config.json asks for {list(spec.shape)}"
            )
        if tensor.dtype not in _WEIGHT_DTYPES:
            raise BadFileError(
                f"tensor {name} is {tensor.dtype}; only {', '.join(_WEIGHT_DTYPES)} are weights",
                hint="convert the original bf16 or fp16 checkpoint",
            )
    return tuple(notes)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more tensors"
