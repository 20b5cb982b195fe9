"""Reads a checkpoint folder: which files hold the weights, and where each tensor lies in them.

The safetensors format is checked in full before any weight is read, by the rules of the format's
own library (offsets that tile the data section without gap or overlap), because every position
read later comes from this header.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starling_convert.files import is_there, read_json
from starling_local.errors import BadFileError, NotFoundError

if TYPE_CHECKING:
    from hashlib import _Hash

INDEX_NAME = "model.safetensors.index.json"
# The format's own library takes up to 100 MB; the header of a 48-layer model has 60 kB.
MAX_HEADER_BYTES = 10_000_000
MAX_DIMENSIONS = 8

# Bytes per element of the types that checkpoints of this family have been seen with.
_ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("F64", "I64", "U64"), 8),
}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it lies in a shard. `offset` counts bytes from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class Shard:
    """One safetensors file. `tensors` are in the order of their bytes, without gaps."""

    path: Path
    size_bytes: int
    data_offset: int
    tensors: tuple[StoredTensor, ...]
    # Already fed with the header's bytes, so that hashing the file needs no second read of them.
    header_hash: _Hash = field(repr=False, compare=False)


@dataclass(frozen=True)
class Checkpoint:
    """The weights of a checkpoint folder: shards in the order of their names."""

    folder: Path
    shards: tuple[Shard, ...]

    @property
    def tensors(self) -> dict[str, StoredTensor]:
        """Every tensor of every shard by its Hugging Face name."""
        return {tensor.name: tensor for shard in self.shards for tensor in shard.tensors}


def open_checkpoint(folder: Path) -> Checkpoint:
    """Find the shards of `folder` and read their headers.

    Raises:
        NotFoundError: there is no such folder.
        BadFileError: no safetensors, or files that contradict each other or the format.
    """
    if not os.path.exists(folder):  # noqa: PTH110 - false for names that are too long, too
        raise NotFoundError(f"no such folder: {folder}", hint="check the path of the checkpoint")
    if not folder.is_dir():
        raise BadFileError(
            f"{folder} is a file, not a checkpoint folder",
            hint="name the folder that holds config.json and the safetensors files",
        )
    index = folder / INDEX_NAME
    weight_map = _weight_map(index) if is_there(index) else None
    names = sorted(set(weight_map.values())) if weight_map else _shards_without_index(folder)
    missing = [name for name in names if not is_there(folder / name)]
    if missing:
        raise BadFileError(
            f"{folder} lacks {', '.join(missing)}", hint="finish the download of the checkpoint"
        )
    shards = tuple(read_shard(folder / name) for name in names)
    _check_against_index(shards, weight_map, index)
    return Checkpoint(folder, shards)


def read_shard(path: Path) -> Shard:
    """Read and check the header of one safetensors file.

    Raises:
        BadFileError: the file is cut short, or its header breaks a rule of the format.
    """
    prefix, raw, size_bytes = _read_header(path)
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_object_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"the header is not readable JSON: {error}") from error
    if not isinstance(header, dict):
        raise _bad(path, "the header is not a JSON object")

    data_offset = len(prefix) + len(raw)
    tensors = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            tensors.append(_parse_entry(name, entry, data_offset))
        except ValueError as error:
            raise _bad(path, f"tensor {name}: {error}") from error
    tensors.sort(key=lambda tensor: (tensor.offset, tensor.size_bytes))
    _check_tiling(path, tensors, data_offset, size_bytes)
    return Shard(path, size_bytes, data_offset, tuple(tensors), hashlib.sha256(prefix + raw))


def _bad(path: Path, why: str) -> BadFileError:
    return BadFileError(f"{path}: {why}", hint=f"download {path.name} again")


def _read_header(path: Path) -> tuple[bytes, bytes, int]:
    """The 8 bytes that say how long the header is, the header, and the size of the file."""
    try:
        with path.open("rb") as file:
            size_bytes = path.stat().st_size
            prefix = file.read(8)
            header_bytes = int.from_bytes(prefix, "little")
            if len(prefix) < 8:
                raise _bad(path, f"only {size_bytes} bytes, too short for a safetensors file")
            if header_bytes > MAX_HEADER_BYTES:
                raise _bad(
                    path, f"the header claims {header_bytes} bytes; {MAX_HEADER_BYTES} is the most"
                )
            if 8 + header_bytes > size_bytes:
                raise _bad(
                    path, f"the header claims {header_bytes} bytes in a file of {size_bytes}"
                )
            return prefix, file.read(header_bytes), size_bytes
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error


def _check_tiling(
    path: Path, tensors: Sequence[StoredTensor], data_offset: int, size_bytes: int
) -> None:
    """The tensors must fill the file from the header to its end, without gap or overlap."""
    end = data_offset
    for tensor in tensors:
        if tensor.offset + tensor.size_bytes > size_bytes:
            raise _bad(
                path,
                f"tensor {tensor.name} ends at byte {tensor.offset + tensor.size_bytes}, "
                f"but the file has {size_bytes}: it is cut short",
            )
        if tensor.offset != end:
            what = "overlaps the tensor before it" if tensor.offset < end else "leaves a gap"
            raise _bad(path, f"tensor {tensor.name} {what} (starts at {tensor.offset}, not {end})")
        end += tensor.size_bytes
    if end != size_bytes:
        raise _bad(path, f"{size_bytes - end} bytes after the last tensor belong to nothing")


def _parse_entry(name: str, entry: Any, data_offset: int) -> StoredTensor:
    """One tensor of a header; ValueError says what is wrong with it."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError("dtype, shape or data_offsets missing or malformed") from error
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"its shape is no list of at most {MAX_DIMENSIONS} sizes")
    if not all(type(number) is int and 0 <= number < 2**63 for number in (begin, end, *shape)):
        raise ValueError(f"shape {shape!s:.100} or offsets {[begin, end]!s:.100} are not sizes")
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        raise ValueError(f"unknown dtype {dtype!r:.100}")
    size_bytes = prod(shape) * _ITEM_BYTES[dtype]
    if end - begin != size_bytes:
        raise ValueError(f"{end - begin} bytes stored, but {dtype} {shape} takes {size_bytes}")
    return StoredTensor(name, dtype, tuple(shape), data_offset + begin, size_bytes)


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return value


