"""Reads the header of a GGUF file, and trusts nothing in it.

llama.cpp reads a model inside this very process, and ends it for some damage: an assertion is not
an exception. So this runs first. Whatever the bytes are, it returns a header that llama.cpp's own
reader accepts, or raises.

Sources: docs/gguf.md of ggml; `gguf_init_from_reader` in llama.cpp's ggml/src/gguf.cpp for the
rules.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from errno import ENAMETOOLONG, ENOENT, ENOTDIR
from math import prod
from pathlib import Path
from types import MappingProxyType

from starling_local.engine.gguf_checks import check_metadata
from starling_local.engine.gguf_foreign import CONVERT, foreign
from starling_local.engine.gguf_source import U32, Source, Strings, Value
from starling_local.engine.gguf_types import BLOCKS, F32, UINT32
from starling_local.errors import BadFileError, NotFoundError

__all__ = ["GgufHeader", "HeaderSoFar", "Strings", "TensorInfo", "Value", "read_header"]

MAX_KEYS = MAX_TENSORS = 1 << 16
MAX_KEY_BYTES = 65_535
# GGML_MAX_NAME, GGML_MAX_DIMS, TENSOR_ALIGNMENT of llama.cpp.
_MAX_NAME_BYTES, _MAX_DIMENSIONS, _MEMORY_ALIGNMENT = 64, 4, 32
_DEFAULT_ALIGNMENT, _MAX_ALIGNMENT = 32, 1 << 21
_ROPE_FACTORS = tuple(f"rope_{kind}.weight" for kind in ("freqs", "factors_long", "factors_short"))
# Of a file: number of tensors and of keys. Of a tensor: dimensions, type, offset.
_COUNTS = struct.Struct("<QQ")
_TENSORS = [struct.Struct(f"<{count}QIQ") for count in range(_MAX_DIMENSIONS + 1)]


@dataclass(frozen=True)
class TensorInfo:
    """A tensor: `shape` as GGUF has it, row length first; `offset` from the start of the data."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class GgufHeader:
    """What a file says about itself; `data_offset` is where the tensors' bytes begin."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    file_size_bytes: int


@dataclass(frozen=True)
class HeaderSoFar:
    """What could be read of a header, and the first thing that is wrong with it, if something is.

    Unless `has_metadata`, keys are missing; unless `is_listed`, tensors are.
    """

    header: GgufHeader
    has_metadata: bool
    is_listed: bool
    problem: BadFileError | None


def read_header(path: Path) -> GgufHeader:
    """Read and check everything before the tensors' bytes, and that those are all there.

    Raises:
        NotFoundError: there is no such file.
        BadFileError: the file is not GGUF, damaged, cut short, one part of several, or holds what
            llama.cpp would end the process for.
    """
    found = read_header_so_far(path)
    if found.problem:
        raise found.problem
    return found.header


def read_header_so_far(path: Path) -> HeaderSoFar:
    """As `read_header`, but damage ends the reading and is no error, once the file is GGUF.

    Raises:
        NotFoundError: there is no such file.
        BadFileError: the file is not GGUF, or cannot be read.
    """
    try:
        return _read(path)
    except OSError as error:
        if error.errno in (ENOENT, ENOTDIR, ENAMETOOLONG):
            raise NotFoundError(
                f"no such file: {path}",
                hint="check the path; starling models list shows the models that are here",
            ) from error
        raise BadFileError(
            f"cannot read {path}: {error.strerror}",
            hint="check the permissions of the file and its folders, and the disk",
        ) from error


def _read(path: Path) -> HeaderSoFar:
    # Asked before it is opened: to open a pipe waits for a writer, and a device may act on it.
    _check_kind(path, path.stat().st_mode)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        _check_kind(path, status.st_mode)
        return _parse(Source(path, file, status.st_size))
    finally:
        os.close(file)


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise BadFileError(
            f"{path} is a folder, not a GGUF file",
            hint=f"name the .gguf file inside it; {CONVERT}",
        )
    if not stat.S_ISREG(mode):
        raise BadFileError(
            f"{path} is a pipe or a device, not a file", hint="name a .gguf file on a disk"
        )


def _parse(source: Source) -> HeaderSoFar:
    version, n_tensors, n_keys = _read_counts(source)
    metadata: dict[str, Value] = {}
    tensors: dict[str, TensorInfo] = {}
    has_metadata = is_listed = False
    data_offset, problem = 0, None
    try:
        alignment = _read_metadata(source, n_keys, metadata)
        has_metadata = True
        try:
            check_metadata(source, metadata)
        except BadFileError as error:
            problem = error
        _read_tensors(source, n_tensors, alignment, tensors)
        is_listed = True
        data_offset = _check_end(source, tensors, alignment)
    except BadFileError as error:
        problem = problem or error
    header = GgufHeader(
        version,
        MappingProxyType(metadata),
        tuple(tensors.values()),
        data_offset,
        source.size_bytes,
    )
    return HeaderSoFar(header, has_metadata, is_listed, problem)


def _check_end(source: Source, tensors: dict[str, TensorInfo], alignment: int) -> int:
    """Where the tensors' bytes begin, which must all be there."""
    # As llama.cpp: without tensors there is no padding.
    data_offset = _padded(source.position, alignment if tensors else 1)
    last = next(reversed(tensors.values())) if tensors else None
    end = data_offset + (last.offset + last.size_bytes if last else 0)
    if end > source.size_bytes:
        raise source.bad(
            f"{end - source.size_bytes} of {end} bytes are missing; the download is incomplete",
            f"download {source.path.name} again, or resume the download",
        )
    return data_offset


