"""The output sink: stdout is data, stderr is notes, progress and errors.

With `--json` stdout carries exactly one JSON object, the result or the error. All text that comes
from files (names, messages) is stripped of control characters before a terminal sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from starling_local.cli.environment import Environment
from starling_local.errors import StarlingError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class Output:
    """Where a command puts its result, notes and errors."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @property
    def wants_json(self) -> bool:
        """Whether results go out as one JSON object."""
        return self._environment.wants_json

    def result(self, human: RenderableType, machine: Mapping[str, Any]) -> None:
        """The command's result, in the form that was asked for."""
        if self.wants_json:
            self._environment.stdout.write(json.dumps(machine, ensure_ascii=False) + "\n")
        else:
            self.console(self._environment.stdout).print(human)

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
            self._environment.stdout.write(json.dumps({"error": body}, ensure_ascii=False) + "\n")

    def console(self, stream: TextIO | None = None) -> Console:
        """A rich console on `stream` (stderr if None) that honours NO_COLOR and plain pipes."""
        from rich.console import Console

        # A pipe has no width; a table must not be folded for a reader that is no terminal.
        stream = stream or self._environment.stderr
        width = None if stream.isatty() else 200
        return Console(
            file=stream,
            width=width,
            soft_wrap=False,
            highlight=False,
            markup=False,
            _environ=self._environment.environ,
        )

    def _line(self, text: str) -> None:
        self._environment.stderr.write(printable(text) + "\n")
        self._environment.stderr.flush()


def printable(text: str) -> str:
    """`text` without characters that could drive a terminal; line breaks become spaces."""
    return "".join(char if char.isprintable() else " " for char in text)
