"""The models of this machine: the store's own files, and those of folders that the user added.

To find a model by its name only names of files are read: no header, no hash.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from starling_local.errors import UsageError
from starling_local.store.folders import data_folder
from starling_local.store.names import (
    ModelName,
    is_model_name,
    name_of_file,
    parse_name,
    preference,
)
from starling_local.store.preferences import read_preferences

FOLDER_NAME = "models"
# A file that a pull has not finished is called .NAME.gguf.download.
PART_SUFFIX = ".download"
# Below a folder that was added: LM Studio keeps OWNER/REPOSITORY/FILE.
_DEPTH = 3


@dataclass(frozen=True)
class StoredModel:
    """A GGUF file. `name` is what `-m` takes; `is_ours` if it lies in the store's own folder."""

    name: str
    file_name: ModelName
    path: Path
    is_ours: bool


def models_folder(environ: Mapping[str, str]) -> Path:
    """The store's own folder; not created here."""
    return data_folder(environ) / FOLDER_NAME


def stored_models(environ: Mapping[str, str]) -> tuple[StoredModel, ...]:
    """All models: the store's first, then folder by folder as they were added, by file name.

    Each has a name of its own: where two files would have the same one, the later goes by its file
    name, or by its path. Raises BadFileError if the list of folders is damaged.
    """
    ours = models_folder(environ)
    found = list(_ggufs(ours, depth=0))
    for folder in read_preferences(environ).folders:
        found += _ggufs(folder, _DEPTH)
    return _named(found, ours)


def unfinished_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """What downloads and conversions that go on, or were stopped, have in the store."""
    folder = models_folder(environ)
    return tuple(sorted([*folder.glob(f".*{PART_SUFFIX}"), *folder.glob("*.gguf.part")]))


def find_models(text: str, models: Iterable[StoredModel]) -> list[StoredModel]:
    """Those that a name means, the one that is meant first.

    A whole name or a file's name means that one file. A name without a type means all types of
    the model, in the order of `names.preference`, the store's own files first.
    """
    models = list(models)
    exact = [one for one in models if one.name == text] or [
        one for one in models if one.path.name == text
    ]
    if exact:
        return exact
    wanted = parse_name(text)
    order = {model: number for number, model in enumerate(models)}
    found = [
        model
        for model in models
        if model.file_name.base == wanted.base and wanted.tag in ("", model.file_name.tag)
    ]
    return sorted(
        found, key=lambda model: (not model.is_ours, preference(model.file_name.tag), order[model])
    )


def one_model(text: str, models: Iterable[StoredModel]) -> StoredModel | None:
    """The only model that a name means, or None. Raises UsageError if it means several."""
    found = find_models(text, models)
    if len(found) > 1:
        names = ", ".join(model.name for model in found)
        raise UsageError(f"{text} means several models: {names}", hint="name one of them")
    return found[0] if found else None


def _ggufs(folder: Path, depth: int) -> Iterator[Path]:
    """The models in a folder and `depth` levels below it, by name.

    A folder that is not there, or may not be read, has none.
    """
    for place, folders, files in os.walk(folder):
        here = Path(place)
        level = len(here.parts) - len(folder.parts)
        folders[:] = sorted(folders) if level < depth else []
        for name in sorted(files):
            if is_model_name(name):
                yield here / name


def _named(paths: Iterable[Path], ours: Path) -> tuple[StoredModel, ...]:
    """Files with their names; a name goes to the first file that can have it."""
    paths = list(dict.fromkeys(paths))
    of_name = Counter(path.name for path in paths)
    named: dict[str, StoredModel] = {}
    for path in paths:
        file_name = name_of_file(path.stem)
        # A file's name that another has, too, would mean that one.
        names = (str(file_name), *([path.name] if of_name[path.name] == 1 else []), str(path))
        name = next(name for name in names if name not in named)
        named[name] = StoredModel(name, file_name, path, path.parent == ours)
    return tuple(named.values())
