"""A command in a real pseudo-terminal, and what a person would see there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pyte

TIMEOUT_S = 60
CTRL_C, CTRL_D, CTRL_G, TAB, ALT_ENTER, UP = "\x03", "\x04", "\x07", "\t", "\x1b\r", "\x1b[A"


class Terminal:
    """`starling ARGUMENTS` with a controlling terminal of its own. Use it in a `with` statement."""

    def __init__(
        self,
        *arguments: object,
        environ: Mapping[str, str] | None = None,
        rows: int = 40,
        columns: int = 80,
        ignored: Sequence[int] = (),
    ) -> None:
        """`ignored`: signals that the process does not hear."""
        self.screen = pyte.HistoryScreen(columns, rows, history=100_000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        self.resize(rows, columns)

        def prepare() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "starling_local", *map(str, arguments)],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environ or {})},
            preexec_fn=prepare,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        """Close the terminal's window."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def type(self, text: str) -> None:
        """Press keys; enter is `\\r`."""
        os.write(self.master, text.encode())

    def paste(self, text: str) -> None:
        """Paste a text, as terminals announce it."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        self.screen.resize(rows, columns)

    def text(self) -> str:
        """The scrollback and the screen."""
        above = [
            "".join(line[column].data for column in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        return "\n".join([*above, *(line.rstrip() for line in self.screen.display)]).rstrip()

    def until(self, wanted: str | Callable[[str], bool], timeout_s: float = TIMEOUT_S) -> str:
        """Wait until the text shows, or the condition holds; returns all there is to see."""
        holds = wanted if callable(wanted) else lambda text: wanted in text
        end = time.monotonic() + timeout_s
        while not holds(self.text()):
            assert time.monotonic() < end, f"{wanted!r} did not come; there is:\n{self.text()}"
            self._read(0.05)
        return self.text()

    def until_prompt(self, prompt: str = "> ") -> str:
        """Wait until a message can be typed."""
        return self.until(lambda text: text.split("\n")[-1].strip() == prompt.strip())

    def say(self, message: str) -> str:
        """Type a message, and wait for the next prompt; returns what was shown meanwhile."""
        before = len(self.until_prompt())
        self.type(message + "\r")
        self.until(lambda text: len(text) > before + len(message))
        return self.until_prompt()[before:]

    def ended(self) -> int:
        """Wait until the process ends; its exit code."""
        end = time.monotonic() + TIMEOUT_S
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still running:\n{self.text()}"
            self._read(0.05)
        self._read(0)
        return self.process.returncode

    def _read(self, timeout_s: float) -> None:
        if self.master < 0 or not select.select([self.master], [], [], timeout_s)[0]:
            time.sleep(0 if self.master >= 0 else timeout_s)
            return
        try:
            data = os.read(self.master, 65536)
        except OSError:
            # Linux says so when the other end is closed.
            time.sleep(timeout_s)
            return
        self.raw += data
        self._stream.feed(data)
