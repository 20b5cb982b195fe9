"""Small real Hugging Face checkpoints of the Mistral and Llama architecture, made on the spot.

The folders hold what the Starling repository holds, file by file, with random weights of any
shape. Nothing here needs torch, and the safetensors files come from a writer of its own, so the
checkpoint reader is tested against the format and not against itself.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import sentencepiece
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]
Tensors = Mapping[str, NDArray[Any]]
DtypeOf = Callable[[str], str] | str

END_OF_TURN, PADDING, SEPARATOR = "<|end_of_turn|>", "<|pad_0|>", "<sep>"
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ 'GPT4 Correct ' + message['role'].title() + ': '"
    " + message['content'] + '<|end_of_turn|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}"
)
ELEMENT_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
TORCH_DTYPE = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}

# Prose, turns, code and numbers, so that merges of every kind are learned.
TRAINING_TEXT = """\
The river ran past the old mill, and the children ran along the bank after it.
In the evening the lamps were lit, one after another, until the street was bright again.
She asked the captain how far the island was; he said it was farther than it looked.
The starlings gather over the harbour at dusk, thousands of them, turning as one.
What would happen if the moon were twice as far away from the earth?
GPT4 Correct User: Hello, how are you today?
GPT4 Correct Assistant: I am well, thank you. What would you like to know?
Code User: Implement quicksort using C++
Code Assistant: Here is the function, with a short explanation of every step.
Math Correct User: What is 37 * 48 + 125?
Math Correct Assistant: 37 * 48 = 1776, and 1776 + 125 = 1901. The answer is 1901.
def sort(values: list[int]) -> list[int]:
    if len(values) < 2:
        return values
    smaller = [value for value in values[1:] if value < values[0]]
    larger = [value for value in values[1:] if value >= values[0]]
    return sort(smaller) + [values[0]] + sort(larger)
