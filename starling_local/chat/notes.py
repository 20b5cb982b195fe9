"""What the user should know, said when it disturbs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Notes:
    """Hands notes to `say`; those that come while an answer is shown wait for its end."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._waiting: list[str] | None = None

    def add(self, text: str) -> None:
        """Say it now, or as soon as may be."""
        if self._waiting is None:
            self._say(text)
        else:
            self._waiting.append(text)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let notes wait until the end of the block."""
        waiting = self._waiting = []
        try:
            yield
        finally:
            self._waiting = None
            for text in waiting:
                self._say(text)
