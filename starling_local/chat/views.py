"""Where a chat is held: a terminal with a person before it, or a pipe."""

from __future__ import annotations

import io
import shutil
import subprocess
import textwrap
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from starling_local.chat.echo import without_echo
from starling_local.chat.waiting import Waiting
from starling_local.engine.generation import Chunk, LastChunk
from starling_local.errors import InterruptedByUser, StarlingError, UsageError
from starling_local.plain_text import harmless, whole

if TYPE_CHECKING:
    from rich.console import Console

    from starling_local.chat.chat import Chat
    from starling_local.chat.keyboard import Typing
    from starling_local.chat.signals import Signals
    from starling_local.chat.talk import Answering

# Programs that take a text for the clipboard on stdin: macOS, Wayland, X11, Windows.
_CLIPBOARDS = (("pbcopy",), ("wl-copy",), ("xclip", "-selection", "clipboard"), ("clip.exe",))
# A Ctrl-C so soon after an answer's end was meant to stop it, not to leave.
CALM_S = 1.0


class ReaderGoneError(Exception):
    """Nobody reads the answers any more: there is no reason to go on, and none to complain."""


class Sink(Protocol):
    """What the command line writes with."""

    is_unread: bool
    """Whether the reader of stdout has gone away."""

    def text(self, text: str, end: str = "") -> None:
        """Text on stdout, made harmless, and what ends it."""

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr."""

    def progress(self, text: str) -> None:
        """What is being done, or was, on stderr."""

    def error(self, error: StarlingError) -> None:
        """What failed, on stderr."""


class Pipe:
    """One message a line, or up to a zero byte; answers on stdout, nothing else there."""

    is_interactive = False

    def __init__(self, stdin: TextIO, sink: Sink, *, is_zero_separated: bool) -> None:
        if isinstance(stdin, io.TextIOWrapper):
            stdin.reconfigure(encoding="utf-8", errors="replace")
        self._messages = _up_to_zero(stdin) if is_zero_separated else _lines(stdin)
        self._end = "\0" if is_zero_separated else "\n"
        self._sink = sink
        # Texts that may be of several lines come from elsewhere: nothing in them is a command.
        self.takes_commands = not is_zero_separated

    def message(self, signals: Signals, _default: str = "") -> str | None:
        """The next message; None at the end."""
        with signals.raising():
            message = next(self._messages, None)
        return message if message is None else whole(message)

    def edited(self, _signals: Signals, _text: str) -> str | None:
        """There is nobody to change it. Raises UsageError."""
        raise UsageError("in a pipe /edit needs the new text", hint="/edit TEXT")

    def show(self, answering: Answering, _before: str = "") -> None:
        """The answer as it comes, and what ends it."""
        with closing(answering(lambda _done, _total: None)) as chunks:
            for chunk in chunks:
                self._write(chunk.text)
        self._write("", end=self._end)

    def say(self, text: str) -> None:
        """What a command says; it is what was asked for."""
        self._write(text, end=self._end)

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr."""
        self._sink.note(text)

    def tell_statistics(self, text: str) -> None:
        """What an answer took, on stderr."""
        self._sink.progress(text)

    def fail(self, error: StarlingError) -> None:
        """What failed, on stderr."""
        self._sink.error(error)

    def copy(self, _text: str) -> str:
        """There is no clipboard here."""
        return "There is no terminal to copy from."

    def _write(self, text: str, end: str = "") -> None:
        self._sink.text(text, end=end)
        if self._sink.is_unread:
            raise ReaderGoneError


def _lines(stdin: TextIO) -> Iterator[str]:
    yield from (line.rstrip("\n") for line in stdin)


def _up_to_zero(stdin: TextIO) -> Iterator[str]:
    """Messages that end with a zero byte; the last one may lack it."""
    rest = ""
    while block := stdin.read(1):
        if block == "\0":
            yield rest
            rest = ""
        else:
            rest += block
    if rest:
        yield rest


