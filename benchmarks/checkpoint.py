"""A random checkpoint in the shape and on-disk form of Starling-LM-7B-alpha.

    python -m benchmarks.checkpoint DIR --layers 16 [--seed 0]

32 layers are the full model: 7.24 billion weights, 14.5 GB in three shards. The weights mean
nothing, but a quantiser works on them as on real ones: they are bf16 normals of standard
deviation 0.02 (norm weights: mean 1, deviation 0.1), all finite. To be as fast as the disk, one
pool of 64 Mi such values is drawn once, and every matrix is filled with runs of the pool copied
from random places. So each block of 256 weights looks normal and neighbouring blocks are
independent, while the same values come back elsewhere in the model; a file system that
deduplicates would store less than is written. Memory stays near 200 MB.

The tokenizer is the real one: `tokenizer.model` of Mistral-7B-v0.1, which the package
mistral-common carries, with the two tokens that OpenChat and Starling add.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

VOCAB = 32002  # 32000 pieces of tokenizer.model, <|end_of_turn|>, <|pad_0|>
POOL_VALUES = 64 * 2**20
CHUNK_VALUES = 2**20
SHARD_BYTES = 5 * 10**9  # limit per file; gives the published 4.94 + 5.00 + 4.54 GB
WEIGHT_STD = 0.02  # initializer_range of config.json
NORM_STD = 0.1

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ 'GPT4 Correct ' + message['role'].title() +"
    " ': ' + message['content'] + '<|end_of_turn|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class Tensor:
    """One tensor by its checkpoint name; shape as in PyTorch, (rows, columns)."""

    name: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Size as bf16."""
        return 2 * prod(self.shape)


