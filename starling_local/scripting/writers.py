"""The forms in which answers go out: plain text as it comes, one JSON object, or one a piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starling_local.engine.generation import Chunk, LastChunk
from starling_local.plain_text import harmless
from starling_local.scripting.completion import Completion

Write = Callable[[str], None]


class Writer(Protocol):
    """Takes the pieces of answers."""

    def begin(self) -> None:
        """Before the first piece."""

    def take(self, index: int, chunk: Chunk) -> None:
        """A piece of the answer of that index."""

    def finish(self) -> None:
        """After the last one."""


class PlainWriter:
    """The answers' text, one after the other, each with `end` behind it; harmless to a terminal.

    With the end of a line, an answer that ends in one gets no other.
    """

    def __init__(self, write: Write, end: str = "\n") -> None:
        self._write = write
        self._end = end
        self._current = 0
        self._last = ""
        # Of answers whose turn has not come.
        self._held: dict[int, list[Chunk]] = {}

    def begin(self) -> None:
        """Nothing comes before the text."""

    def take(self, index: int, chunk: Chunk) -> None:
        """Write a piece, or hold it until the answers before are done."""
        self._held.setdefault(index, []).append(chunk)
        while held := self._held.pop(self._current, None):
            for one in held:
                self._show(one)

    def _show(self, chunk: Chunk) -> None:
        self._last = chunk.text or self._last
        if chunk.text:
            self._write(harmless(chunk.text))
        if isinstance(chunk, LastChunk):
            if self._end != "\n" or not self._last.endswith("\n"):
                self._write(self._end)
            self._current, self._last = self._current + 1, ""

    def finish(self) -> None:
        """Nothing comes after the text."""


class JsonWriter:
    """One `chat.completion` on a line."""

    def __init__(self, write: Write, completion: Completion) -> None:
        self._write = write
        self._completion = completion

    def begin(self) -> None:
        """Nothing is written before the end."""

    def take(self, index: int, chunk: Chunk) -> None:
        """Nothing is written before the end."""

    def finish(self) -> None:
        """Write the whole."""
        self._write(_line(self._completion.result()))


class JsonLinesWriter:
    """A `chat.completion.chunk` a line; the last says what all took."""

    def __init__(self, write: Write, completion: Completion) -> None:
        self._write = write
        self._completion = completion

    def begin(self) -> None:
        """Say who speaks."""
        for one in self._completion.first_chunks():
            self._write(_line(one))

    def take(self, index: int, chunk: Chunk) -> None:
        """Write a piece."""
        self._write(_line(self._completion.chunk(index, chunk)))

    def finish(self) -> None:
        """Say what all took."""
        self._write(_line(self._completion.usage_chunk()))


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, allow_nan=False) + "\n"
