"""llama.cpp as a library: started once, its log kept away from the terminal."""

from __future__ import annotations

import ctypes
from collections import deque
from functools import cache

import llama_cpp

LINES_KEPT = 200


class EngineLog:
    """The last lines that llama.cpp and ggml logged."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._line = ""

    def write(self, text: str) -> None:
        """Take a piece of log text; lines may come in several."""
        *whole, self._line = (self._line + text).split("\n")
        self.lines.extend(line for line in whole if line.strip())

    def last(self, default: str) -> str:
        """The last line, which after a failure is mostly the reason."""
        return self.lines[-1].strip() if self.lines else default


log = EngineLog()


def _write(_level: int, text: bytes, _data: object) -> None:
    log.write(text.decode("utf-8", "replace"))


# Kept here, so that it lives as long as llama.cpp may call it.
_on_log = llama_cpp.llama_log_callback(_write)


@cache
def start() -> None:
    """Start llama.cpp, and take its log. Safe to call again."""
    llama_cpp.llama_log_set(_on_log, ctypes.c_void_p())
    llama_cpp.llama_backend_init()