class Terminal:
    """A person at a terminal. `console` draws Markdown; None for plain text.

    `has_codes`: whether stdout is a terminal that knows more than lines of text.
    """

    is_interactive = takes_commands = True

    def __init__(
        self,
        chat: Chat,
        keyboard: Typing,
        stdin: TextIO,
        stdout: TextIO,
        sink: Sink,
        console: Console | None,
        *,
        has_codes: bool,
    ) -> None:
        self._chat = chat
        self._keyboard = keyboard
        self._stdin = stdin
        self._stdout = stdout
        self._sink = sink
        self._console = console
        self._has_codes = has_codes
        self._calm_until_s = 0.0

    def message(self, signals: Signals, default: str = "") -> str | None:
        """What is typed; None for Ctrl-D."""
        mode = self._chat.conversation.condition.name.lower()
        prompt = "> " if mode == "chat" else f"{mode}> "
        try:
            return whole(self._keyboard.read(signals, prompt, default, is_calm=self._is_calm))
        except (EOFError, OSError):
            # OSError: the terminal is gone.
            return None

    def edited(self, signals: Signals, text: str) -> str | None:
        """`text` as the user changes it; None if nothing is left, or for Ctrl-C and Ctrl-D."""
        try:
            return whole(self._keyboard.read(signals, "edit> ", text, goes_back=True)) or None
        except (EOFError, OSError):
            return None
        except KeyboardInterrupt:
            if signals.end_came:
                raise
            return None

    def _is_calm(self) -> bool:
        return time.monotonic() < self._calm_until_s

    def show(self, answering: Answering, before: str = "") -> None:
        """The answer as it comes, drawn as Markdown where that can be."""
        says = "reading the message"
        with (
            without_echo(self._stdin),
            Waiting(self._stdout if self._console else None, says) as waiting,
        ):

            def on_prefill(done: int, total: int) -> None:
                if done < total:
                    waiting.says = f"{says}: {done:,} of {total:,} tokens"

            with closing(answering(on_prefill)) as chunks:
                try:
                    self._draw(chunks, waiting, before)
                except OSError as error:
                    raise InterruptedByUser("the terminal is gone") from error
                finally:
                    self._calm_until_s = time.monotonic() + CALM_S

    def _draw(self, chunks: Iterator[Chunk], waiting: Waiting, before: str) -> None:
        draw, finish = self._drawing(before)
        for chunk in chunks:
            if chunk.text or isinstance(chunk, LastChunk):
                waiting.end()
            draw(harmless(chunk.text))
        finish()

    def _drawing(self, before: str) -> tuple[Callable[[str], None], Callable[[], None]]:
        if self._console is None:
            return self._sink.text, lambda: self._sink.text("", end="\n")
        from starling_local.chat.markdown import StreamedMarkdown, opening_of_code

        markdown = StreamedMarkdown(self._console)
        if opening := opening_of_code(self._console, harmless(before)):
            # Shows nothing itself, but what follows is code.
            markdown.add(f"{opening}\n")
        return markdown.add, markdown.finish

    def say(self, text: str) -> None:
        """What a command says, its lines broken between words."""
        width = shutil.get_terminal_size().columns
        lines = [
            row
            for line in text.split("\n")
            for row in textwrap.wrap(line, width, subsequent_indent="    ") or [""]
        ]
        self._sink.text("\n".join(lines), end="\n")

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self._sink.note(text)

    def tell_statistics(self, text: str) -> None:
        """What an answer took."""
        self._sink.progress(text)

    def fail(self, error: StarlingError) -> None:
        """What failed; the chat goes on."""
        self._sink.error(error)

    def copy(self, text: str) -> str:
        """Put a text into the clipboard, by a program for that or by the terminal itself."""
        text = harmless(text)
        for command in _CLIPBOARDS:
            if shutil.which(command[0]):
                with suppress(OSError, subprocess.SubprocessError):
                    subprocess.run(command, input=text.encode(), check=True, timeout=5)
                    return "Copied."
        if not self._has_codes:
            return "There is no clipboard here."
        # OSC 52, which most terminals know, also through ssh.
        with suppress(OSError):
            code = b64encode(text.encode()).decode()
            self._stdout.write(f"\x1b]52;c;{code}\x07")
            self._stdout.flush()
        return "Handed to the terminal's clipboard, if it has one."
