"""What the user types in a terminal: lines with history, blocks, completion and an editor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

if TYPE_CHECKING:
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent

QUOTES = '"""'


class Keyboard:
    """Reads messages. `words` gives what may follow a command, by its name."""

    def __init__(
        self,
        commands: Iterable[str],
        words: Callable[[str], Sequence[str]],
        history: Path | None,
    ) -> None:
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            prompt_continuation="",
            key_bindings=_bindings(),
            completer=_Completer(tuple(commands), words),
            complete_while_typing=False,
            history=_history(history),
            output=_output(),
        )

    def read(self, prompt: str, default: str = "") -> str:
        """A message, without the quotes of a block.

        Raises EOFError for Ctrl-D, and KeyboardInterrupt for Ctrl-C on an empty line.
        """
        return unquoted(self._session.prompt(prompt, default=default))


def unquoted(text: str) -> str:
    """A message; of a block between three quotation marks, what is inside."""
    stripped = text.strip()
    if is_block(stripped) and stripped.count(QUOTES) > 1 and stripped.endswith(QUOTES):
        return stripped[len(QUOTES) : -len(QUOTES)].strip("\n")
    return text


def is_block(text: str) -> bool:
    """Whether the message begins with three quotation marks."""
    return text.lstrip().startswith(QUOTES)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        """Send, unless a block is open."""
        buffer = event.current_buffer
        if is_block(buffer.text) and buffer.text.count(QUOTES) < 2:
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

    @bindings.add("c-c")
    def _(event: KeyPressEvent) -> None:
        """Clear the line, which the history keeps; on an empty one leave."""
        buffer = event.current_buffer
        if buffer.text:
            buffer.append_to_history()
            buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    return bindings


def _output() -> Output:
    # Where stdout is no terminal, what is typed shows on stderr.
    output = create_output(always_prefer_tty=True)
    if isinstance(output, Vt100_Output):
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
        if not space:
            options: Sequence[str] = self._commands
            typed = command
        elif command in ("/read", "/model"):
            yield from self._paths.get_completions(Document(argument), event)
            return
        else:
            options, typed = self._words(command), argument
        for option in options:
            if option.startswith(typed):
                yield Completion(option, start_position=-len(typed))
