"""Reads the header of a GGUF file, and trusts nothing in it.

llama.cpp reads a model inside this very process, and ends it for some damage: an assertion is not
an exception. So this runs first. Whatever the bytes are, it returns a header that llama.cpp's own
reader accepts, or raises; time and memory are bounded by `MAX_HEADER_BYTES`, not by what the file
claims.

Sources: docs/gguf.md of ggml; `gguf_init_from_reader` in llama.cpp's ggml/src/gguf.cpp for the
rules; src/llama-model.cpp and src/llama-vocab.cpp for what is asserted later.
"""

from __future__ import annotations

import os
import stat
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from errno import ENAMETOOLONG, ENOENT, ENOTDIR
from itertools import pairwise
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, overload

from starling_local.errors import BadFileError, NotFoundError

# The largest headers in use, of 262,000 tokens and their merges, take 16 MB.
MAX_HEADER_BYTES = 32 << 20
MAX_KEYS = MAX_TENSORS = 1 << 16
MAX_STRINGS = 1_000_000
MAX_KEY_BYTES = 65_535
_FIRST_READ_BYTES = 1 << 20

# GGML_MAX_NAME, GGML_MAX_DIMS, TENSOR_ALIGNMENT, LLAMA_MAX_LAYERS, LLAMA_MAX_EXPERTS of llama.cpp.
_MAX_NAME_BYTES, _MAX_DIMENSIONS, _MEMORY_ALIGNMENT = 64, 4, 32
_MAX_LAYERS, _MAX_EXPERTS = 512, 1024
_DEFAULT_ALIGNMENT, _MAX_ALIGNMENT = 32, 1 << 21
_BYTE_TOKEN = 6  # LLAMA_TOKEN_TYPE_BYTE
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")
_ROPE_FACTORS = tuple(f"rope_{kind}.weight" for kind in ("freqs", "factors_long", "factors_short"))

# Value types: two kinds of their own, and the struct formats of the scalars.
_UINT32, _BOOL, _STRING, _ARRAY = 4, 7, 8, 9
SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRUCTS = {value_type: struct.Struct("<" + code) for value_type, code in SCALARS.items()}
_U32, _U64, _ITEMS = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<IQ")
# Of a tensor: dimensions, type, offset.
_TENSORS = [struct.Struct(f"<{count}QIQ") for count in range(_MAX_DIMENSIONS + 1)]
_TRUTH = b"\0" + b"\1" * 255

# Tensor types: elements and bytes of a block.
_F32 = 0
# fmt: off
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36),
    41: (128, 18),
}
# fmt: on

