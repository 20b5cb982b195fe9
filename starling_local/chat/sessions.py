"""Sessions: named conversations on disk, each a transcript and perhaps its saved KV state.

`NAME.json` is the transcript, written after every answer; `NAME.state` the KV cache, on request.
`NAME.lock` is held while a chat has the session open, so that no two write to it.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starling_local.chat.transcript import Transcript
from starling_local.errors import BadFileError, ConversionError, NotFoundError, UsageError
from starling_local.files import write_whole

_NAME = re.compile(r"\w[\w .-]{0,63}(?<![ .])")


@dataclass(frozen=True)
class Summary:
    """What a list of sessions shows of one. The time is the last change, ISO 8601 in UTC."""

    name: str
    updated: str
    exchanges: int
    first_question: str


class Sessions:
    """The folder of sessions; it is made when the first one is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_name(self, now: datetime) -> str:
        """A name for a conversation that was given none: when it began."""
        name = first = now.strftime("%Y-%m-%d %H.%M.%S")
        number = 1
        while self.exists(name):
            number += 1
            name = f"{first} {number}"
        return name

    def exists(self, name: str) -> bool:
        """Whether there is a session of that name."""
        return bool(_NAME.fullmatch(name)) and (self.folder / f"{name}.json").exists()

    def names(self) -> list[str]:
        """All names, the one changed last first."""
        paths = self.folder.glob("*.json")
        return [path.stem for path in sorted(paths, key=_changed, reverse=True)]

    def summaries(self, most: int) -> list[Summary]:
        """The sessions changed last; files that are no transcripts are left out."""
        found = []
        for name in self.names():
            with suppress(BadFileError, NotFoundError):
                found.append(_summary(name, self.read(name)))
            if len(found) == most:
                break
        return found

    def read(self, name: str) -> Transcript:
        """The transcript of a session, which may be open elsewhere.

        Raises UsageError for an impossible name, NotFoundError, and BadFileError.
        """
        path = self._path(name, ".json")
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise NotFoundError(
                f"there is no session {name!r}", hint="/sessions lists those there are"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadFileError(f"cannot read the session {path}: {error}") from error
        return Transcript.from_json(text, str(path))

    def check(self, name: str) -> Transcript | None:
        """What a session holds that is to be opened soon; None if it is a new one.

        Raises what `read` and `open` raise.
        """
        self.open(name).close()
        return self.read(name) if self.exists(name) else None

    def open(self, name: str) -> Session:
        """Take a session, old or new, for this process alone.

        Raises UsageError for an impossible name or if another process has it, and ConversionError
        if the folder cannot be written.
        """
        path = self._path(name, ".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _locked(path)
        except BlockingIOError:
            raise UsageError(
                f"the session {name!r} is open in another chat",
                hint="close that one first, or choose another name",
            ) from None
        except OSError as error:
            raise ConversionError(
                f"cannot write to the folder of sessions {self.folder}: {error.strerror}",
                hint="name one that can be written: STARLING_DATA_DIR=FOLDER",
            ) from error
        return Session(name, self.folder, lock)

    def _path(self, name: str, suffix: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no name for a session",
                hint="use letters, digits, spaces, dots, - and _, 64 at most",
            )
        return self.folder / (name + suffix)


class Session:
    """A session that this process has open."""

    def __init__(self, name: str, folder: Path, lock: int) -> None:
        self.name = name
        self._folder = folder
        self._lock = lock

    @property
    def path(self) -> Path:
        """The transcript."""
        return self._folder / f"{self.name}.json"

    @property
    def state_path(self) -> Path:
        """The saved KV state, which need not be there."""
        return self._folder / f"{self.name}.state"

    def write(self, transcript: Transcript) -> None:
        """Replace the transcript, wholly or not at all. Raises ConversionError."""
        write_whole(self.path, [transcript.to_json().encode()])

    def delete(self) -> None:
        """Remove the session's files, as far as that can be; it stays open."""
        self.forget_state()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def forget_state(self) -> None:
        """Remove the saved KV state, as far as that can be."""
        with suppress(OSError):
            self.state_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others open it."""
        lock_path = self._folder / f"{self.name}.lock"
        with suppress(OSError):
            lock_path.unlink(missing_ok=True)
        os.close(self._lock)


def _locked(path: Path) -> int:
    """Open a lock file and lock it. Raises BlockingIOError if another process has it."""
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed it in between: then this is the lock of no name.
            if os.fstat(lock).st_ino == path.stat().st_ino:
                return lock
            os.close(lock)
        except FileNotFoundError:
            os.close(lock)
        except BlockingIOError:
            os.close(lock)
            raise
        except OSError:
            # A file system without locks does not stop us.
            return lock


def _changed(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _summary(name: str, transcript: Transcript) -> Summary:
    exchanges = transcript.exchanges
    return Summary(
        name, transcript.updated, len(exchanges), exchanges[0].question if exchanges else ""
    )
