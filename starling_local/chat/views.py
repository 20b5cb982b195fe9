"""Where a chat is held: a terminal with a person before it, or a pipe."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from starling_local.chat.waiting import Waiting
from starling_local.engine.generation import Chunk, LastChunk
from starling_local.errors import InterruptedByUser, StarlingError
from starling_local.plain_text import harmless

if TYPE_CHECKING:
    from rich.console import Console

    from starling_local.chat.chat import Chat
    from starling_local.chat.keyboard import Keyboard
    from starling_local.chat.talk import Answering

# Programs that take a text for the clipboard on stdin: macOS, Wayland, X11, Windows.
_CLIPBOARDS = (("pbcopy",), ("wl-copy",), ("xclip", "-selection", "clipboard"), ("clip.exe",))


class Sink(Protocol):
    """What the command line writes with."""

    def text(self, text: str, end: str = "") -> None:
        """Text on stdout, made harmless, and what ends it."""

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr."""

    def error(self, error: StarlingError) -> None:
        """What failed, on stderr."""


class Pipe:
    """One message a line, or up to a zero byte; answers on stdout, nothing else there."""

    is_interactive = False

    def __init__(self, stdin: TextIO, sink: Sink, *, is_zero_separated: bool) -> None:
        self._messages = _up_to_zero(stdin) if is_zero_separated else _lines(stdin)
        self._end = "\0" if is_zero_separated else "\n"
        self._sink = sink

    def message(self, _default: str = "") -> str | None:
        """The next message; None at the end."""
        return next(self._messages, None)

    def show(self, answering: Answering) -> None:
        """The answer as it comes, and what ends it."""
        with closing(answering(lambda _done, _total: None)) as chunks:
            for chunk in chunks:
                self._sink.text(chunk.text)
        self._sink.text("", end=self._end)

    def say(self, text: str) -> None:
        """What a command says; it is what was asked for."""
        self._sink.text(text, end=self._end)

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr."""
        self._sink.note(text)

    def fail(self, error: StarlingError) -> None:
        """What failed, on stderr."""
        self._sink.error(error)

    def copy(self, _text: str) -> str:
        """There is no clipboard here."""
        return "There is no terminal to copy from."


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
    """A person at a terminal. `console` draws Markdown; None for plain text."""

    is_interactive = True

    def __init__(
        self,
        chat: Chat,
        keyboard: Keyboard,
        stdout: TextIO,
        sink: Sink,
        console: Console | None,
    ) -> None:
        self._chat = chat
        self._keyboard = keyboard
        self._stdout = stdout
        self._sink = sink
        self._console = console

    def message(self, default: str = "") -> str | None:
        """What is typed; None for Ctrl-D."""
        mode = self._chat.conversation.condition.name.lower()
        prompt = "> " if mode == "chat" else f"{mode}> "
        try:
            return self._keyboard.read(prompt, default)
        except (EOFError, OSError):
            # OSError: the terminal is gone.
            return None

    def show(self, answering: Answering) -> None:
        """The answer as it comes, drawn as Markdown where that can be."""
        says = "reading the message"
        with Waiting(self._stdout if self._console else None, says) as waiting:

            def on_prefill(done: int, total: int) -> None:
                if done < total:
                    waiting.says = f"{says}: {done:,} of {total:,} tokens"

            with closing(answering(on_prefill)) as chunks:
                try:
                    self._draw(chunks, waiting)
                except OSError as error:
                    raise InterruptedByUser("the terminal is gone") from error

    def _draw(self, chunks: Iterator[Chunk], waiting: Waiting) -> None:
        draw, finish = self._drawing()
        for chunk in chunks:
            if chunk.text or isinstance(chunk, LastChunk):
                waiting.end()
            draw(harmless(chunk.text))
        finish()

    def _drawing(self) -> tuple[Callable[[str], None], Callable[[], None]]:
        if self._console is None:
            return self._sink.text, lambda: self._sink.text("", end="\n")
        from starling_local.chat.markdown import StreamedMarkdown

        markdown = StreamedMarkdown(self._console)
        return markdown.add, markdown.finish

    def say(self, text: str) -> None:
        """What a command says."""
        self._sink.text(text, end="\n")

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self._sink.note(text)

    def fail(self, error: StarlingError) -> None:
        """What failed; the chat goes on."""
        self._sink.error(error)

    def copy(self, text: str) -> str:
        """Put a text into the clipboard, by a program for that or by the terminal itself."""
        for command in _CLIPBOARDS:
            if shutil.which(command[0]):
                with suppress(OSError, subprocess.SubprocessError):
                    subprocess.run(command, input=text.encode(), check=True, timeout=5)
                    return "Copied."
        # OSC 52, which most terminals know, also through ssh.
        with suppress(OSError):
            code = b64encode(text.encode("utf-8", "replace")).decode()
            self._stdout.write(f"\x1b]52;c;{code}\x07")
            self._stdout.flush()
        return "Handed to the terminal's clipboard, if it has one."
