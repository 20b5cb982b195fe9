"""One file from the hub to the disk: resumed where it stopped, and verified before it counts."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

from starling_local.errors import DownloadError
from starling_local.store.hub import HubFile, Repository
from starling_local.store.hub_errors import http_error, status_of, translated
from starling_local.store.hub_log import hub_messages
from starling_local.store.library import PART_SUFFIX
from starling_local.store.retry import ATTEMPTS, PATIENT_ATTEMPTS, should_wait

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 1 << 20
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class TransferEvents:
    """What is reported while files come.

    `on_file` gets a file's name, its size and what is to be done with it: `downloading`, `resuming`
    or `checking`; `on_bytes` the bytes of it that are done; `on_note` what a user should know.
    """

    on_file: Callable[[str, int, str], None] = field(default=lambda _name, _size, _what: None)
    on_bytes: Callable[[int], None] = field(default=lambda _done: None)
    on_note: Callable[[str], None] = field(default=lambda _text: None)


def part_path(path: Path) -> Path:
    """Where a file is until it is whole."""
    return path.with_name(f".{path.name}{PART_SUFFIX}")


def missing_bytes(path: Path, size_bytes: int) -> int:
    """What is still to come of a file; what has come is in its part."""
    with suppress(OSError):
        if path.stat().st_size == size_bytes:
            return 0
    with suppress(OSError):
        return max(0, size_bytes - part_path(path).stat().st_size)
    return size_bytes


def is_whole(path: Path, file: HubFile, events: TransferEvents) -> bool:
    """Whether the bytes at `path` are the file's, by its hash."""
    if path.stat().st_size != file.size_bytes:
        return False
    events.on_file(file.name, file.size_bytes, "checking")
    digest = _new_digest(file)
    _hash_into(digest, path, events)
    return digest.hexdigest() == file.blob


def fetch(repository: Repository, file: HubFile, path: Path, events: TransferEvents) -> None:
    """Bring a file to `path`, where it appears when it is whole and its hash is right.

    A file that is there already is only checked; a wrong one is replaced once another has come.
    What has come when the connection, the process or the disk gives up stays, and the next call
    goes on from it. A second process waits for the first.

    Raises:
        DownloadError: the hub does not give it, or gives something else than it promised.
        ConversionError: the disk is full, or cannot be written.
    """
    what = f"cannot download {file.name} of {repository.repo}"
    with translated(what), hub_messages(events.on_note):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _Part(path, file, events) as part:
            if path.exists():
                if is_whole(path, file, events):
                    return
                events.on_note(f"{path} is not what the hub has: it is downloaded again")
            part.begin()
            _receive(repository, file, part, events)
            if not part.is_right() and part.was_resumed:
                events.on_note(f"{file.name} is wrong after resuming: it is downloaded again")
                part.clear()
                _receive(repository, file, part, events)
            if not part.is_right():
                part.remove()
                raise DownloadError(
                    f"{what}: its hash is {part.digest()}, the hub promised {file.blob}; it is "
                    "deleted",
                    hint="pull again; if it stays wrong, something between here and the hub "
                    "changes files",
                )
            part.publish()


def _receive(repository: Repository, file: HubFile, part: _Part, events: TransferEvents) -> None:
    """Append what is missing, asking again as long as there is hope."""
    attempt, begun_at = 0, part.size_bytes
    while part.size_bytes < file.size_bytes or not file.size_bytes:
        before = part.size_bytes
        try:
            _request(repository, file, part)
            return
        except (http_error(), OSError) as error:
            # After some bytes it is worth to ask again at once: the connection broke, or the link
            # has expired.
            if part.size_bytes > before:
                attempt = 0
                continue
            attempt += 1
            # A network that has worked may come back; one that never did is told of now, as the
            # library itself has tried again.
            has_worked = part.size_bytes > begun_at
            attempts = PATIENT_ATTEMPTS if has_worked else ATTEMPTS
            if not status_of(error) and not has_worked:
                raise
            if not should_wait(error, attempt, events.on_note, attempts):
                raise


