"""Copies of a GGUF file with some bytes changed, none of them moved."""

from __future__ import annotations

import struct
from pathlib import Path

UINT32, FLOAT32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5


class Patched:
    """A file's bytes while they are changed."""

    def __init__(self, source: Path) -> None:
        self._raw = bytearray(source.read_bytes())

    def number(self, key: str, value: int) -> Patched:
        """Give a 32-bit number another value."""
        struct.pack_into("<I", self._raw, self._after(key, struct.pack("<I", UINT32)), value)
        return self

    def key(self, name: str, other: str) -> Patched:
        """Give a key another name."""
        return self._replace(name.encode(), other.encode())

    def item(self, key: str, index: int, value: int | float) -> Patched:
        """Give an item of an array of 32-bit numbers another value."""
        letter, kind = ("f", FLOAT32) if isinstance(value, float) else ("i", INT32)
        start = self._after(key, struct.pack("<II", ARRAY, kind)) + 8
        struct.pack_into("<" + letter, self._raw, start + 4 * index, value)
        return self

    def token(self, text: bytes, other: bytes) -> Patched:
        """Give a token another text."""
        return self._replace(text, other)

    def write(self, path: Path) -> Path:
        """Write it all; returns the path."""
        path.write_bytes(self._raw)
        return path

    def _after(self, key: str, kind: bytes) -> int:
        found = struct.pack("<Q", len(key)) + key.encode() + kind
        return self._raw.index(found) + len(found)

    def _replace(self, text: bytes, other: bytes) -> Patched:
        assert len(text) == len(other)
        found = struct.pack("<Q", len(text)) + text
        start = self._raw.index(found) + 8
        self._raw[start : start + len(other)] = other
        return self
