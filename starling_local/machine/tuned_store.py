"""Where tuned settings are kept: a small JSON file for each machine, model and use.

A file is found by its name, which is made of what the settings depend on: the processor, the cores
this process may use, the memory, the GPUs, the version of llama.cpp and what it was compiled for;
and of the model the names, shapes and types of its tensors. So another fine-tune of the same model,
quantised in the same way, needs no tuning of its own. Files are whole or not there, and of two
processes that write the same one the last one's stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from starling_local.engine.gguf_header import GgufHeader
from starling_local.errors import ConversionError, UsageError
from starling_local.files import write_whole
from starling_local.machine.asked import Use
from starling_local.machine.description import MachineDescription
from starling_local.machine.tuned import Tuned, tuned_as_json, tuned_from

_DIGITS = 12
_LOCK = ".lock"
# MemTotal varies a little with the kernel.
_MEMORY_UNIT = 2**30


# No dataclass, like `MachineDescription`.
class Kept(NamedTuple):
    """A file that was found: its settings, or None if it has none that can be used."""

    path: Path
    tuned: Tuned | None
    record: Mapping[str, Any]


class TunedStore:
    """The tuned settings in a folder, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(
        self,
        use: Use,
        header: GgufHeader,
        machine: MachineDescription,
        note: Callable[[str], None],
    ) -> Tuned | None:
        """What was kept for a use of a model on a machine, if anything was.

        A file that cannot be used is passed over, and `note` is told.
        """
        path = self._path(use, header, machine)
        if not path.exists():
            return None
        found = _read(path).tuned
        if found is None:
            note(f"{path} is damaged and not used; starling tune makes it again")
        return found

    def prepare(self) -> None:
        """Make the folder.

        Raises ConversionError if it cannot be made, or not be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.folder, str(error.strerror)) from error
        if not os.access(self.folder, os.W_OK):
            raise _unusable(self.folder, "it is not writable")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from tuning meanwhile: each would measure the load of the other.

        Raises ConversionError as `prepare` does, UsageError if another process is at it.
        """
        # Nothing that a run of a tuned model needs.
        import fcntl

        self.prepare()
        try:
            lock = (self.folder / _LOCK).open("ab")
        except OSError as error:
            raise _unusable(self.folder, str(error.strerror)) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    "another starling tune is measuring, and both would be wrong",
                    hint="wait until it has ended",
                ) from None
            except OSError:
                # Some shared folders have no locks.
                pass
            yield

    def keep(
        self,
        use: Use,
        header: GgufHeader,
        machine: MachineDescription,
        tuned: Tuned,
        measured: Mapping[str, Any],
    ) -> Path:
        """Keep settings, in place of earlier ones; `measured` is for people who read the file.

        Raises ConversionError if it cannot be written.
        """
        path = self._path(use, header, machine)
        record = {
            "use": use.value,
            "settings": tuned_as_json(tuned),
            **measured,
            "machine": machine._asdict(),
        }
        self.prepare()
        write_whole(path, [(json.dumps(record, indent=2) + "\n").encode()])
        return path

    def forget(self, use: Use, header: GgufHeader, machine: MachineDescription) -> bool:
        """Remove what was kept; whether there was something.

        Raises ConversionError if it cannot be removed.
        """
        return _removed(self._path(use, header, machine))

    def forget_all(self, uses: Container[str]) -> int:
        """Remove what was kept for these uses, of all models and machines; how many files.

        Raises ConversionError if one cannot be removed.
        """
        paths = [path for path in self._paths() if path.name.partition("-")[0] in uses]
        return sum(map(_removed, paths))

    def all(self) -> Iterator[Kept]:
        """Every file, in the order of their names."""
        yield from map(_read, self._paths())

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    def _path(self, use: Use, header: GgufHeader, machine: MachineDescription) -> Path:
        return self.folder / f"{use.value}-{_model_key(header)}-{_machine_key(machine)}.json"


def _unusable(folder: Path, why: str) -> ConversionError:
    return ConversionError(
        f"cannot keep settings in {folder}: {why}",
        hint="name another folder: STARLING_DATA_DIR=FOLDER",
    )


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConversionError(f"cannot remove {path}: {error.strerror}") from error
    return True


def _read(path: Path) -> Kept:
    try:
        # A pipe of this name would never end.
        text = path.read_bytes() if path.is_file() else b""
        record = json.loads(text)
        # Python reads more than JSON may hold: NaN, and halves of characters.
        json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError):
        return Kept(path, None, {})
    if not isinstance(record, dict):
        return Kept(path, None, {})
    return Kept(path, tuned_from(record.get("settings")), record)


def _model_key(header: GgufHeader) -> str:
    tensors = [(tensor.name, tensor.shape, tensor.type_id) for tensor in header.tensors]
    return sha256(repr(tensors).encode()).hexdigest()[:_DIGITS]


def _machine_key(machine: MachineDescription) -> str:
    memory = round(machine.memory_bytes / _MEMORY_UNIT)
    known = machine._replace(memory_bytes=memory)
    return sha256(repr(known).encode()).hexdigest()[:_DIGITS]
