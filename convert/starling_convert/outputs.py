"""Files on their way: written beside their final place, and named only when they are whole.

A file is written as `NAME.part` under a lock, so that a second process cannot write the same one,
and a process that was killed leaves nothing but a `.part` that the next run takes over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from starling_local.errors import ConversionError, UsageError

_NOT_SUPPORTED = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENODEV, errno.ENOLCK)


class PartFile:
    """One output file, from its lock to its final name. Use it in a `with` statement.

    Leaving the statement before `publish` removes the part.

    Raises:
        UsageError: the final name exists and `force` is false, or is no file that can be replaced.
        ConversionError: the folder cannot be written, or another process writes the same file.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self.path = path
        self.part_path = path.with_name(path.name + ".part")
        self._force = force
        self._fd = -1

    def __enter__(self) -> PartFile:
        self.refuse_existing()
        try:
            self._fd = self._open_locked()
            # What a killed process left goes now, so that its space counts as free.
            os.ftruncate(self._fd, 0)
        except OSError as error:
            self._discard()
            raise _write_error(self.path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._discard()

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write all of `data` at byte `offset`; any thread may call it.

        Raises:
            ConversionError: the file system refused, for want of space or otherwise.
        """
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            raise _write_error(self.path, error) from error

    def flush(self) -> None:
        """Bring the file's bytes to the disk, on macOS through the disk's own cache too."""
        try:
            if hasattr(fcntl, "F_FULLFSYNC"):
                with suppress(OSError):  # network volumes have only fsync
                    fcntl.fcntl(self._fd, fcntl.F_FULLFSYNC)
            os.fsync(self._fd)
        except OSError as error:
            raise _write_error(self.path, error) from error

    def rename(self) -> None:
        """Give the file its final name."""
        try:
            self.part_path.replace(self.path)
        except OSError as error:
            raise _write_error(self.path, error) from error
        os.close(self._fd)
        self._fd = -1

    def refuse_existing(self) -> None:
        """Raise UsageError if the final name is taken and may not be replaced."""
        if not os.path.lexists(self.path):
            return
        if not self._force:
            raise UsageError(
                f"{self.path} exists already and is kept",
                hint="give --force to replace it, or -o for another folder",
            )
        if self.path.is_symlink() or not self.path.is_file():
            raise UsageError(
                f"{self.path} is a link or no regular file, and is not replaced",
                hint="remove it, or give -o for another folder",
            )

    def reserve(self, size_bytes: int) -> None:
        """Take the space now: a disk that is too full says so before the first byte is read.

        Raises:
            ConversionError: there is not enough space.
        """
        try:
            if hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(self._fd, 0, size_bytes)
                except OSError as error:
                    if error.errno not in _NOT_SUPPORTED:
                        raise
            os.ftruncate(self._fd, size_bytes)
        except OSError as error:
            raise _write_error(self.path, error) from error

    def _open_locked(self) -> int:
        while True:
            # Never through a link: it could lead to a file of the user's.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(self.part_path, flags, 0o666)
            try:
                if self._is_ours(fd):
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _is_ours(self, fd: int) -> bool:
        """Lock `fd`. False says that the name has meanwhile gone to another file."""
        opened = os.fstat(fd)
        if not stat.S_ISREG(opened.st_mode) or opened.st_nlink > 1:
            raise ConversionError(
                f"{self.part_path} is no file of this program", hint="remove it and convert again"
            )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConversionError(
                f"another process is writing {self.path}",
                hint="wait for it; starling convert can write to another folder, with -o",
            ) from error
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:  # some network file systems have no locks
                raise
        # Between open and lock the other process may have published or removed the file; then
        # this lock is on something that no longer has the name.
        try:
            return os.path.samestat(opened, self.part_path.lstat())
        except FileNotFoundError:
            return False

    def _discard(self) -> None:
        if self._fd >= 0:
            # Removed before the lock goes with the descriptor, so that no other process can
            # have taken the part over.
            self.part_path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def publish(parts: Sequence[PartFile]) -> None:
    """Give all files their final names, and make the names last.

    Signals that would end the process wait meanwhile: it takes a moment, and the files are whole.

    Raises:
        UsageError: a final name was taken in the meantime; then no file gets its name.
        ConversionError: the file system refused.
    """
    for part in parts:
        part.refuse_existing()
    with _signals_ignored():
        for part in parts:
            part.rename()
        for folder in {part.path.parent for part in parts}:
            _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    # Some network file systems cannot do this; the files have their names all the same.
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_folder(folder: Path) -> None:
    """Make sure that `folder` is there and can be written.

    Raises:
        ConversionError: it is not, or cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _write_error(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConversionError(
            f"cannot write in {folder}: permission denied", hint="choose another folder with -o"
        )


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        ConversionError: the disk of `folder` has less free space.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _write_error(folder, error) from error
    if free < needed_bytes:
        raise ConversionError(
            f"{folder} has {free / 1e6:,.1f} MB free, the files need {needed_bytes / 1e6:,.1f} MB",
            hint="free some space, choose another disk with -o, or ask for fewer types",
        )


def _write_error(path: Path, error: OSError) -> ConversionError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConversionError(
            f"the disk is full: cannot write {path}; nothing half-made is left",
            hint="free some space, choose another disk with -o, or ask for fewer types",
        )
    return ConversionError(
        f"cannot write {path}: {error.strerror}", hint="choose another folder with -o"
    )
