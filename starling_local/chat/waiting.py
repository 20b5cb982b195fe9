"""A line that shows that something is being done, and goes away with it."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import TextIO

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FIRST_S, FRAME_S = 0.4, 0.1
_ERASE = "\r\x1b[2K"


class Waiting:
    """Draws what is waited for on a terminal, once that takes longer than a moment.

    Use it in a `with` statement; `says` may be changed while it is open. With `file` None nothing
    is drawn.
    """

    def __init__(self, file: TextIO | None, says: str) -> None:
        self.says = says
        self._file = file
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Waiting:
        if self._file is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Take the line away. Safe to call again."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _draw(self) -> None:
        if self._file is None or self._over.wait(FIRST_S):
            return
        frame = 0
        try:
            while True:
                shown = f"{FRAMES[frame % len(FRAMES)]} {self.says}"
                self._file.write(_ERASE + shown[: _width(self._file) - 1])
                self._file.flush()
                frame += 1
                if self._over.wait(FRAME_S):
                    break
            self._file.write(_ERASE)
            self._file.flush()
        except OSError:
            # The terminal is gone; who writes the answer will notice.
            return


def _width(file: TextIO) -> int:
    """Columns of the terminal: what is longer would wrap, and not go away. Raises OSError."""
    return os.get_terminal_size(file.fileno()).columns or 80
