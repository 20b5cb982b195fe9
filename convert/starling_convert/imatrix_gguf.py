"""llama.cpp's GGUF format of importance matrices: sums of squares and counts of tokens.

Source: `IMatrixCollector::save_imatrix` in llama.cpp's tools/imatrix/imatrix.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starling_convert.byte_reader import ByteReader
from starling_convert.gguf_file import ALIGNMENT, Layout, PlacedTensor, header_bytes, padded
from starling_convert.recipe import TensorType
from starling_convert.tensors import TensorSpec

GGUF_MAGIC = b"GGUF"
_TYPE, _DATASETS = "general.type", "imatrix.datasets"
_CHUNK_COUNT, _CHUNK_SIZE = "imatrix.chunk_count", "imatrix.chunk_size"
_SUMS, _COUNTS = ".in_sum2", ".counts"
_STRING, _ARRAY = 8, 9
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_F32 = 0
_MOST_DIMENSIONS = 4


@dataclass(frozen=True)
class StoredMatrix:
    """What a file holds: float32 [columns] by tensor name, its first text, its chunks."""

    means: Mapping[str, NDArray[np.float32]]
    dataset: str | None
    chunks: int


@dataclass(frozen=True)
class Activations:
    """Squares of what a weight matrix was multiplied with: float32 [columns], over `tokens`."""

    sums: NDArray[np.float32]
    tokens: int


def read_gguf(reader: ByteReader) -> StoredMatrix:
    """The matrix in a GGUF file.

    A count of 0 makes every column count the same, as in llama-quantize.

    Raises:
        BadFileError: it is damaged, is no importance matrix, or one of a mixture of experts.
    """
    reader.take(len(GGUF_MAGIC))
    if (version := reader.number("I")) not in (2, 3):
        raise reader.damaged(f"version {version} of GGUF is unknown")
    n_tensors, n_values = reader.number("Q"), reader.number("Q")
    metadata = {}
    for _ in range(n_values):
        key = reader.text(reader.number("Q"))
        metadata[key] = _value(reader, reader.number("I"))
    arrays = _arrays(reader, n_tensors, metadata)
    if not {_DATASETS, _CHUNK_COUNT, _CHUNK_SIZE} <= metadata.keys():
        raise reader.damaged(f"its metadata lacks {_DATASETS} and the like; is it a model?")
    datasets, chunks = metadata[_DATASETS], metadata[_CHUNK_COUNT]
    if not isinstance(datasets, list) or type(chunks) is not int:
        raise reader.damaged(f"{_DATASETS} or {_CHUNK_COUNT} is of another type")
    if not 0 <= chunks < 1 << 32:
        raise reader.damaged(f"{_CHUNK_COUNT} is {chunks}")
    dataset = str(datasets[0]) if datasets else None
    return StoredMatrix(_means(reader, arrays), dataset, chunks)


def _value(reader: ByteReader, kind: int) -> Any:
    if kind == _STRING:
        return reader.text(reader.number("Q"))
    if kind == _ARRAY:
        item_kind, count = reader.number("I"), reader.number("Q")
        if item_kind == _ARRAY or count > reader.left_bytes:
            raise reader.damaged("an array in its metadata cannot be")
        return [_value(reader, item_kind) for _ in range(count)]
    if kind not in _SCALARS:
        raise reader.damaged(f"its metadata has the unknown type {kind}")
    return reader.number(_SCALARS[kind])


def _arrays(
    reader: ByteReader, n_tensors: int, metadata: Mapping[str, Any]
) -> dict[str, NDArray[np.float32]]:
    """Every tensor of the file, flat, by name."""
    places: dict[str, tuple[int, int]] = {}
    most = reader.left_bytes // 4
    for _ in range(n_tensors):
        name = reader.text(reader.number("Q"))
        n_dimensions = reader.number("I")
        if n_dimensions > _MOST_DIMENSIONS or name in places:
            raise reader.damaged(f"tensor {name} cannot be")
        size = prod(reader.number("Q") for _ in range(n_dimensions))
        kind, offset = reader.number("I"), reader.number("Q")
        if kind != _F32:
            raise reader.damaged(f"tensor {name} is not F32")
        # Tensors that share their bytes would take any amount of memory.
        most -= size
        if most < 0:
            raise reader.damaged(f"tensor {name} is larger than what is left of the file")
        places[name] = size, offset
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= 1 << 20:
        raise reader.damaged(f"its alignment is {alignment!r:.100}")
    start = -(-reader.position // alignment) * alignment
    return {name: reader.floats_at(start + offset, n) for name, (n, offset) in places.items()}


def _means(
    reader: ByteReader, arrays: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    names = [name.removesuffix(_SUMS) for name in arrays if name.endswith(_SUMS)]
    if not names:
        raise reader.damaged("it has no entries")
    counted = {name.removesuffix(_COUNTS) for name in arrays if name.endswith(_COUNTS)}
    if lonely := counted ^ set(names):
        raise reader.damaged(f"{min(lonely)} has sums or counts, but not both")
    means = {}
    for name in names:
        sums, counts = arrays[name + _SUMS], arrays[name + _COUNTS]
        if len(counts) != 1:
            raise reader.damaged(f"{name} has {len(counts)} counts, as in a mixture of experts")
        if not 0 <= counts[0] < 2**63:
            raise reader.damaged(f"{name} was made of {counts[0]} tokens")
        means[name] = _mean(sums, counts[0])
    return means


def _mean(sums: NDArray[np.float32], count: np.float32) -> NDArray[np.float32]:
    whole = np.float32(np.floor(np.float64(count) + 0.5))
    with np.errstate(invalid="ignore"):  # NaN is refused with all other such numbers
        return sums / whole if whole > 0 else np.ones_like(sums)


def gguf_bytes(
    activations: Mapping[str, Activations], dataset: str, chunks: int, chunk_tokens: int
) -> bytes:
    """A GGUF file of sums and counts, byte for byte as llama-imatrix writes it."""
    from gguf import GGUFValue, GGUFValueType

    metadata = {
        _TYPE: GGUFValue("imatrix", GGUFValueType.STRING),
        _DATASETS: GGUFValue([dataset], GGUFValueType.ARRAY),
        _CHUNK_COUNT: GGUFValue(chunks, GGUFValueType.UINT32),
        _CHUNK_SIZE: GGUFValue(chunk_tokens, GGUFValueType.UINT32),
    }
    placed, data, end = [], [], 0
    for name in sorted(activations):
        sums, tokens = activations[name].sums, activations[name].tokens
        for suffix, values in ((_SUMS, sums), (_COUNTS, np.array([tokens], np.float32))):
            spec = TensorSpec("", name + suffix, values.shape)
            placed.append(PlacedTensor(spec, TensorType.F32, end, values.nbytes))
            raw = values.astype("<f4").tobytes()
            data.append(raw.ljust(padded(len(raw)), b"\0"))
            end += len(data[-1])
    return header_bytes(metadata, Layout(tuple(placed), end)) + b"".join(data)
