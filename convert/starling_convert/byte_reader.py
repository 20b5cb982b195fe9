"""Bytes of a file that nobody vouches for, read front to back and never beyond the end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starling_local.errors import BadFileError


class ByteReader:
    """Little-endian numbers, strings and arrays of `raw`, which is what `path` holds.

    Raises:
        BadFileError: what is asked for is not there.
    """

    def __init__(self, raw: bytes, path: Path) -> None:
        self.path = path
        self._raw = raw
        self._position = 0

    @property
    def position(self) -> int:
        """The byte that is read next."""
        return self._position

    @property
    def left_bytes(self) -> int:
        """Bytes that are not read yet."""
        return len(self._raw) - self._position

    def starts_with(self, magic: bytes) -> bool:
        """Whether the file begins with these bytes."""
        return self._raw.startswith(magic)

    def take(self, size_bytes: int) -> bytes:
        """The next bytes."""
        if not 0 <= size_bytes <= self.left_bytes:
            raise self.damaged(f"it ends early: {size_bytes} bytes are wanted at {self._position}")
        start = self._position
        self._position += size_bytes
        return self._raw[start : self._position]

    def number(self, kind: str) -> Any:
        """The next number, in one of struct's kinds."""
        return struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))[0]

    def text(self, size_bytes: int) -> str:
        """The next bytes as UTF-8; what is none is escaped."""
        return self.take(size_bytes).decode("utf-8", "backslashreplace")

    def floats(self, count: int) -> NDArray[np.float32]:
        """The next float32 numbers, as an array of its own."""
        return np.frombuffer(self.take(4 * count), "<f4").astype(np.float32)

    def floats_at(self, offset: int, count: int) -> NDArray[np.float32]:
        """Float32 numbers elsewhere in the file; what is read next stays the same."""
        if not 0 <= offset <= len(self._raw) or not 0 <= count <= (len(self._raw) - offset) // 4:
            raise self.damaged(f"it ends early: {count} numbers are wanted at byte {offset}")
        return np.frombuffer(self._raw, "<f4", count, offset).astype(np.float32)

    def damaged(self, what: str) -> BadFileError:
        """The error to raise for this file."""
        return BadFileError(f"{self.path} is no sound importance matrix: {what}")