_CONVERT = "starling convert makes a GGUF file of a checkpoint folder"
# What is found where a GGUF file should be: first bytes (letters in lower case), name, hint.
_FOREIGN = (
    ((b"version https://git-lfs",), "a Git LFS pointer", "fetch what it stands for: git lfs pull"),
    ((b"pk\3\4",), "a zip archive, as PyTorch saves checkpoints", _CONVERT),
    ((b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"), "a pickle, as PyTorch saves them", _CONVERT),
    ((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zxz"), "a compressed file", "unpack it first"),
    (
        (b"lmgg", b"fmgg", b"tjgg"),
        "a GGML file from before GGUF",
        "download or convert the model as GGUF",
    ),
    (
        (b"<!doctype html", b"<html", b"<?xml"),
        "a web page",
        "download the .gguf file itself, not the page about it",
    ),
)


class Strings(Sequence[str]):
    """The strings of a metadata array, decoded when asked for; what is no UTF-8 is replaced."""

    def __init__(self, raw: bytes, ends: array[int]) -> None:
        """`raw` holds each string behind its 8-byte length; `ends` are a 0 and where each ends."""
        self._raw = raw
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        place = range(len(self))[index]
        raw = self._raw[self._ends[place] + 8 : self._ends[place + 1]]
        return raw.decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return (raw.decode("utf-8", "replace") for raw in self.undecoded())

    def undecoded(self) -> list[bytes]:
        """The strings as the file holds them."""
        raw, ends = self._raw, self._ends
        return [raw[start + 8 : end] for start, end in pairwise(ends)]


Value: TypeAlias = "int | float | bool | str | Strings | array[int] | array[float]"
"""Of metadata. Arrays of booleans are arrays of 0 and 1."""


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


def read_header(path: Path) -> GgufHeader:
    """Read and check everything before the tensors' bytes, and that those are all there.

    Raises:
        NotFoundError: there is no such file.
        BadFileError: the file is not GGUF, damaged, cut short, one part of several, or holds what
            llama.cpp would end the process for.
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


def _read(path: Path) -> GgufHeader:
    # Asked before it is opened: to open a pipe waits for a writer, and a device may act on it.
    _check_kind(path, path.stat().st_mode)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        _check_kind(path, status.st_mode)
        return _parse(_Source(path, file, status.st_size))
    finally:
        os.close(file)


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise BadFileError(
            f"{path} is a folder, not a GGUF file",
            hint=f"name the .gguf file inside it; {_CONVERT}",
        )
    if not stat.S_ISREG(mode):
        raise BadFileError(
            f"{path} is a pipe or a device, not a file", hint="name a .gguf file on a disk"
        )


class _Source:
    """The start of a file, read as far as it is asked for, and a position in it.

    Read and not mapped: a file that is cut short meanwhile must not end the process.
    """

    def __init__(self, path: Path, file: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.buffer = b""
        self.position = 0
        self.place = "the header"
        self.path = path
        self._file = file
        self._limit = min(size_bytes, MAX_HEADER_BYTES)
        self._strings_left = MAX_STRINGS

    def bad(self, why: str, hint: str | None = None) -> BadFileError:
        return BadFileError(
            f"{self.path}: {why}", hint=hint or f"download or convert {self.path.name} again"
        )

    def bad_here(self, why: str) -> BadFileError:
        return self.bad(f"{self.place}: {why}")

    def load(self, end: int) -> None:
        """Have the bytes before position `end` in the buffer."""
        if end <= len(self.buffer):
            return
        if end > self.size_bytes:
            raise self.bad_here(
                f"reaches to byte {end} of a file of {self.size_bytes} bytes; it is damaged, or its"
                " download is incomplete"
            )
        if end > MAX_HEADER_BYTES:
            raise self.bad_here(
                f"reaches to byte {end}; no header is larger than {MAX_HEADER_BYTES} bytes"
            )
        wanted = min(max(end, 2 * len(self.buffer), _FIRST_READ_BYTES), self._limit)
        while len(self.buffer) < wanted:
            more = os.pread(self._file, wanted - len(self.buffer), len(self.buffer))
            if not more:
                raise self.bad("the file became shorter while it was read")
            self.buffer += more

    def skip(self, count: int) -> int:
        """Go `count` bytes forward; returns the position before."""
        start = self.position
        self.load(start + count)
        self.position += count
        return start

    def take(self, layout: struct.Struct) -> tuple[Any, ...]:
        start = self.skip(layout.size)
        return layout.unpack_from(self.buffer, start)

    def name(self, max_bytes: int) -> str:
        """A key or the name of a tensor, which messages can show and C strings can hold."""
        (length,) = self.take(_U64)
        if not 0 < length <= max_bytes:
            raise self.bad_here(f"a name of {length} bytes; 1 to {max_bytes} are possible")
        start = self.skip(length)
        raw = self.buffer[start : start + length]
        name = raw.decode("utf-8", "replace")
        if "\ufffd" in name or not name.isprintable():
            raise self.bad_here(f"the name {raw!r:.100} is no plain text")
        return name

    def value(self, value_type: int) -> Value:
        """A value of metadata."""
        if value_type == _STRING:
            return self._string()
        if value_type == _ARRAY:
            item_type, count = self.take(_ITEMS)
            return self._strings(count) if item_type == _STRING else self._numbers(item_type, count)
        if value_type not in _STRUCTS:
            raise self.bad_here(f"unknown value type {value_type}")
        value: int | float | bool = self.take(_STRUCTS[value_type])[0]
        return value

    def _string(self) -> str:
        (length,) = self.take(_U64)
        start = self.skip(length)
        raw = self.buffer[start : start + length]
        if b"\0" in raw:
            raise self.bad_here("a zero byte inside a text")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.bad_here(f"the text is not UTF-8: {error.reason}") from error

    def _numbers(self, item_type: int, count: int) -> array[Any]:
        if item_type == _ARRAY:
            raise self.bad_here("an array of arrays, which llama.cpp does not read")
        if item_type not in _STRUCTS:
            raise self.bad_here(f"an array of the unknown value type {item_type}")
        start = self.skip(count * _STRUCTS[item_type].size)
        raw = self.buffer[start : self.position]
        if item_type == _BOOL:
            return array("B", raw.translate(_TRUTH))
        return array(SCALARS[item_type], raw)

    def _strings(self, count: int) -> Strings:
        """Find where each string ends. This loop takes most of the time of reading a header."""
        if count > self._strings_left:
            raise self.bad_here(f"{count} strings; a header has at most {MAX_STRINGS}")
        self._strings_left -= count
        position = start = self.position
        self.load(start + count * _U64.size)
        buffer, loaded, limit = self.buffer, len(self.buffer), self._limit
        ends, length_at = array("I", [0]), _U64.unpack_from
        for _ in range(count):
            if position + 8 > loaded:
                self.load(position + 8)
                buffer, loaded = self.buffer, len(self.buffer)
            position += 8 + length_at(buffer, position)[0]
            if position > limit:
                break
            ends.append(position - start)
        self.skip(position - start)
        return Strings(self.buffer[start:position], ends)


def _parse(source: _Source) -> GgufHeader:
    version, n_tensors, n_keys = _read_counts(source)
    metadata, alignment = _read_metadata(source, n_keys)
    _check_metadata(source, metadata)
    tensors = _read_tensors(source, n_tensors, alignment)
    # As llama.cpp: without tensors there is no padding.
    data_offset = _padded(source.position, alignment if tensors else 1)
    end = data_offset + (tensors[-1].offset + tensors[-1].size_bytes if tensors else 0)
    if end > source.size_bytes:
        raise source.bad(
            f"{end - source.size_bytes} of {end} bytes are missing; the download is incomplete",
            f"download {source.path.name} again, or resume the download",
        )
    return GgufHeader(version, MappingProxyType(metadata), tensors, data_offset, source.size_bytes)


def _read_counts(source: _Source) -> tuple[int, int, int]:
    """Version, number of tensors and of keys, of a file that is GGUF."""
    if source.size_bytes == 0:
        raise source.bad("the file is empty")
    source.load(min(source.size_bytes, 64))
    if source.buffer[:4] != b"GGUF":
        what, hint = _foreign(source.buffer[:64], source.size_bytes)
        raise source.bad(f"this is {what}, not a GGUF file", hint)
    source.position = 4
    (version,) = source.take(_U32)
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
    n_tensors, n_keys = source.take(struct.Struct("<QQ"))
    return version, n_tensors, n_keys


def _foreign(start: bytes, size_bytes: int) -> tuple[str, str | None]:
    """What a file is that begins with `start`, and what to do with it."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for prefixes, what, hint in _FOREIGN:
        if text.startswith(prefixes):
            return what, hint
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size_bytes:
        return "a safetensors file", "convert the folder it is in: starling convert FOLDER"
    if not start.strip(b"\0"):
        return "a file of zeros, as a broken download leaves it", None
    return f"a file that begins with {start[:4]!r}", None


def _read_metadata(source: _Source, n_keys: int) -> tuple[dict[str, Value], int]:
    """All keys and values, and the alignment of the data."""
    # Length, one character, type and value take 14 bytes at least.
    if n_keys > MAX_KEYS or source.position + n_keys * 14 > source.size_bytes:
        raise source.bad_here(f"{n_keys} metadata keys in a file of {source.size_bytes} bytes")
    metadata: dict[str, Value] = {}
    alignment = _DEFAULT_ALIGNMENT
    for number in range(n_keys):
        source.place = f"metadata key {number}"
        key = source.name(MAX_KEY_BYTES)
        source.place = f"metadata {key:.100}"
        if key in metadata:
            raise source.bad_here("is there twice")
        (value_type,) = source.take(_U32)
        value = metadata[key] = source.value(value_type)
        if key == "general.alignment":
            if value_type != _UINT32 or not isinstance(value, int):
                raise source.bad_here("is not an unsigned 32-bit number")
            alignment = value
    # Less than its own alignment of memory makes llama.cpp end the process.
    is_power = alignment & (alignment - 1) == 0
    if not is_power or not _MEMORY_ALIGNMENT <= alignment <= _MAX_ALIGNMENT:
        raise source.bad(
            f"general.alignment is {alignment}, not a power of two from"
            f" {_MEMORY_ALIGNMENT} to {_MAX_ALIGNMENT}"
        )
    return metadata, alignment


def _check_metadata(source: _Source, metadata: Mapping[str, Value]) -> None:
    """Refuse what cannot be loaded alone, and the values that llama.cpp ends the process for.

    It does so with GGML_ASSERT in `llama_model_base::load_hparams` and `llama_vocab::impl::load`.
    Most other contradictions it reports, among them values of a wrong type.
    """
    parts = metadata.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise source.bad(
            f"this file is one of {parts} parts of a model",
            "join them: llama-gguf-split --merge FIRST_PART OUTPUT",
        )
    architecture = metadata.get("general.architecture")
    prefix = f"{architecture}."
    layers = metadata.get(prefix + "block_count", 1)
    if isinstance(layers, int) and not 1 <= layers <= _MAX_LAYERS:
        raise source.bad(f"{prefix}block_count is {layers}; 1 to {_MAX_LAYERS} are possible")
    scaling = metadata.get(prefix + "rope.scaling.type")
    if isinstance(scaling, str) and scaling not in _ROPE_SCALINGS:
        raise source.bad(f"{prefix}rope.scaling.type {scaling!r:.40} is unknown to llama.cpp")
    if not _are_experts_possible(metadata, prefix):
        raise source.bad(f"the numbers of experts, {prefix}expert_*, contradict each other")
    last = metadata.get(prefix + "nextn_predict_layers", 0)
    if isinstance(last, int) and isinstance(layers, int) and last > layers:
        raise source.bad(f"{prefix}nextn_predict_layers is {last}, of {layers} layers")
    tokens = metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, Strings):
        _check_tokens(source, tokens)
    types = metadata.get("tokenizer.ggml.token_type")
    is_bert = metadata.get("tokenizer.ggml.model") == "bert"
    if is_bert and isinstance(types, array) and _BYTE_TOKEN in types:
        raise source.bad("a vocabulary of type bert has byte tokens")


def _are_experts_possible(metadata: Mapping[str, Value], prefix: str) -> bool:
    def number(name: str) -> int:
        value = metadata.get(prefix + name, 0)
        if isinstance(value, array) and value.typecode not in "fd":
            return int(max(value, default=0))
        return value if isinstance(value, int) else 0

    experts, used = number("expert_count"), number("expert_used_count")
    groups, groups_used = number("expert_group_count"), number("expert_group_used_count")
    if experts == 0:
        return used == 0 and groups == 0
    if groups > 1 and not (experts % groups == 0 and 0 < groups_used < groups):
        return False
    return 0 < used <= experts <= _MAX_EXPERTS and 0 <= groups < experts


def _check_tokens(source: _Source, tokens: Strings) -> None:
    """Refuse a vocabulary with the same text twice, as llama.cpp reads it: C strings."""
    texts = tokens.undecoded()
    if b"\0" in b"".join(texts):
        texts = [text.partition(b"\0")[0] for text in texts]
    if b"" in texts:
        texts = [text or b"[EMPTY_%d]" % number for number, text in enumerate(texts)]
    if len(set(texts)) < len(texts):
        ((twice, _),) = Counter(texts).most_common(1)
        raise source.bad(f"the token {twice.decode('utf-8', 'replace')!r:.80} is there twice")


def _read_tensors(source: _Source, n_tensors: int, alignment: int) -> tuple[TensorInfo, ...]:
    # Name, one dimension, type and offset take 33 bytes at least.
    source.place = "the list of tensors"
    if n_tensors > MAX_TENSORS or source.position + n_tensors * 33 > source.size_bytes:
        raise source.bad_here(f"{n_tensors} tensors in a file of {source.size_bytes} bytes")
    tensors: dict[str, TensorInfo] = {}
    expected = 0
    for number in range(n_tensors):
        source.place = f"tensor {number}"
        name = source.name(_MAX_NAME_BYTES - 1)
        source.place = f"tensor {name}"
        if name in tensors:
            raise source.bad_here("is there twice")
        (n_dimensions,) = source.take(_U32)
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            raise source.bad_here(f"{n_dimensions} dimensions; 1 to {_MAX_DIMENSIONS} are possible")
        *shape, type_id, offset = source.take(_TENSORS[n_dimensions])
        size_bytes = _size_bytes(source, shape, type_id)
        if name in _ROPE_FACTORS and type_id != _F32:
            raise source.bad_here("is not of type F32, as llama.cpp requires")
        if offset != expected:
            raise source.bad_here(f"is at offset {offset}; the tensors before end at {expected}")
        tensors[name] = TensorInfo(name, tuple(shape), type_id, offset, size_bytes)
        expected = _padded(offset + size_bytes, alignment)
    return tuple(tensors.values())


def _size_bytes(source: _Source, shape: Sequence[int], type_id: int) -> int:
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