for (int i = 0; i < 10; i++) { total += values[i] * weights[i]; }
{"name": "starling", "size": 4096, "parts": [1, 2, 3], "open": true}
The café opens at 8:30; the naïve visitor pays 25% more, that is 6.75 € instead of 5.40 €.
Questions? Comments! (Or neither.) Then "quote" them, it's 'fine' & done / over @ #1 ~ ^ | \\ `.
"""


@dataclass(frozen=True)
class Shape:
    """Dimensions of a model, in elements; the defaults make 4.2 million parameters."""

    layers: int = 2
    hidden: int = 64
    ffn: int = 160
    heads: int = 4
    kv_heads: int = 2
    head_dim: int | None = None
    """Width of one head as config.json states it; None leaves it out, then hidden // heads."""
    vocab: int = 32002
    """Rows of the embedding: the tokenizer's pieces and the two added tokens."""
    tied: bool = False
    rope_theta: float = 10000.0
    architecture: Literal["MistralForCausalLM", "LlamaForCausalLM"] = "MistralForCausalLM"
    rms_eps: float = 1e-5
    max_positions: int = 8192

    @property
    def head_size(self) -> int:
        """Width of one head, stated or derived."""
        return self.hidden // self.heads if self.head_dim is None else self.head_dim

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Hugging Face tensor names in model order, with shapes [out, in] or [hidden]."""
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        of_layer: dict[str, tuple[int, ...]] = {
            "self_attn.q_proj": (query, self.hidden),
            "self_attn.k_proj": (key, self.hidden),
            "self_attn.v_proj": (key, self.hidden),
            "self_attn.o_proj": (self.hidden, query),
            "mlp.gate_proj": (self.ffn, self.hidden),
            "mlp.up_proj": (self.ffn, self.hidden),
            "mlp.down_proj": (self.hidden, self.ffn),
            "input_layernorm": (self.hidden,),
            "post_attention_layernorm": (self.hidden,),
        }
        rows = (self.vocab, self.hidden)
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": rows}
        for layer in range(self.layers):
            shapes |= {f"model.layers.{layer}.{name}.weight": of_layer[name] for name in of_layer}
        shapes["model.norm.weight"] = (self.hidden,)
        return shapes if self.tied else shapes | {"lm_head.weight": rows}


DEFAULT_SHAPE = Shape()


def as_stored(values: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    """`values` as float32 after one trip through `dtype` ("F32", "F16" or "BF16")."""
    exact = np.asarray(values, np.float32)
    if dtype == "F32":
        return exact
    if dtype == "F16":
        with np.errstate(over="ignore"):  # what is too large becomes infinite, as torch casts it
            return exact.astype(np.float16).astype(np.float32)
    if dtype != "BF16":
        raise ValueError(f"no writer for dtype {dtype}")
    bits = exact.view(np.uint32)
    nearest = bits + 0x7FFF + ((bits >> 16) & 1)  # ties to even
    # The carry could turn a NaN into a number, so every NaN becomes the quiet one, as in torch.
    rounded = np.where(np.isnan(exact), np.uint32(0x7FC00000), nearest) & np.uint32(0xFFFF0000)
    stored: NDArray[np.float32] = rounded.view(np.float32)
    return stored


def _encode(values: NDArray[Any], dtype: str) -> bytes:
    """`values` as the little-endian bytes of a safetensors file."""
    stored = as_stored(values, dtype)
    if dtype == "BF16":
        return (stored.view(np.uint32) >> 16).astype("<u2").tobytes()
    return stored.astype("<f2" if dtype == "F16" else "<f4").tobytes()


def random_weights(shape: Shape, seed: int = 0) -> Weights:
    """Float32 weights by Hugging Face name, each value exact in bfloat16.

    Matrices have the spread 1/sqrt(fan_in) that keeps a real model's activations near one;
    norms vary around one, so that a norm taken for another one shows.
    """
    random = np.random.default_rng(seed)
    weights: Weights = {}
    for name, size in shape.tensor_shapes().items():
        noise = random.standard_normal(size, np.float32)
        values = noise / size[-1] ** 0.5 if len(size) == 2 else 1 + noise / 10
        weights[name] = as_stored(values, "BF16")
    return weights


def write_safetensors(
    path: Path, tensors: Tensors, dtype: DtypeOf, metadata: Mapping[str, str] | None = None
) -> None:
    """Write one safetensors file; `dtype` is one for all tensors, or gives it by name.

    Header padding and tensor order (wide elements first, then names, so that every tensor is
    aligned) are those of the safetensors library, `prepare` in safetensors/src/tensor.rs.
    """
    dtypes = _dtypes(tensors, dtype)
    order = sorted(tensors, key=lambda name: (-ELEMENT_BYTES[dtypes[name]], name))
    header: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name in order:
        start, end = end, end + tensors[name].size * ELEMENT_BYTES[dtypes[name]]
        header[name] = {
            "dtype": dtypes[name],
            "shape": list(tensors[name].shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(_encode(tensors[name], dtypes[name]))


def write_checkpoint(
    folder: Path,
    shape: Shape = DEFAULT_SHAPE,
    *,
    seed: int = 0,
    shards: int = 1,
    index: bool = True,
    dtype: DtypeOf = "BF16",
    config: Mapping[str, object] | None = None,
    tokenizer: Literal["mistral"] | bytes = "mistral",
    files: Mapping[str, object] | None = None,
    weights: Tensors | None = None,
) -> Weights:
    """Write a whole checkpoint to `folder`; return its weights as stored, widened to float32.

    `config` overrides single keys of config.json, and None removes one. `files` replaces whole
    files by name: None leaves the file out, str and bytes are written as they stand, all else as
    JSON. `index` says whether shards get their index. `tokenizer` is the Mistral file or a valid
    SentencePiece model: the added tokens follow its pieces (a broken one goes into `files`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = random_weights(shape, seed) if weights is None else weights
    dtypes = _dtypes(tensors, dtype)
    placed = _place(list(tensors), shards)
    for file, names in placed.items():
        part = {name: tensors[name] for name in names}
        write_safetensors(folder / file, part, dtypes.__getitem__, {"format": "pt"})

    model = _mistral_tokenizer() if tokenizer == "mistral" else tokenizer
    pieces = _count_pieces(model)
    settings = _config(shape, pieces, dtypes.get("model.embed_tokens.weight", "BF16"))
    contents: dict[str, object] = {
        "config.json": _override(settings, config or {}),
        "tokenizer.model": model,
        **_tokenizer_files(pieces),
    }
    if shards > 1 and index:
        sizes = (tensors[name].size * ELEMENT_BYTES[dtypes[name]] for name in tensors)
        contents["model.safetensors.index.json"] = {
            "metadata": {"total_size": sum(sizes)},
            "weight_map": {name: file for file, names in placed.items() for name in names},
        }
    for name, content in _override(contents, files or {}).items():
        _write_file(folder / name, content)
    return {name: as_stored(values, dtypes[name]) for name, values in tensors.items()}


def train_tokenizer(folder: Path, vocab_size: int = 512) -> bytes:
    """Put a small SentencePiece model, `tokenizer.model`, into `folder`; return its bytes.

    `vocab_size` counts its pieces: 3 special ones, 256 bytes, the characters, and the merges. It
    is trained once per size and process.
    """
    model = _train(vocab_size)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model)
    return model


