"""config.json: the fields that shape the model, each honoured or refused by name.

The defaults of absent fields are those of transformers' `MistralConfig` and `LlamaConfig`, because
that is what the checkpoint's authors got when they left a field out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starling_local.errors import BadFileError

MISTRAL = "MistralForCausalLM"
LLAMA = "LlamaForCausalLM"

# LLAMA_MAX_LAYERS in llama.cpp's src/llama-hparams.h.
MAX_LAYERS = 512
# No vocabulary is larger; it bounds what a false config.json can make this program allocate.
MAX_VOCABULARY = 1 << 20

# Fields that describe training, generation, bookkeeping or transformers itself: they do not change
# what the weights compute.
_WITHOUT_EFFECT = frozenset(
    """
    _attn_implementation _attn_implementation_autoset _commit_hash _flash_attn_2_enabled
    _name_or_path architectures attention_dropout attn_implementation auto_map bad_words_ids
    begin_suppress_tokens bos_token_id chunk_size_feed_forward decoder_start_token_id
    diversity_penalty do_sample dtype early_stopping embd_pdrop encoder_no_repeat_ngram_size
    eos_token_id exponential_decay_length_penalty finetuning_task forced_bos_token_id
    forced_eos_token_id hidden_dropout hidden_dropout_prob id2label initializer_range
    is_decoder keys_to_ignore_at_inference label2id length_penalty max_length max_sequence_length
    max_window_layers min_length model_max_length no_repeat_ngram_size num_beam_groups num_beams
    num_return_sequences output_attentions output_hidden_states output_scores pad_token_id prefix
    pretraining_tp problem_type remove_invalid_values repetition_penalty resid_pdrop return_dict
    return_dict_in_generate sep_token_id suppress_tokens task_specific_params temperature
    tf_legacy_loss tie_encoder_decoder tokenizer_class top_k top_p torch_dtype torchscript
    transformers_version typical_p unk_token_id unsloth_fixed unsloth_version use_bfloat16
    use_cache use_flash_attn
    """.split()
)

_HONOURED = frozenset(
    """
    architectures head_dim hidden_act hidden_size intermediate_size max_position_embeddings
    model_type num_attention_heads num_hidden_layers num_key_value_heads partial_rotary_factor
    quantization_config rms_norm_eps rope_parameters rope_scaling rope_theta sliding_window
    tie_word_embeddings vocab_size
    """.split()
)

# Fields of which only one value is computed. A field that none of these lists names is refused,
# unless it is null.
_ONLY_VALUE: dict[str, object] = {
    "add_cross_attention": False,
    "attention_bias": False,
    "is_causal": True,
    "is_encoder_decoder": False,
    "mlp_bias": False,
    "pruned_heads": {},
}


@dataclass(frozen=True)
class ModelConfig:
    """The architecture as llama.cpp's `llama` needs to know it. Sizes are element counts."""

    architecture: str
    n_layers: int
    hidden_size: int
    ffn_size: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    vocab_size: int
    context_length: int
    rms_norm_eps: float
    rope_theta: float
    rope_linear_factor: float | None
    tied_embeddings: bool
    notes: tuple[str, ...]


