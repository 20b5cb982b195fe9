"""Reads names, numbers and texts from the start of a GGUF file, and trusts none of them.

Whatever the bytes are, a value is returned or BadFileError raised; time and memory are bounded by
`MAX_HEADER_BYTES`, not by what the file claims.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, overload

from starling_local.engine.gguf_types import ARRAY, BOOL, SCALARS, STRING
from starling_local.errors import BadFileError

# The largest headers in use, of 262,000 tokens and their merges, take 16 MB.
MAX_HEADER_BYTES = 32 << 20
MAX_STRINGS = 1_000_000
_FIRST_READ_BYTES = 1 << 20

U32, U64 = struct.Struct("<I"), struct.Struct("<Q")
_STRUCTS = {value_type: struct.Struct("<" + code) for value_type, code in SCALARS.items()}
# Of an array: type and number of its items.
_ITEMS = struct.Struct("<IQ")
_TRUTH = b"\0" + b"\1" * 255


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


class Source:
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
        """The error to raise for this file."""
        return BadFileError(
            f"{self.path}: {why}", hint=hint or f"download or convert {self.path.name} again"
        )

    def bad_here(self, why: str) -> BadFileError:
        """The error to raise for what is read at the moment, see `place`."""
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
        """The next numbers."""
        start = self.skip(layout.size)
        return layout.unpack_from(self.buffer, start)

    def name(self, max_bytes: int) -> str:
        """A key or the name of a tensor, which messages can show and C strings can hold."""
        (length,) = self.take(U64)
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
        if value_type == STRING:
            return self._string()
        if value_type == ARRAY:
            item_type, count = self.take(_ITEMS)
            return self._strings(count) if item_type == STRING else self._numbers(item_type, count)
        if value_type not in _STRUCTS:
            raise self.bad_here(f"unknown value type {value_type}")
        value: int | float | bool = self.take(_STRUCTS[value_type])[0]
        return value

    def _string(self) -> str:
        (length,) = self.take(U64)
        start = self.skip(length)
        raw = self.buffer[start : start + length]
        if b"\0" in raw:
            raise self.bad_here("a zero byte inside a text")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.bad_here(f"the text is not UTF-8: {error.reason}") from error

    def _numbers(self, item_type: int, count: int) -> array[Any]:
        if item_type == ARRAY:
            raise self.bad_here("an array of arrays, which llama.cpp does not read")
        if item_type not in _STRUCTS:
            raise self.bad_here(f"an array of the unknown value type {item_type}")
        start = self.skip(count * _STRUCTS[item_type].size)
        raw = self.buffer[start : self.position]
        if item_type == BOOL:
            return array("B", raw.translate(_TRUTH))
        return array(SCALARS[item_type], raw)

    def _strings(self, count: int) -> Strings:
        """Find where each string ends. This loop takes most of the time of reading a header."""
        if count > self._strings_left:
            raise self.bad_here(f"{count} strings; a header has at most {MAX_STRINGS}")
        self._strings_left -= count
        position = start = self.position
        self.load(start + count * U64.size)
        buffer, loaded, limit = self.buffer, len(self.buffer), self._limit
        ends, length_at = array("I", [0]), U64.unpack_from
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
