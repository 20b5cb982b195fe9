"""What a call reads: files and stdin, all of it text in UTF-8."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from starling_local.errors import BadFileError, NotFoundError


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark. Raises NotFoundError, or BadFileError."""
    try:
        return _decoded(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise BadFileError(f"cannot read {path}: {error}") from error


def read_all(stream: TextIO) -> str:
    """All of a stream, whatever the locale takes it for. Raises BadFileError if it is not UTF-8."""
    raw = getattr(stream, "buffer", None)
    return stream.read() if raw is None else _decoded(raw.read(), "stdin")


def argument(text: str) -> str:
    """A text of the command line in UTF-8, whatever the locale took it for."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decoded(raw: bytes, name: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFileError(
            f"{name} is no text in UTF-8: byte {error.start + 1} cannot be",
            hint="convert it first: iconv -t UTF-8",
        ) from error
    if "\0" in text:
        raise BadFileError(f"{name} is no text: it has zero bytes")
    return text
