"""Text files that are put before a message."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from starling_local.errors import BadFileError
from starling_local.files import read_text
from starling_local.plain_text import printable


def path_of(typed: str) -> Path:
    """The file that a user names: as it is, or else as a shell would read it."""
    plain = _expanded(typed)
    if os.path.exists(plain):  # noqa: PTH110, Path.exists may raise
        return plain
    try:
        words = shlex.split(typed)
    except ValueError:
        # A quotation mark that is not closed is one of the name.
        words = [typed]
    return _expanded(" ".join(words))


def _expanded(typed: str) -> Path:
    # Path.expanduser raises for a user that does not exist.
    return Path(os.path.expanduser(typed))  # noqa: PTH111


def text_of(path: Path) -> str:
    """The text of a file, without its last line's end. Raises what `read_text` raises."""
    # Asked before it is opened: to open a pipe waits for a writer.
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113, these never raise
        raise BadFileError(f"{printable(str(path))} is no file")
    return read_text(path).rstrip("\n")
