"""What a call is given: stdin and arguments, all of it text in UTF-8 whatever the locale says."""

from __future__ import annotations

from typing import TextIO

from starling_local.files import decoded


def read_all(stream: TextIO) -> str:
    """All of a stream. Raises BadFileError if it is not UTF-8."""
    raw = getattr(stream, "buffer", None)
    return stream.read() if raw is None else decoded(raw.read(), "stdin")


def argument(text: str) -> str:
    """A text of the command line, read anew as UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
