"""Text files that are put before a message."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from starling_local.errors import BadFileError, NotFoundError
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
    """The text of a file. Raises NotFoundError, or BadFileError if it is none."""
    name = printable(str(path))
    try:
        # Asked before it is opened: to open a pipe waits for a writer.
        if path.exists() and not path.is_file():
            raise BadFileError(f"{name} is no file")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {name}") from None
    except UnicodeDecodeError:
        raise BadFileError(f"{name} is no text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise BadFileError(f"cannot read {name}: {error}") from error
    if "\0" in text:
        raise BadFileError(f"{name} is no text: it has zero bytes")
    return text.rstrip("\n")