@cache
def _train(vocab_size: int) -> bytes:
    """A BPE model with the trainer and normalizer settings stored in Mistral's and Llama's."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TRAINING_TEXT.splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=True,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        shuffle_input_sentence=False,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


@cache
def _mistral_tokenizer() -> bytes:
    """The SentencePiece file of Mistral-7B-v0.1, which mistral-common carries."""
    return (package_files("mistral_common") / "data" / "tokenizer.model.v1").read_bytes()


@cache
def _count_pieces(model: bytes) -> int:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return int(processor.get_piece_size())


def _dtypes(tensors: Tensors, dtype: DtypeOf) -> dict[str, str]:
    return {name: dtype if isinstance(dtype, str) else dtype(name) for name in tensors}


def _place(names: list[str], shards: int) -> dict[str, list[str]]:
    """Names by file, in runs of about equal count, under the file names of the hub."""
    if shards == 1:
        return {"model.safetensors": names}
    placed: dict[str, list[str]] = {}
    for position, name in enumerate(names):
        shard = position * shards // len(names) + 1
        placed.setdefault(f"model-{shard:05d}-of-{shards:05d}.safetensors", []).append(name)
    return placed


def _config(shape: Shape, eos: int, dtype: str) -> dict[str, object]:
    """config.json as berkeley-nest/Starling-LM-7B-alpha has it, or as Llama-2 does."""
    mistral = shape.architecture == "MistralForCausalLM"
    own: dict[str, object] = (
        {"sliding_window": 4096} if mistral else {"pretraining_tp": 1, "rope_scaling": None}
    )
    if shape.head_dim is not None:
        own["head_dim"] = shape.head_dim
    return own | {
        "architectures": [shape.architecture],
        "bos_token_id": 1,
        "eos_token_id": eos,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.ffn,
        "max_position_embeddings": shape.max_positions,
        "model_type": "mistral" if mistral else "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "rms_norm_eps": shape.rms_eps,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": shape.tied,
        "torch_dtype": TORCH_DTYPE[dtype],
        "transformers_version": "4.35.0",
        "use_cache": True,
        "vocab_size": shape.vocab,
    }


def _tokenizer_files(pieces: int) -> dict[str, object]:
    """The JSON files around `tokenizer.model`, which has `pieces` pieces.

    As in the Starling repository, `<sep>` is declared one id beyond the embedding's last row.
    """
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    ids = {"<unk>": 0, "<s>": 1, "</s>": 2}
    ids |= {END_OF_TURN: pieces, PADDING: pieces + 1, SEPARATOR: pieces + 2}
    named = {
        "bos_token": "<s>",
        "eos_token": END_OF_TURN,
        "sep_token": SEPARATOR,
        "unk_token": "<unk>",
    }
    return {
        "added_tokens.json": {END_OF_TURN: pieces, PADDING: pieces + 1},
        "special_tokens_map.json": {role: {"content": named[role]} | flags for role in named},
        "tokenizer_config.json": {
            "add_bos_token": True,
            "add_eos_token": False,
            "added_tokens_decoder": {
                str(ids[text]): {"content": text, **flags, "special": True} for text in ids
            },
            "additional_special_tokens": [],
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "legacy": True,
            "model_max_length": 1000000000000000019884624838656,
            "sp_model_kwargs": {},
            "spaces_between_special_tokens": False,
            "tokenizer_class": "LlamaTokenizer",
            "use_default_system_prompt": True,
            **named,
        },
        "generation_config.json": {
            "_from_model_config": True,
            "bos_token_id": 1,
            "eos_token_id": pieces,
            "transformers_version": "4.35.0",
        },
    }


def _override(defaults: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """`defaults` with `changes` on top, where a change to None takes the key out."""
    removed = {name for name, value in changes.items() if value is None}
    return {name: value for name, value in {**defaults, **changes}.items() if name not in removed}


def _write_file(path: Path, content: object) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")
