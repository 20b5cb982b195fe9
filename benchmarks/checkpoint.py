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
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tests.checkpoints import Shape, write_checkpoint

POOL_VALUES = 64 * 2**20
CHUNK_VALUES = 2**20
SHARD_BYTES = 5 * 10**9  # limit per file; gives the published 4.94 + 5.00 + 4.54 GB
WEIGHT_STD = 0.02  # initializer_range of config.json
NORM_STD = 0.1


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
    shape = Shape(layers, hidden, ffn, heads, kv_heads)
    # The JSON files and the tokenizer are those of the tests; only the weights are made here.
    write_checkpoint(folder, shape, weights={})
    (folder / "model.safetensors").unlink()
    tensors = [Tensor(name, size) for name, size in shape.tensor_shapes().items()]
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
    text = json.dumps(index, indent=2) + "\n"
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    return total_bytes


@dataclass(frozen=True)
class Tensor:
    """One tensor by its checkpoint name; shape as in PyTorch, (rows, columns)."""

    name: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Size as bf16."""
        return 2 * prod(self.shape)


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
