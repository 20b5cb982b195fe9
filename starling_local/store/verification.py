"""Hashing a model again, to compare with what was recorded when it came."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from starling_local.errors import BadFileError
from starling_local.store.records import Record, read_record, write_record

_BLOCK = 1 << 22


class Verdict(Enum):
    """What hashing has told: `RECORDED` is for files that had no record before."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    RECORDED = "recorded"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Verification:
    """The outcome for one file; `record` is what was known of it before.

    `problem` and `hint` say why the file, or its record, could not be read, and what to do.
    """

    name: str
    path: Path
    verdict: Verdict
    sha256: str | None = None
    record: Record | None = None
    problem: str | None = None
    hint: str | None = None


def verify(
    name: str, path: Path, models: Path, when: str, on_bytes: Callable[[int], None]
) -> Verification:
    """Hash a file and compare; without a record, make one, for the next time.

    `models` is the store's folder; `on_bytes` gets the bytes done. Raises ConversionError if a
    record cannot be written.
    """
    try:
        record = read_record(models, path)
        sha256, size_bytes = _hash(path, on_bytes)
    except BadFileError as error:
        problem, hint = error.message, error.hint
        return Verification(name, path, Verdict.UNREADABLE, problem=problem, hint=hint)
    if record is None:
        write_record(models, path, Record(size_bytes, sha256, "hashed", when))
        return Verification(name, path, Verdict.RECORDED, sha256)
    verdict = Verdict.WHOLE if sha256 == record.sha256 else Verdict.DAMAGED
    return Verification(name, path, verdict, sha256, record)


def _hash(path: Path, on_bytes: Callable[[int], None]) -> tuple[str, int]:
    digest, done = hashlib.sha256(), 0
    try:
        if not path.is_file():
            raise BadFileError(f"{path} is no file, or is gone")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                done += len(block)
                on_bytes(done)
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest(), done
