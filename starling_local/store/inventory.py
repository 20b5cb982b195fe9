"""What is known of each model of the store: its file, its record, and what its header says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from starling_local.engine.gguf_facts import Architecture, architecture, file_type_name
from starling_local.engine.gguf_header import read_header
from starling_local.errors import NotFoundError, StarlingError
from starling_local.store.library import find_models, models_folder, stored_models
from starling_local.store.nano import FILE_TYPE, NAME, nano_file
from starling_local.store.records import Record, read_record


@dataclass(frozen=True)
class Entry:
    """One model. `path` is None for the built-in one before its first use.

    `modified` is in UTC. `damage` says what is wrong with the file, as far as its header tells.
    """

    name: str
    type: str
    path: Path | None
    size_bytes: int
    modified: datetime | None
    is_ours: bool
    record: Record | None = None
    architecture: Architecture | None = None
    damage: str | None = None


def inventory(environ: Mapping[str, str]) -> Iterator[Entry]:
    """All models: the built-in one, the store's own, and those of added folders."""
    yield nano_entry(environ)
    models = models_folder(environ)
    for model in stored_models(environ):
        yield _entry(model.name, model.file_name.tag, model.path, models, model.is_ours)


def named_entry(name: str, environ: Mapping[str, str]) -> Entry:
    """The model of a name, or the file of a path. Raises NotFoundError."""
    models = models_folder(environ)
    if os.path.isfile(name):  # noqa: PTH113 - false for names that are too long
        path = Path(name).absolute()
        return _entry(name, "", path, models, is_ours=path.parent == models)
    if name == NAME:
        return nano_entry(environ)
    found = find_models(name, stored_models(environ))
    if not found:
        raise NotFoundError(f"no model {name} in the store", hint="starling models list")
    model = found[0]
    return _entry(model.name, model.file_name.tag, model.path, models, model.is_ours)


def nano_entry(environ: Mapping[str, str]) -> Entry:
    """The built-in model."""
    path = nano_file(environ)
    if path is None:
        return Entry(NAME, FILE_TYPE, None, 0, None, is_ours=False)
    return _entry(NAME, FILE_TYPE, path, models_folder(environ), is_ours=False)


def _entry(name: str, kind: str, path: Path, models: Path, is_ours: bool) -> Entry:
    """What can be told of a file; what is wrong with it is told, and no error."""
    size_bytes, modified, record, facts, damage = 0, None, None, None, None
    try:
        status = path.stat()
        size_bytes = status.st_size
        modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
        record = read_record(models, path)
        if record and record.size_bytes != size_bytes:
            damage = f"it has {size_bytes} bytes, and had {record.size_bytes}"
        metadata = read_header(path).metadata
        facts, kind = architecture(metadata), kind or file_type_name(metadata) or ""
    except StarlingError as error:
        damage = error.message
    except OSError as error:
        damage = f"it cannot be read: {error.strerror}"
    return Entry(name, kind, path, size_bytes, modified, is_ours, record, facts, damage)