def _read_counts(source: Source) -> tuple[int, int, int]:
    """Version, number of tensors and of keys, of a file that is GGUF."""
    if source.size_bytes == 0:
        raise source.bad("the file is empty")
    source.load(min(source.size_bytes, 64))
    if source.buffer[:4] != b"GGUF":
        what, hint = foreign(source.buffer[:64], source.size_bytes)
        raise source.bad(f"this is {what}, not a GGUF file", hint)
    source.position = 4
    (version,) = source.take(U32)
    if version & 0xFFFF == 0:
        raise source.bad(
            "this GGUF file is big-endian, for machines of another byte order",
            "download it little-endian, or turn it round: gguf-convert-endian FILE little",
        )
    if version not in (2, 3):
        raise source.bad(
            f"GGUF version {version} is not supported; 2 and 3 are",
            "download or convert the model in the current version of GGUF",
        )
    n_tensors, n_keys = source.take(_COUNTS)
    return version, n_tensors, n_keys


def _read_metadata(source: Source, n_keys: int, metadata: dict[str, Value]) -> int:
    """Add all keys and values; returns the alignment of the data."""
    # Length, one character, type and value take 14 bytes at least.
    if n_keys > MAX_KEYS or source.position + n_keys * 14 > source.size_bytes:
        raise source.bad_here(f"{n_keys} metadata keys in a file of {source.size_bytes} bytes")
    alignment = _DEFAULT_ALIGNMENT
    for number in range(n_keys):
        source.place = f"metadata key {number}"
        key = source.name(MAX_KEY_BYTES)
        source.place = f"metadata {key:.100}"
        if key in metadata:
            raise source.bad_here("is there twice")
        (value_type,) = source.take(U32)
        value = metadata[key] = source.value(value_type)
        if key == "general.alignment":
            if value_type != UINT32 or not isinstance(value, int):
                raise source.bad_here("is not an unsigned 32-bit number")
            alignment = value
    # Less than its own alignment of memory makes llama.cpp end the process.
    is_power = alignment & (alignment - 1) == 0
    if not is_power or not _MEMORY_ALIGNMENT <= alignment <= _MAX_ALIGNMENT:
        raise source.bad(
            f"general.alignment is {alignment}, not a power of two from"
            f" {_MEMORY_ALIGNMENT} to {_MAX_ALIGNMENT}"
        )
    return alignment


def _read_tensors(
    source: Source, n_tensors: int, alignment: int, tensors: dict[str, TensorInfo]
) -> None:
    # Name, one dimension, type and offset take 33 bytes at least.
    source.place = "the list of tensors"
    if n_tensors > MAX_TENSORS or source.position + n_tensors * 33 > source.size_bytes:
        raise source.bad_here(f"{n_tensors} tensors in a file of {source.size_bytes} bytes")
    expected = 0
    for number in range(n_tensors):
        source.place = f"tensor {number}"
        name = source.name(_MAX_NAME_BYTES - 1)
        source.place = f"tensor {name}"
        if name in tensors:
            raise source.bad_here("is there twice")
        (n_dimensions,) = source.take(U32)
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            raise source.bad_here(f"{n_dimensions} dimensions; 1 to {_MAX_DIMENSIONS} are possible")
        *shape, type_id, offset = source.take(_TENSORS[n_dimensions])
        size_bytes = _size_bytes(source, shape, type_id)
        if name in _ROPE_FACTORS and type_id != F32:
            raise source.bad_here("is not of type F32, as llama.cpp requires")
        if offset != expected:
            raise source.bad_here(f"is at offset {offset}; the tensors before end at {expected}")
        tensors[name] = TensorInfo(name, tuple(shape), type_id, offset, size_bytes)
        expected = _padded(offset + size_bytes, alignment)


def _size_bytes(source: Source, shape: Sequence[int], type_id: int) -> int:
    n_weights = prod(shape)
    if not 0 < n_weights < 1 << 63:
        raise source.bad_here(f"the shape {tuple(shape)} is not possible")
    if type_id not in BLOCKS:
        raise source.bad_here(f"unknown tensor type {type_id}")
    block_weights, block_bytes = BLOCKS[type_id]
    if shape[0] % block_weights:
        raise source.bad_here(f"rows of {shape[0]} weights, in blocks of {block_weights}")
    return n_weights // block_weights * block_bytes


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
