"""The output of a batch: a file that another run can go on with, or a stream.

A line is written as soon as it is finished, in one call, so that whatever happens the file has
whole lines only; but for the last one, if the machine itself went down or its disk was full. Such a
half line is cut off by the next run.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from time import monotonic

from starling_local.engine.resource import Resource
from starling_local.errors import BadFileError, ConversionError, UsageError
from starling_local.scripting.batch_input import STREAM
from starling_local.scripting.batch_lines import FIRST_BYTES, OK, LineKey

# What is on its way to the disk when the power fails is lost. So much of it may be.
SYNC_INTERVAL_S = 5.0


@contextmanager
def open_output(name: str, write: Callable[[str], None]) -> Iterator[BatchOutput]:
    """The output of that name: a file; a pipe or device; or `-`, for which there is `write`.

    Raises what `BatchFile` raises.
    """
    path = Path(name)
    if name == STREAM:
        yield BatchStream(write)
    elif path.is_file() or path.is_dir() or not path.exists():
        with BatchFile(path) as file:
            yield file
    else:
        with _failures(path):
            device = path.open("wb", buffering=0)
        with device:
            yield BatchStream(lambda text: _write_to_device(path, device, text))


class BatchOutput(Resource, ABC):
    """Where output lines go. Use it in a `with` statement."""

    @abstractmethod
    def append(self, line: str) -> None:
        """Write a line, at once. Raises ConversionError if that fails."""


class BatchStream(BatchOutput):
    """A pipe, a terminal or the like."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def append(self, line: str) -> None:
        """Write a line."""
        self._write(line)

    def close(self) -> None:
        """Whoever opened the stream closes it."""


class BatchFile(BatchOutput):
    """A file that this process alone writes, and that may have lines of an earlier run.

    `done` are the lines that are finished, `answered` and `failed` say how many of them went which
    way, `models` are those that answered.

    Raises:
        UsageError: another process writes it.
        BadFileError: it is something else; it is left as it is.
        ConversionError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: set[LineKey] = set()
        self.answered = self.failed = 0
        self.models: set[str] = set()
        with _failures(self.path):
            self._handle = _open_for_this_process_alone(path)
        self._size = 0
        self._synced = monotonic()
        try:
            self._learn()
        except BaseException:
            os.close(self._handle)
            raise

    def append(self, line: str) -> None:
        """Add a line, at once; if that fails, nothing of it stays."""
        with _failures(self.path):
            try:
                written = _write(self._handle, line.encode(), self._size)
            except OSError:
                os.ftruncate(self._handle, self._size)
                raise
            self._size += written
            if monotonic() - self._synced > SYNC_INTERVAL_S:
                os.fsync(self._handle)
                self._synced = monotonic()

    def drop_failed(self) -> None:
        """Take out the lines that say why there is no answer."""
        if self.failed:
            self._replace(entry.raw for entry in self._entries() if not entry.is_failed)
            self._learn()

    def put_in_order(self, keys: Iterable[LineKey]) -> None:
        """Sort the lines as the keys are; those of other keys come last."""
        places = {entry.key: (entry.start, len(entry.raw)) for entry in self._entries()}
        wanted = [places.pop(key) for key in keys if key in places]
        wanted += places.values()
        if wanted != sorted(wanted):
            self._replace(os.pread(self._handle, length, start) for start, length in wanted)

    def close(self) -> None:
        """Make sure that everything is on the disk, and let other processes have the file."""
        if self._handle >= 0:
            try:
                with _failures(self.path):
                    os.fsync(self._handle)
            finally:
                os.close(self._handle)
                self._handle = -1

    def _learn(self) -> None:
        """Take in what is there; cut off a half line at the end."""
        self.done, self.models = set(), set()
        self.answered = self.failed = self._size = 0
        for entry in self._entries():
            self.done.add(entry.key)
            self.failed += entry.is_failed
            self.answered += not entry.is_failed
            if entry.model is not None:
                self.models.add(entry.model)
            self._size += len(entry.raw)
        with _failures(self.path):
            if os.fstat(self._handle).st_size > self._size:
                os.ftruncate(self._handle, self._size)

    def _entries(self) -> Iterator[_Entry]:
        """The lines that are there; a half one at the end is none."""
        start = 0
        with _failures(self.path), open(self._handle, "rb", closefd=False) as file:
            file.seek(0)
            for number, raw in enumerate(file, 1):
                entry = _parsed(raw, start)
                if entry is None and not raw.endswith(b"\n") and _is_half_line(raw):
                    return
                if entry is None:
                    raise BadFileError(
                        f"{self.path} is no output of a batch: see line {number}",
                        hint="name another file for the answers, one that does not exist",
                    )
                yield entry
                start += len(raw)

    def _replace(self, lines: Iterable[bytes]) -> None:
        """Make the file hold exactly these of its lines, or fail and leave it as it is."""
        path = self.path.resolve()
        with _failures(self.path):
            handle, name = tempfile.mkstemp(
                dir=path.parent, prefix=f".{path.name}-", suffix=".part"
            )
            try:
                # Before it gets the name, so that no other process can come in between.
                fcntl.flock(handle, fcntl.LOCK_EX)
                shutil.copymode(path, name)
                size = 0
                for line in lines:
                    size += _write(handle, line, size)
                os.fsync(handle)
                Path(name).replace(path)
            except BaseException:
                os.close(handle)
                with suppress(OSError):
                    Path(name).unlink()
                raise
        os.close(self._handle)
        self._handle, self._size = handle, size


@dataclass(frozen=True)
class _Entry:
    """A line of the output."""

    key: LineKey
    is_failed: bool
    model: str | None
    start: int
    raw: bytes


def _parsed(raw: bytes, start: int) -> _Entry | None:
    """A line that begins at that byte; None if it is none of a batch's output."""
    try:
        entry = json.loads(raw)
        custom_id, response, error = entry["custom_id"], entry["response"], entry["error"]
        key = error["line"] if custom_id is None else custom_id
        is_failed = error is not None or response["status_code"] != OK
        model = None if is_failed else response["body"]["model"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(key, str | int) or not raw.endswith(b"\n"):
        return None
    return _Entry(key, is_failed, model, start, raw)


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Say what the system's errors mean."""
    try:
        yield
    except OSError as error:
        raise ConversionError(
            f"cannot write {path}: {error.strerror}",
            hint="what is there is kept: when there is room, run the same command again",
        ) from error


def _open_for_this_process_alone(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Meanwhile another process may have replaced the file, see `BatchFile._replace`.
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise UsageError(
                f"another process writes {path}",
                hint="wait until it has finished, or name another file for the answers",
            ) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _write_to_device(path: Path, device: RawIOBase, text: str) -> None:
    rest = memoryview(text.encode())
    with _failures(path):
        while rest:
            rest = rest[device.write(rest) or 0 :]


def _write(handle: int, raw: bytes, start: int) -> int:
    """Write all of it; the system takes less at once only if the disk is about to be full."""
    done = 0
    while done < len(raw):
        done += os.pwrite(handle, raw[done:], start + done)
    return done


def _is_half_line(raw: bytes) -> bool:
    """Whether it is the beginning of an output line, or room that was never filled."""
    return FIRST_BYTES.startswith(raw[: len(FIRST_BYTES)]) or not raw.strip(b"\0")