def _request(repository: Repository, file: HubFile, part: _Part) -> None:
    """Ask the hub where the file is, and append it from there."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if file.size_bytes > constants.MAX_HTTP_DOWNLOAD_SIZE:
        raise DownloadError(
            f"{file.name} is larger than what the hub sends as one file",
            hint=f"download it with: hf download {repository.repo} {file.name}",
        )
    # Its own 10 MB would be lost with a connection that breaks, and make a bar that jumps.
    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
    url = hf_hub_url(repository.repo, file.name, revision=repository.commit)
    place = get_hf_file_metadata(url)
    headers = build_hf_headers()
    if urlsplit(place.location)[:2] != urlsplit(url)[:2]:
        # Large files come from other hosts, with a signed link: the token is not for them.
        headers.pop("authorization", None)
    headers["Accept-Encoding"] = "identity"
    http_get(
        place.location,
        cast(BinaryIO, part),
        resume_size=part.size_bytes,
        headers=headers,
        expected_size=file.size_bytes,
    )


class _Part(io.RawIOBase):
    """The bytes that have come so far: hashed as they come, and this process's alone.

    It is what huggingface-hub writes to. Use it in a `with` statement.
    """

    def __init__(self, path: Path, file: HubFile, events: TransferEvents) -> None:
        self._path, self._file, self._events = path, file, events
        self._stream = self._open_alone()
        self._digest = _new_digest(file)
        self.size_bytes = self._stream.seek(0, os.SEEK_END)
        if self.size_bytes > file.size_bytes:
            self.clear()
        self.was_resumed = self.size_bytes > 0

    def begin(self) -> None:
        """Say what comes, and hash what is there."""
        self._events.on_file(
            self._file.name,
            self._file.size_bytes,
            "resuming" if self.was_resumed else "downloading",
        )
        if self.was_resumed:
            _hash_into(self._digest, part_path(self._path), self._events)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Append; what is more than was promised is not taken, however long it goes on."""
        if self.size_bytes + len(data) > self._file.size_bytes:
            raise DownloadError(
                f"cannot download {self._file.name}: more comes than its {self._file.size_bytes} "
                "bytes",
                hint="check HF_ENDPOINT and proxies if you set them, and pull again",
            )
        # An unbuffered file may take only a part, before a disk is full for example.
        view = memoryview(data)
        while view:
            written = self._stream.write(view)
            self._digest.update(view[:written])
            self.size_bytes, view = self.size_bytes + written, view[written:]
        self._events.on_bytes(self.size_bytes)
        return len(data)

    def tell(self) -> int:
        """Always at the end."""
        return self.size_bytes

    def seek(self, offset: int, whence: int = 0) -> int:
        """Only back to the beginning, before `truncate`: a server that does not resume."""
        if (offset, whence) != (0, os.SEEK_SET):
            raise io.UnsupportedOperation("bytes are only appended")
        self.clear()
        return 0

    def truncate(self, size: int | None = None) -> int:
        """Nothing is left to cut off after `seek`."""
        del size
        return self.size_bytes

    def clear(self) -> None:
        """Begin from nothing."""
        self._stream.truncate(0)
        self._digest = _new_digest(self._file)
        self.size_bytes = 0
        self._events.on_bytes(0)

    def digest(self) -> str:
        """The hash of what is there, as the hub would name it."""
        return self._digest.hexdigest()

    def is_right(self) -> bool:
        """Whether all has come, and is what was promised."""
        return self.size_bytes == self._file.size_bytes and self.digest() == self._file.blob

    def publish(self) -> None:
        """Give the file its name, once it is on the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        # The mode that new files have here, as the hub's cache has it.
        part_path(self._path).replace(self._path)

    def remove(self) -> None:
        """Delete what came."""
        part_path(self._path).unlink(missing_ok=True)

    def close(self) -> None:
        """Let the next process have it. What is there stays, unless that is nothing."""
        if not self._stream.closed:
            if self.size_bytes == 0 and self._is_the_file():
                self.remove()
            self._stream.close()
        super().close()

    def _open_alone(self) -> IO[bytes]:
        path = part_path(self._path)
        while True:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            self._stream = stream = os.fdopen(fd, "r+b", buffering=0)
            self._lock(stream)
            # While we waited the other process may have finished, and the name gone.
            if self._is_the_file():
                return stream
            stream.close()

    def _lock(self, stream: IO[bytes]) -> None:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._events.on_note(f"another process downloads {self._file.name}: waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError:
            # A file system without locks; two processes would be found out by the hash.
            return

    def _is_the_file(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._stream.fileno()), part_path(self._path).lstat())
        except FileNotFoundError:
            return False


def _new_digest(file: HubFile) -> _Hash:
    """The hash that the hub knows a file by: sha256, or for small files git's."""
    if file.sha256:
        return hashlib.sha256()
    return hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)


def _hash_into(digest: _Hash, path: Path, events: TransferEvents) -> None:
    done = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            done += len(block)
            events.on_bytes(done)