def parse_config(raw: Mapping[str, Any], path: Path) -> ModelConfig:
    """Read the fields of config.json; `path` serves the messages.

    Raises:
        BadFileError: an unknown architecture, a field missing or of the wrong kind, or a field
            that asks for something llama.cpp's `llama` architecture does not compute.
    """
    fields = _Fields(raw, path)
    architecture = _architecture(raw, path)
    _refuse_what_changes_the_result(fields, architecture)

    hidden_size = fields.count("hidden_size")
    n_heads = fields.count("num_attention_heads")
    kv_default = 8 if architecture == MISTRAL else n_heads
    if "num_key_value_heads" in raw and raw["num_key_value_heads"] is None:
        kv_default = n_heads
    n_kv_heads = fields.count("num_key_value_heads", kv_default)
    if n_heads % n_kv_heads:
        raise fields.bad("num_key_value_heads", f"does not divide num_attention_heads {n_heads}")
    if raw.get("head_dim") is None and hidden_size % n_heads:
        raise fields.bad("num_attention_heads", f"does not divide hidden_size {hidden_size}")
    head_dim = fields.count("head_dim", hidden_size // n_heads)
    if head_dim % 2:
        raise fields.bad("head_dim" if "head_dim" in raw else "hidden_size", "odd head width")
    n_layers = fields.count("num_hidden_layers")
    if n_layers > MAX_LAYERS:
        raise fields.bad("num_hidden_layers", f"llama.cpp takes at most {MAX_LAYERS}")

    vocab_size = fields.count("vocab_size")
    if vocab_size > MAX_VOCABULARY:
        raise fields.bad("vocab_size", f"more than {MAX_VOCABULARY}")
    context_length = fields.count(
        "max_position_embeddings", 131072 if architecture == MISTRAL else 2048
    )
    rope_theta, linear_factor = _rope(fields)
    return ModelConfig(
        architecture=architecture,
        n_layers=n_layers,
        hidden_size=hidden_size,
        ffn_size=fields.count("intermediate_size"),
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=head_dim,
        vocab_size=vocab_size,
        context_length=context_length,
        rms_norm_eps=fields.number("rms_norm_eps", 1e-6),
        rope_theta=rope_theta,
        rope_linear_factor=linear_factor,
        tied_embeddings=fields.flag("tie_word_embeddings"),
        notes=_sliding_window_note(fields, architecture, context_length),
    )


class _Fields:
    """config.json's fields, checked as they are taken."""

    def __init__(self, raw: Mapping[str, Any], path: Path) -> None:
        self.raw = raw
        self.path = path

    def bad(self, name: str, why: str) -> BadFileError:
        return BadFileError(f"{self.path}: {name} = {json.dumps(self.raw.get(name))[:200]}: {why}")

    def count(self, name: str, default: int | None = None) -> int:
        value = self.raw.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise BadFileError(f"{self.path}: the field {name} is missing")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
            raise self.bad(name, "must be a positive whole number")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.raw.get(name)
        if value is None:
            return default
        # Within these bounds a number survives as the float32 that GGUF stores.
        if type(value) not in (int, float) or not 1e-30 < value < 1e30:
            raise self.bad(name, "must be a positive number")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.bad(name, "must be true or false")
        return bool(value)


def _architecture(raw: Mapping[str, Any], path: Path) -> str:
    names = raw.get("architectures")
    if names is None and raw.get("model_type") in ("mistral", "llama"):
        return MISTRAL if raw["model_type"] == "mistral" else LLAMA
    if isinstance(names, list) and len(names) == 1 and names[0] in (MISTRAL, LLAMA):
        return str(names[0])
    raise BadFileError(
        f"{path}: architectures = {json.dumps(names)[:200]}: "
        f"only {MISTRAL} and {LLAMA} can be converted",
        hint="Starling and OpenChat 3.5 checkpoints are MistralForCausalLM",
    )


def _refuse_what_changes_the_result(fields: _Fields, architecture: str) -> None:
    raw = fields.raw
    if raw.get("hidden_act", "silu") not in ("silu", "swish"):
        raise fields.bad("hidden_act", "llama.cpp computes SiLU for this architecture")
    for name, only in _ONLY_VALUE.items():
        value = raw.get(name)
        if value is not None and (type(value) is not type(only) or value != only):
            raise fields.bad(name, f"only {json.dumps(only)} is supported")
    if fields.number("partial_rotary_factor", 1.0) != 1.0:
        raise fields.bad("partial_rotary_factor", "partial rotary embeddings are not supported")
    if raw.get("quantization_config") is not None:
        raise BadFileError(
            f"{fields.path}: quantization_config: the weights are quantised already",
            hint="convert the original bf16 or fp16 checkpoint",
        )
    expected = "mistral" if architecture == MISTRAL else "llama"
    if raw.get("model_type", expected) != expected:
        raise fields.bad("model_type", f"contradicts architectures {architecture}")
    known = _HONOURED | _WITHOUT_EFFECT | _ONLY_VALUE.keys()
    for name, value in raw.items():
        if name not in known and value is not None:
            raise BadFileError(
                f"{fields.path}: {name} = {json.dumps(value)[:200]}: "
                "unknown field, which may change what the model computes",
                hint=f"remove {name} from config.json if it does not matter for inference",
            )


def _rope(fields: _Fields) -> tuple[float, float | None]:
    """Base frequency, and the factor of linear scaling if there is one.

    transformers 5 writes both into `rope_parameters`; earlier versions wrote `rope_theta` and
    `rope_scaling`.
    """
    raw = fields.raw
    if raw.get("rope_parameters") not in (None, {}) and raw.get("rope_scaling") is not None:
        raise fields.bad("rope_scaling", "rope_parameters says the same or otherwise; keep one")
    field = "rope_scaling" if raw.get("rope_parameters") in (None, {}) else "rope_parameters"
    scaling = raw.get(field)
    if scaling is None:
        scaling = {}
    if not isinstance(scaling, dict):
        raise fields.bad(field, "must be an object or null")
    nested = _Fields({"rope_theta": fields.number("rope_theta", 10000.0), **scaling}, fields.path)
    theta = nested.number("rope_theta", 10000.0)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    unknown = set(scaling) - {"rope_theta", "rope_type", "type", "factor"}
    if kind == "default" and not unknown:
        return theta, None
    if kind == "linear" and not unknown and "factor" in scaling:
        return theta, nested.number("factor", 1.0)
    raise fields.bad(field, "only linear rope scaling is supported")


def _sliding_window_note(fields: _Fields, architecture: str, context: int) -> tuple[str, ...]:
    # transformers' LlamaConfig has no sliding window and does not read the field.
    if architecture != MISTRAL or fields.raw.get("sliding_window") is None:
        return ()
    window = fields.count("sliding_window")
    if window >= context:
        return ()
    return (
        f"sliding_window {window}: llama.cpp attends to the whole context of {context} instead, "
        "as it does for every Mistral model",
    )
