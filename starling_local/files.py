"""Reading files that are text, and writing files that are whole or not there at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from starling_local.errors import BadFileError, ConversionError, NotFoundError, UsageError
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from ctypes import Array, c_uint8


def write_whole(path: Path, parts: Iterable[bytes | memoryview | Array[c_uint8]]) -> None:
    """Write a file that only its owner may read; it gets its name when it is on the disk.

    What was there before is replaced then, and unharmed until then. If two processes write to one
    path, the last one's file stays. Raises ConversionError if the disk is full, and the like.
    """
    part_path = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
        part_path = Path(name)
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        part_path.replace(path)
    except OSError as error:
        raise ConversionError(
            f"cannot write {path}: {error.strerror}", hint="free some space, or name another folder"
        ) from error
    finally:
        if part_path is not None:
            with suppress(OSError):
                part_path.unlink(missing_ok=True)


def write_where_told(path: Path, content: bytes, *, force: bool) -> None:
    """Write to a file that the user named, which may be a pipe or a device.

    Raises UsageError if there is a file already, unless `force`; ConversionError if it cannot be
    written.
    """
    # A link leads to the file that is meant.
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ConversionError(f"cannot write {path}: {error.strerror}") from error
        return
    check_place(path, force=force)
    write_whole(path, [content])


def check_place(path: Path, *, force: bool) -> None:
    """Whether a file that the user named can be begun, asked before the work for it is done.

    Raises UsageError if there is a file already, unless `force`; NotFoundError without a folder.
    """
    path = Path(os.path.realpath(path))
    if path.is_file() and not force:
        raise UsageError(f"{path} exists", hint="name another file, or replace it with --force")
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {printable(str(path.parent))}")


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark. Raises NotFoundError, or BadFileError."""
    name = printable(str(path))
    try:
        return decoded(path.read_bytes(), name)
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {name}") from None
    except (OSError, ValueError) as error:
        raise BadFileError(f"cannot read {name}: {error}") from error


def decoded(raw: bytes, name: str) -> str:
    """Bytes as text, without a byte order mark; `name` is theirs. Raises BadFileError."""
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
