"""The input of a batch: a file, or a stream that can be read only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from starling_local.errors import BadFileError, NotFoundError
from starling_local.scripting.batch_lines import InputLine, read_lines

STREAM = "-"


class BatchInput:
    """Where the requests come from; `stdin` is meant by the name `-`.

    Raises NotFoundError if there is no such file.
    """

    def __init__(self, name: str, stdin: TextIO) -> None:
        self._name = name
        self._stdin = stdin
        if name != STREAM and not self.path.exists():
            raise NotFoundError(
                f"no file {name}", hint="name a file with a request a line, or - for stdin"
            )

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._name)

    @property
    def is_file(self) -> bool:
        """Whether it can be read more than once."""
        return self._name != STREAM and self.path.is_file()

    def lines(self) -> Iterator[InputLine]:
        """Every line, one at a time. Raises BadFileError if it cannot be read."""
        if self._name == STREAM:
            yield from read_lines(self._stdin.buffer)
            return
        try:
            with self.path.open("rb") as file:
                yield from read_lines(file)
        except OSError as error:
            raise BadFileError(f"cannot read {self._name}: {error.strerror}") from error
