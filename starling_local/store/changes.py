"""Changes to the store: removing models, adding folders of others, choosing the default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote

from starling_local.errors import ConversionError, NotFoundError, UsageError
from starling_local.store.library import (
    StoredModel,
    find_models,
    models_folder,
    one_model,
    stored_models,
)
from starling_local.store.nano import NAME
from starling_local.store.preferences import Preferences, change_preferences, read_preferences
from starling_local.store.records import remove_record


def removable(name: str, environ: Mapping[str, str]) -> StoredModel:
    """The one model of the store's own that a name means.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several, or it is not the store's own.
    """
    if name == NAME:
        raise UsageError(f"{NAME} is built in, and is not removed")
    path = Path(name).absolute()
    models = stored_models(environ)
    model = next((one for one in models if one.path == path), None) or one_model(name, models)
    if model is None:
        raise NotFoundError(f"no model {name} in the store", hint="starling models list")
    if not model.is_ours:
        raise UsageError(
            f"{model.path} is in a folder that was added, and is left alone",
            hint="remove the file yourself, or take the folder out of the list: starling models "
            "forget FOLDER",
        )
    return model


def remove(model: StoredModel, environ: Mapping[str, str]) -> int:
    """Remove a model's file and its record; the bytes that are free now.

    None are free as long as the file has another name, in the hub's cache for example. A process
    that runs the model keeps it until it ends. Raises ConversionError if it cannot be removed.
    """
    try:
        status = model.path.lstat()
        model.path.unlink()
    except FileNotFoundError:
        freed_bytes = 0
    except OSError as error:
        raise ConversionError(
            f"cannot remove {model.path}: {error.strerror}",
            hint=f"look who may write there: ls -ld {quote(str(model.path.parent))}",
        ) from error
    else:
        freed_bytes = status.st_size if status.st_nlink == 1 else 0
    remove_record(models_folder(environ), model.path)
    return freed_bytes


def forget_lost_default(environ: Mapping[str, str]) -> str | None:
    """Let the built-in model be the default if the chosen one is gone; the name of the lost one."""
    chosen = read_preferences(environ).default
    if chosen is None or Path(chosen).is_file() or find_models(chosen, stored_models(environ)):
        return None
    change_preferences(environ, lambda before: replace(before, default=None))
    return chosen


def add_folder(folder: Path, environ: Mapping[str, str]) -> Path:
    """Let the models below a folder be found, where they are; its absolute path.

    Raises:
        NotFoundError: there is no such folder.
        UsageError: it is the store's own.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - without `..`, links as they are
    if not folder.is_dir():
        raise NotFoundError(f"no such folder: {folder}")
    if folder == models_folder(environ):
        raise UsageError(f"{folder} is the store's own folder")

    def change(before: Preferences) -> Preferences:
        return replace(before, folders=tuple(dict.fromkeys((*before.folders, folder))))

    change_preferences(environ, change)
    return folder


def forget_folder(folder: Path, environ: Mapping[str, str]) -> Path:
    """Take a folder out of the list; its files stay. Raises NotFoundError if it is not there."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - as when it was added
    folders = read_preferences(environ).folders
    if folder not in folders:
        raise NotFoundError(
            f"{folder} is not among the added folders",
            hint=f"there are: {', '.join(map(str, folders))}" if folders else None,
        )

    def change(before: Preferences) -> Preferences:
        return replace(before, folders=tuple(one for one in before.folders if one != folder))

    change_preferences(environ, change)
    return folder


def choose_default(name: str, environ: Mapping[str, str]) -> str:
    """Let a model be used where none is named; what it is called from now on.

    A path is kept whole, so that it means the same from any folder. Raises NotFoundError.
    """
    path = Path(name)
    found = find_models(name, stored_models(environ))
    chosen: str | None
    if os.path.isfile(path):  # noqa: PTH113 - false for names that are too long
        chosen = str(path.absolute())
    elif name == NAME:
        chosen = None
    elif found:
        chosen = found[0].name
    else:
        raise NotFoundError(f"no model {name} in the store", hint="starling models list")
    change_preferences(environ, lambda before: replace(before, default=chosen))
    return chosen or NAME
