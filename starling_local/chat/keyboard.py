"""What the user types in a terminal: lines with history, blocks, completion and an editor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from starling_local.chat.signals import Signals

if TYPE_CHECKING:
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent

QUOTES = '"""'


class Typing(Protocol):
    """How messages are typed."""

    def read(
        self,
        signals: Signals,
        prompt: str,
        default: str = "",
        *,
        is_calm: Callable[[], bool] = lambda: False,
        goes_back: bool = False,
    ) -> str:
        """A message, without the quotes of a block.

        Ctrl-C first clears the line, unless it `goes_back`; while `is_calm` it does no more.
        Raises EOFError for Ctrl-D, and KeyboardInterrupt for Ctrl-C and to end the process.
        """


class Lines:
    """Reads messages from a terminal that only knows lines of text."""

    def __init__(self, stdin: TextIO, stdout: TextIO) -> None:
        self._stdin = stdin
        self._stdout = stdout

    def read(
        self,
        signals: Signals,
        prompt: str,
        default: str = "",
        *,
        is_calm: Callable[[], bool] = lambda: False,
        goes_back: bool = False,  # noqa: ARG002, so it does anyway
    ) -> str:
        """As `Typing.read`, but a default can only be seen, and Ctrl-C always goes back."""
        if default:
            self._stdout.write(f"{default}\n")
        with signals.raising(is_calm):
            text = self._line(prompt)
            while _is_open(text):
                text += "\n" + self._line("")
        return unquoted(text)

    def _line(self, prompt: str) -> str:
        self._stdout.write(prompt)
        self._stdout.flush()
        line = self._stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


class Keyboard:
    """Reads messages from a terminal. `words` gives what may follow what was typed so far.

    `screen` is where what is typed shows.
    """

    def __init__(
        self,
        commands: Iterable[str],
        words: Callable[[str], Sequence[str]],
        history: Path | None,
        screen: TextIO,
    ) -> None:
        self._is_calm: Callable[[], bool] = lambda: False
        self._goes_back = False
        self._is_interrupted = False
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            prompt_continuation="",
            key_bindings=_bindings(self._stop),
            completer=_Completer(tuple(commands), words),
            complete_while_typing=False,
            enable_suspend=True,
            history=_history(history),
            output=_output(screen),
        )

    def read(
        self,
        signals: Signals,
        prompt: str,
        default: str = "",
        *,
        is_calm: Callable[[], bool] = lambda: False,
        goes_back: bool = False,
    ) -> str:
        """As `Typing.read`; the history keeps a line that is cleared."""
        self._is_calm, self._goes_back = is_calm, goes_back
        try:
            with signals.told_to(self._interrupt, is_calm):
                return unquoted(
                    self._session.prompt(prompt, default=default, pre_run=self._end_if_interrupted)
                )
        finally:
            self._is_interrupted = False

    def _stop(self, event: KeyPressEvent) -> None:
        """Clear the line, which the history keeps; on an empty one leave."""
        buffer = event.current_buffer
        if buffer.text and not self._goes_back:
            buffer.append_to_history()
            buffer.reset()
        elif not self._is_calm():
            event.app.exit(exception=KeyboardInterrupt)

    def _interrupt(self) -> None:
        """Let `read` raise KeyboardInterrupt; a signal handler may call it at any time."""
        self._is_interrupted = True
        loop = self._session.app.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._end_if_interrupted)

    def _end_if_interrupted(self) -> None:
        app = self._session.app
        if self._is_interrupted and app.is_running and not app.is_done:
            app.exit(exception=KeyboardInterrupt)


def unquoted(text: str) -> str:
    """A message; of a block between three quotation marks, what is inside."""
    stripped = text.strip()
    if is_block(stripped) and stripped.count(QUOTES) > 1 and stripped.endswith(QUOTES):
        return stripped[len(QUOTES) : -len(QUOTES)].strip("\n")
    return text


def is_block(text: str) -> bool:
    """Whether the message begins with three quotation marks."""
    return text.lstrip().startswith(QUOTES)


def _is_open(text: str) -> bool:
    """Whether the message is a block that goes on."""
    return is_block(text) and text.count(QUOTES) < 2


@Condition
def _has_text() -> bool:
    """Whether something is typed."""
    return bool(get_app().current_buffer.text)


def _bindings(stop: Callable[[KeyPressEvent], None]) -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        """Send, unless a block is open."""
        buffer = event.current_buffer
        if _is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Alt-Enter: a new line."""
        event.current_buffer.insert_text("\n")

    @bindings.add("c-g")
    def _(event: KeyPressEvent) -> None:
        """Edit the message in $VISUAL or $EDITOR."""
        event.current_buffer.open_in_editor()

    @bindings.add("c-d", filter=~_has_text)
    def _(event: KeyPressEvent) -> None:
        """Leave, without a bar in another colour."""
        event.app.exit(exception=EOFError)

    bindings.add("c-c")(stop)
    bindings.add("<sigint>")(stop)
    return bindings


class _Screen(Vt100_Output):
    """A terminal that may go away: what is typed ends then, and that is how it is noticed."""

    def flush(self) -> None:
        """Show what was written."""
        with suppress(OSError):
            super().flush()


def _output(screen: TextIO) -> _Screen:
    output = _Screen.from_pty(
        screen, term=os.environ.get("TERM"), default_color_depth=ColorDepth.from_env()
    )
    assert isinstance(output, _Screen)
    # Where the cursor is matters little here; a terminal that does not tell is not waited for.
    output.enable_cpr = False
    return output


def _history(path: Path | None) -> History:
    """What was typed before, in a file that only the user may read."""
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.open("ab").close()
    except OSError:
        return InMemoryHistory()
    return _FileHistory(path)


class _FileHistory(FileHistory):
    """A history that a full disk does not stop."""

    def store_string(self, string: str) -> None:
        """Append to the file."""
        with suppress(OSError):
            super().store_string(string)


class _Completer(Completer):
    """Names of commands, and what may follow them."""

    def __init__(self, commands: Sequence[str], words: Callable[[str], Sequence[str]]) -> None:
        self._commands = commands
        self._words = words
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """Complete the word before the cursor."""
        before = document.text_before_cursor
        command, space, argument = before.partition(" ")
        if not before.startswith("/") or "\n" in before:
            return
        typed = before.rpartition(" ")[2] if command == "/set" else argument
        options = self._words(before.removesuffix(typed)) if space else self._commands
        for option in options:
            if option.startswith(typed if space else before):
                yield Completion(option, start_position=-len(typed if space else before))
        if space and command in ("/read", "/model"):
            yield from self._paths.get_completions(Document(argument), event)
