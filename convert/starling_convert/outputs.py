"""Files on their way: written beside their final place, and named only when they are whole.

A file is written as `NAME.part` under a lock, so that a second process cannot write the same one,
and a process that was killed leaves nothing but a `.part` that the next run takes over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType

from starling_local.errors import ConversionError, UsageError


class PartFile:
    """One output file, from reservation to its final name. Use it in a `with` statement.

    Leaving the statement without `publish` removes the part.

    Raises:
        UsageError: the final name exists and `force` is false.
        ConversionError: the folder cannot be written, or another process writes the same file.
    """

    def __init__(self, path: Path, size_bytes: int, *, force: bool) -> None:
        self.path = path
        self.part_path = path.with_name(path.name + ".part")
        self.size_bytes = size_bytes
        self._force = force
        self._fd = -1

    def __enter__(self) -> PartFile:
        self._refuse_existing()
        try:
            self._fd = self._open_locked()
            os.ftruncate(self._fd, 0)
            self._reserve()
        except OSError as error:
            self._discard()
            raise _write_error(self.path, error) from error
        except BaseException:
            self._discard()
            raise
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
                fcntl.fcntl(self._fd, fcntl.F_FULLFSYNC)
            else:
                os.fsync(self._fd)
        except OSError as error:
            raise _write_error(self.path, error) from error

    def publish(self) -> None:
        """Give the file its final name, and make the name last."""
        self._refuse_existing()
        try:
            self.part_path.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _write_error(self.path, error) from error
        os.close(self._fd)
        self._fd = -1

    def _refuse_existing(self) -> None:
        if self.path.exists() and not self._force:
            raise UsageError(
                f"{self.path} exists already and is kept",
                hint="give --force to replace it, or -o for another folder",
            )

    def _open_locked(self) -> int:
        while True:
            fd = os.open(self.part_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(fd)
                raise ConversionError(
                    f"another process is writing {self.path}",
                    hint="wait for it, or choose another folder with -o",
                ) from error
            # Between open and lock the other process may have published or removed the file;
            # then this lock is on something that no longer has the name.
            if self.part_path.exists() and os.path.samestat(os.fstat(fd), self.part_path.stat()):
                return fd
            os.close(fd)

    def _reserve(self) -> None:
        """Take the space now: a disk that is too full says so before the first byte is read."""
        if not hasattr(os, "posix_fallocate"):  # macOS
            os.ftruncate(self._fd, self.size_bytes)
            return
        try:
            os.posix_fallocate(self._fd, 0, self.size_bytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
                raise
            os.ftruncate(self._fd, self.size_bytes)

    def _discard(self) -> None:
        if self._fd >= 0:
            # Removed before the lock goes with the descriptor, so that no other process can
            # have taken the part over.
            self.part_path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        ConversionError: `folder` cannot be made or written, or its disk has less free space.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _write_error(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConversionError(
            f"cannot write in {folder}: permission denied", hint="choose another folder with -o"
        )
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
