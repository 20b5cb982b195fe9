"""Reads the small files of a checkpoint: bounded, and with one kind of error.

A checkpoint comes from elsewhere: a link that leads nowhere, a device in place of a file or a text
file of several gigabytes must end in a message.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from starling_local.errors import BadFileError

# Real tokenizer and JSON files are below 20 MB.
MAX_FILE_BYTES = 64_000_000


def is_there(path: Path, hint: str = "finish the download of the checkpoint") -> bool:
    """Whether a file of this name exists; `hint` is for a name that is something else.

    Raises:
        BadFileError: the name exists, but leads nowhere or to something that is no regular file,
            or the folder does not let one look.
    """
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return True
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.lexists(path):
            return False
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    raise BadFileError(
        f"{path} is a link that leads nowhere, or no regular file",
        hint=hint,
    )


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        BadFileError: the file cannot be read, or is absurdly large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise BadFileError(f"{path} is larger than {MAX_FILE_BYTES} bytes, far beyond any real one")
    return raw


def read_text(path: Path) -> str:
    """The text of a UTF-8 file.

    Raises:
        BadFileError: as `read_bytes`, or the file is no UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFileError(f"{path} is not UTF-8 text: {error.reason}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        BadFileError: as `read_text`, or the file is no JSON, or holds something else.
    """
    text = read_text(path)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFileError(
            f"{path} is not readable JSON: {error}", hint=f"download {path.name} again"
        ) from error
    if not isinstance(value, dict):
        raise BadFileError(f"{path} holds {type(value).__name__}, not a JSON object")
    return value


def read_optional_json(path: Path) -> dict[str, Any]:
    """`read_json`, or an empty object where there is no such file."""
    return read_json(path) if is_there(path) else {}
