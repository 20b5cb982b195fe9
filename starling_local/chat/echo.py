"""Keys pressed while an answer is drawn: kept for the prompt, and not shown in between."""

from __future__ import annotations

import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def without_echo(stdin: TextIO) -> Iterator[None]:
    """Let the terminal not show what is typed; Ctrl-C works, and nothing typed is lost."""
    try:
        before = termios.tcgetattr(stdin.fileno())
        silent = [*before]
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(stdin.fileno(), termios.TCSANOW, silent)
    except (OSError, ValueError, termios.error):
        # No terminal, or one that is gone.
        yield
        return
    try:
        yield
    finally:
        try:
            termios.tcsetattr(stdin.fileno(), termios.TCSANOW, before)
        except termios.error:
            # The terminal went away meanwhile.
            return