def _weight_map(index: Path) -> dict[str, str]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadFileError(f"{index}: weight_map is missing or empty")
    for tensor, name in weight_map.items():
        # Only a plain name: an index from elsewhere must not reach files outside the folder.
        if not isinstance(name, str) or not re.fullmatch(r"[^/\\\0]+\.safetensors", name):
            raise BadFileError(
                f"{index}: {tensor} is said to be in {name!r}, which is not the name of a "
                "safetensors file in this folder"
            )
    return weight_map


def _shards_without_index(folder: Path) -> list[str]:
    if is_there(folder / "model.safetensors"):
        return ["model.safetensors"]
    names = sorted(path.name for path in folder.glob("model-*-of-*.safetensors"))
    for name in names:
        match = re.fullmatch(r"model-\d{5}-of-(\d{5})\.safetensors", name)
        total = int(match[1]) if match else 0
        if total != len(names):
            raise BadFileError(
                f"{folder} has {len(names)} of {total} safetensors shards and no {INDEX_NAME}",
                hint="finish the download of the checkpoint",
            )
    if names:
        return names
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt*")):
        raise BadFileError(
            f"{folder} holds only pickled weights (.bin), which are never loaded: "
            "unpickling runs whatever code the file carries",
            hint="download the safetensors files (hubs often keep them in the revision refs/pr/1), "
            "or save them once with transformers: "
            "AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(NEW_DIR)",
        )
    raise BadFileError(
        f"{folder} holds no model.safetensors and no model-0000N-of-0000M.safetensors",
        hint="name the folder of a Hugging Face checkpoint",
    )


def _check_against_index(
    shards: tuple[Shard, ...], weight_map: dict[str, str] | None, index: Path
) -> None:
    place: dict[str, str] = {}
    for shard in shards:
        for tensor in shard.tensors:
            if tensor.name in place:
                raise BadFileError(
                    f"tensor {tensor.name} is in {place[tensor.name]} and in {shard.path.name}"
                )
            place[tensor.name] = shard.path.name
    if weight_map is None:
        return
    for name in sorted(place.keys() | weight_map.keys()):
        if place.get(name) != weight_map.get(name):
            raise BadFileError(
                f"{index}: tensor {name} is listed in {weight_map.get(name, 'no file')}, "
                f"but found in {place.get(name, 'none')}",
                hint="download the index and the shards from the same revision",
            )
