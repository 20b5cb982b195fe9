"""The output sink: stdout is data, stderr is notes, progress and errors.

With `--json` stdout carries exactly one JSON object, the result or the error. All text that comes
from files (names, messages) is stripped of control characters before a terminal sees it.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from starling_local.cli.environment import Environment
from starling_local.errors import ConversionError, StarlingError
from starling_local.plain_text import harmless, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class Output:
    """Where a command puts its result, notes and errors."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.is_unread = False
        """Whether the reader of stdout has gone away, so that nothing more need be made for it."""

    @property
    def wants_json(self) -> bool:
        """Whether results go out as one JSON object."""
        return self._environment.wants_json

    def result(
        self, human: RenderableType, machine: Mapping[str, Any], lines: Sequence[str] = ()
    ) -> None:
        """The command's result in the form that was asked for; `lines` follow `human`, uncut."""
        if self.wants_json:
            self.data(json.dumps(machine) + "\n")
        else:
            # Drawn in memory, so that all writing, and its failures, are in one place.
            stdout = self._environment.stdout
            drawn = io.TextIOWrapper(io.BytesIO(), stdout.encoding or "utf-8", "backslashreplace")
            self._console(drawn, like=stdout).print(human)
            drawn.seek(0)
            # The cells of a table are filled up with spaces; at the end of a line they are nothing.
            text = "\n".join(line.rstrip(" ") for line in drawn.read().split("\n"))
            self.data(text + "".join(f"{line}\n" for line in lines))

    def text(self, text: str, end: str = "") -> None:
        """A piece of a model's answer, on stdout at once; it cannot drive the terminal."""
        self.data(harmless(text) + end)

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr."""
        self._line(f"note: {text}")

    def error(self, error: StarlingError) -> None:
        """What failed, on stderr; with `--json` on stdout too."""
        self._line(f"error: {error.message}")
        if error.hint:
            self._line(f"hint: {error.hint}")
        if self.wants_json:
            body = {"code": error.code, "message": error.message, "hint": error.hint}
            self.data(json.dumps({"error": body}) + "\n")

    def console(self, stream: TextIO | None = None) -> Console:
        """A rich console on a stream of the environment: stderr, for progress, if not told."""
        stream = stream or self._environment.stderr
        return self._console(stream, like=stream)

    def _console(self, file: TextIO, *, like: TextIO) -> Console:
        """A rich console that writes to `file` what suits the stream `like`; honours NO_COLOR."""
        from rich.console import Console

        return Console(
            file=file,
            force_terminal=like.isatty(),
            # A pipe has no width; a table must not be folded for a reader that is no terminal.
            width=None if like.isatty() else 200,
            highlight=False,
            markup=False,
            emoji=False,
            _environ=self._environment.environ,
        )

    def data(self, text: str) -> None:
        """Write to stdout at once, as it is. A reader that has gone away is no error.

        Raises:
            ConversionError: stdout is a file on a full disk, or the like.
        """
        stdout = self._environment.stdout
        try:
            stdout.write(text)
            stdout.flush()
        except OSError as error:
            # What is left in the buffer must not fail again when the interpreter flushes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
            self.is_unread = isinstance(error, BrokenPipeError)
            if not self.is_unread:
                raise ConversionError(f"cannot write to stdout: {error.strerror}") from error

    def progress(self, text: str) -> None:
        """What is being done, on stderr, where no terminal shows it better."""
        self._line(text)

    def _line(self, text: str) -> None:
        # Who closes stderr does not want to read it; that is no reason to stop working.
        with suppress(OSError):
            self._environment.stderr.write(printable(text) + "\n")
            self._environment.stderr.flush()
