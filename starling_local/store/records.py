"""What was known of a file when it came into the store: its hash, and where it came from.

A record is a small JSON file beside the models, so that no model need be opened to name it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from starling_local.errors import BadFileError, ConversionError
from starling_local.files import write_whole

FOLDER_NAME = "records"


@dataclass(frozen=True)
class Record:
    """`made` is `converted`, `downloaded` or `hashed`; `when` is in UTC, as ISO 8601 has it.

    `repo` and `revision` (a commit) are those of the hub, if it came from there.
    """

    size_bytes: int
    sha256: str
    made: str
    when: str
    repo: str | None = None
    revision: str | None = None
    source_file: str | None = None
    licence: str | None = None
    non_commercial: bool | None = None


def record_path(models: Path, file: Path) -> Path:
    """Where the record of a file is, for the store's folder `models`.

    Files of other folders are told apart by their whole path.
    """
    name = file.name
    if file.parent != models:
        name += "." + sha256(str(file).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return models / FOLDER_NAME / f"{name}.json"


def read_record(models: Path, file: Path) -> Record | None:
    """The record of a file, if there is one. Raises BadFileError if the record is damaged."""
    path = record_path(models, file)
    try:
        stored = json.loads(path.read_bytes())
        if not isinstance(stored, dict):
            raise TypeError("it holds no object")
        record = Record(**stored)
        if not _is_right(record):
            raise TypeError("its values are of the wrong kind")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BadFileError(
            f"cannot read {path}: {error}",
            hint=f"remove it; starling models verify {file.name} makes a new one",
        ) from error
    return record


def _is_right(record: Record) -> bool:
    needed = (record.sha256, record.made, record.when)
    others = (record.repo, record.revision, record.source_file, record.licence)
    return (
        isinstance(record.size_bytes, int)
        and all(isinstance(value, str) for value in needed)
        and all(isinstance(value, str | None) for value in others)
        and isinstance(record.non_commercial, bool | None)
    )


def write_record(models: Path, file: Path, record: Record) -> None:
    """Keep a record. Raises ConversionError if it cannot be written."""
    path = record_path(models, file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConversionError(f"cannot write to {path.parent}: {error.strerror}") from error
    write_whole(path, [json.dumps(asdict(record), indent=1).encode() + b"\n"])


def remove_record(models: Path, file: Path) -> None:
    """Forget what was known of a file, as far as that can be removed."""
    with suppress(OSError):
        record_path(models, file).unlink(missing_ok=True)
