"""Loading the models of a chat, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from starling_local.engine.context import Context
from starling_local.engine.gguf_header import read_header
from starling_local.engine.identity import identify
from starling_local.errors import DoesNotFitError, StarlingError


class NoModelLeft(DoesNotFitError):
    """Neither the new model nor the one before could be loaded: the chat cannot go on."""


class Loader:
    """Opens models by name; the one before is closed, for there may be room for one alone.

    `find` gives the file for a name, None meaning the default; `opened` a context for a file, as
    there is room for it when it is called.
    """

    def __init__(
        self,
        find: Callable[[str | None], Path],
        opened: Callable[[Path], AbstractContextManager[Context]],
    ) -> None:
        self._find = find
        self._open_file = opened
        self._opened_ones = ExitStack()
        self.context: Context | None = None
        """The one in use."""

    def open(self, name: str | None) -> Context:
        """Load a model and make its context.

        If that fails the one before is loaded again, and what `Model` and `Context` raise goes on.
        Raises NoModelLeft if that fails too.
        """
        path = self._find(name)
        identify(read_header(path), path)
        before = self.context.model.path if self.context else None
        self.close()
        try:
            return self._opened(path)
        except StarlingError as error:
            if before is not None:
                self._open_again(before, error)
            raise

    def _open_again(self, path: Path, why: StarlingError) -> None:
        try:
            self._opened(path)
        except StarlingError as error:
            raise NoModelLeft(f"{why.message}; then {error.message}", hint=error.hint) from error

    def _opened(self, path: Path) -> Context:
        self.context = self._opened_ones.enter_context(self._open_file(path))
        return self.context

    def close(self) -> None:
        """Free the memory. Safe to call again."""
        self.context = None
        self._opened_ones.close()