def make_checkpoint(
    folder: Path,
    layers: int,
    seed: int = 0,
    hidden: int = 4096,
    ffn: int = 14336,
    heads: int = 32,
    kv_heads: int = 8,
) -> int:
    """Write a checkpoint into `folder`, which must be new or empty; returns its weights' bytes.

    The same arguments give the same bytes. Raises FileExistsError if `folder` holds anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    tensors = list(model_tensors(layers, hidden, ffn, heads, kv_heads))
    total_bytes = sum(tensor.size_bytes for tensor in tensors)
    rng = np.random.default_rng(seed)
    pool = bf16_normals(rng, min(POOL_VALUES, total_bytes // 2), mean=0.0, std=WEIGHT_STD)
    shards = split_into_shards(tensors)
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        weight_map |= dict.fromkeys((tensor.name for tensor in shard), name)
        with (folder / name).open("wb") as file:
            write_shard(file, shard, pool, rng)
    index = {"metadata": {"total_size": total_bytes}, "weight_map": weight_map}
    write_json(folder / "model.safetensors.index.json", index)
    write_json(folder / "config.json", model_config(layers, hidden, ffn, heads, kv_heads))
    write_tokenizer(folder)
    return total_bytes


def model_tensors(
    layers: int, hidden: int, ffn: int, heads: int, kv_heads: int
) -> Iterator[Tensor]:
    """Every tensor of a MistralForCausalLM, in the order of its state dict."""
    kv_width = hidden // heads * kv_heads
    yield Tensor("model.embed_tokens.weight", (VOCAB, hidden))
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        yield Tensor(prefix + "self_attn.q_proj.weight", (hidden, hidden))
        yield Tensor(prefix + "self_attn.k_proj.weight", (kv_width, hidden))
        yield Tensor(prefix + "self_attn.v_proj.weight", (kv_width, hidden))
        yield Tensor(prefix + "self_attn.o_proj.weight", (hidden, hidden))
        yield Tensor(prefix + "mlp.gate_proj.weight", (ffn, hidden))
        yield Tensor(prefix + "mlp.up_proj.weight", (ffn, hidden))
        yield Tensor(prefix + "mlp.down_proj.weight", (hidden, ffn))
        yield Tensor(prefix + "input_layernorm.weight", (hidden,))
        yield Tensor(prefix + "post_attention_layernorm.weight", (hidden,))
    yield Tensor("model.norm.weight", (hidden,))
    yield Tensor("lm_head.weight", (VOCAB, hidden))


def split_into_shards(
    tensors: Sequence[Tensor], limit_bytes: int = SHARD_BYTES
) -> list[list[Tensor]]:
    """Fill one shard after the other up to the limit, as `save_pretrained` of transformers does."""
    shards: list[list[Tensor]] = [[]]
    room_bytes = limit_bytes
    for tensor in tensors:
        if tensor.size_bytes > room_bytes and shards[-1]:
            shards.append([])
            room_bytes = limit_bytes
        shards[-1].append(tensor)
        room_bytes -= tensor.size_bytes
    return shards


def bf16_normals(
    rng: np.random.Generator, count: int, mean: float, std: float
) -> NDArray[np.uint16]:
    """Normally distributed values as bf16 bit patterns, rounded to the nearest, ties to even."""
    values = np.empty(count, dtype=np.dtype("<u2"))
    for start in range(0, count, CHUNK_VALUES):
        chunk = values[start : start + CHUNK_VALUES]
        floats = rng.standard_normal(len(chunk), dtype=np.float32)
        bits = (floats * np.float32(std) + np.float32(mean)).view(np.uint32)
        chunk[:] = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return values


def write_shard(
    file: BinaryIO, tensors: Sequence[Tensor], pool: NDArray[np.uint16], rng: np.random.Generator
) -> None:
    """Write one safetensors file: header length (8 bytes), JSON header, then data by name."""
    ordered = sorted(tensors, key=lambda tensor: tensor.name)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in ordered:
        end = offset + tensor.size_bytes
        header[tensor.name] = {
            "dtype": "BF16",
            "shape": tensor.shape,
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in ordered:
        if len(tensor.shape) == 1:
            file.write(bf16_normals(rng, tensor.shape[0], mean=1.0, std=NORM_STD).data)
        else:
            write_from_pool(file, prod(tensor.shape), pool, rng)


def write_from_pool(
    file: BinaryIO, count: int, pool: NDArray[np.uint16], rng: np.random.Generator
) -> None:
    """Write `count` values as runs of the pool that start at random places."""
    while count:
        start = int(rng.integers(len(pool)))
        run = pool[start : start + count]
        file.write(run.data)
        count -= len(run)


def model_config(
    layers: int, hidden: int, ffn: int, heads: int, kv_heads: int
) -> dict[str, object]:
    """The published config.json, with the given sizes in place of 32 layers and so on."""
    return {
        "architectures": ["MistralForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 32000,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": WEIGHT_STD,
        "intermediate_size": ffn,
        "max_position_embeddings": 8192,
        "model_type": "mistral",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "sliding_window": 4096,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": VOCAB,
    }


@dataclass(frozen=True)
class AddedToken:
    """One entry of `added_tokens_decoder` in tokenizer_config.json."""

    content: str
    lstrip: bool = False
    normalized: bool = False
    rstrip: bool = False
    single_word: bool = False
    special: bool = True


def write_tokenizer(folder: Path) -> None:
    """Write tokenizer.model and the JSON files that belong to it."""
    model = files("mistral_common") / "data" / "tokenizer.model.v1"
    (folder / "tokenizer.model").write_bytes(model.read_bytes())
    added = {"<|end_of_turn|>": 32000, "<|pad_0|>": 32001}
    write_json(folder / "added_tokens.json", added)
    named = {"bos_token": "<s>", "eos_token": "<|end_of_turn|>", "unk_token": "<unk>"}
    write_json(folder / "special_tokens_map.json", named)
    tokens = {"<unk>": 0, "<s>": 1, "</s>": 2, **added}
    config: dict[str, object] = {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(id_): asdict(AddedToken(t)) for t, id_ in tokens.items()},
        **named,
        "sep_token": "<sep>",  # published like this, though the vocabulary has no such token
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "legacy": True,
        "sp_model_kwargs": {},
        "spaces_between_special_tokens": False,
        "tokenizer_class": "LlamaTokenizer",
        "use_default_system_prompt": True,
    }
    write_json(folder / "tokenizer_config.json", config)


def write_json(path: Path, value: object) -> None:
    """Write JSON the way transformers does: indented by two, with a last newline."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Parse the command line and make one checkpoint."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checkpoint",
        description="Make a random checkpoint shaped like Starling-LM-7B-alpha.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="new or empty folder")
    parser.add_argument("--layers", type=int, default=32, help="32 is the full 14.5 GB")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started = time.perf_counter()
    try:
        size_bytes = make_checkpoint(args.folder, args.layers, args.seed)
    except FileExistsError as error:
        parser.error(str(error))
    print(f"{args.folder}: {size_bytes / 1e9:.2f} GB in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
