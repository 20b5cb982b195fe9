"""What the user has chosen of models: the default one, and folders where others are."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starling_local.errors import BadFileError, ConversionError
from starling_local.files import write_whole
from starling_local.store.folders import data_folder

FILE_NAME = "models.json"


@dataclass(frozen=True)
class Preferences:
    """`default` is a model's name, or None for the built-in one; `folders` are absolute."""

    default: str | None = None
    folders: tuple[Path, ...] = ()


def read_preferences(environ: Mapping[str, str]) -> Preferences:
    """What is chosen; nothing if there is no file. Raises BadFileError if it is damaged."""
    path = data_folder(environ) / FILE_NAME
    try:
        stored = json.loads(path.read_bytes())
        default, folders = stored["default"], stored["folders"]
        is_right = isinstance(default, str | None) and isinstance(folders, list)
        if not is_right or not all(isinstance(name, str) for name in folders):
            raise TypeError("its values are of the wrong kind")
        return Preferences(default, tuple(map(Path, folders)))
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFileError(
            f"cannot read {path}: {error}",
            hint="remove it; then choose the default model and add folders again",
        ) from error


def change_preferences(
    environ: Mapping[str, str], change: Callable[[Preferences], Preferences]
) -> Preferences:
    """Write what `change` makes of the preferences; two processes do not undo each other's.

    Raises BadFileError if what is there is damaged, ConversionError if it cannot be written.
    """
    folder = data_folder(environ)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{FILE_NAME}.lock").open("wb")
    except OSError as error:
        raise ConversionError(
            f"cannot write to {folder}: {error.strerror}",
            hint="name a folder that can be written: STARLING_DATA_DIR=FOLDER",
        ) from error
    with lock:
        # A file system without locks does not stop us.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        changed = change(read_preferences(environ))
        stored = {"default": changed.default, "folders": [str(path) for path in changed.folders]}
        write_whole(folder / FILE_NAME, [json.dumps(stored, indent=1).encode() + b"\n"])
    return changed
