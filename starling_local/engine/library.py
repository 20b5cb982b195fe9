"""llama.cpp as a library: started once, its log kept away from the terminal."""

from __future__ import annotations

import ctypes
import re
from collections import deque
from functools import cache

from starling_local.engine.ggml import load_back_ends
from starling_local.engine.llama import llama_cpp

LINES_KEPT = 200
_ERROR = 4  # GGML_LOG_LEVEL_ERROR
# What ggml and its back ends say when they get no memory.
_NO_MEMORY = re.compile(
    r"(?:unable|failed) to allocate|out ?of ?\w*memory|cannot allocate memory", re.IGNORECASE
)
# llama.cpp puts the names of its functions, and of what they do, before an error.
_FUNCTIONS = re.compile(r"^(?:\w+: )+(?:error loading [\w ]+: (?:\w+: )?)?")


class EngineLog:
    """The last lines that llama.cpp and ggml logged."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._errors: deque[str] = deque(maxlen=LINES_KEPT)
        self._line = ""

    def write(self, text: str, level: int = 0) -> None:
        """Take a piece of log text; lines may come in several."""
        *whole, self._line = (self._line + text).split("\n")
        lines = [line.strip() for line in whole if line.strip()]
        self.lines.extend(lines)
        if level == _ERROR:
            self._errors.extend(lines)

    def last(self, default: str) -> str:
        """The last line, which after a failure is mostly the reason."""
        return self.lines[-1] if self.lines else default

    def forget_errors(self) -> None:
        """Begin something of which `reason` will be asked if it fails."""
        self._errors.clear()

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether an error since then says that there was not enough memory."""
        return any(map(_NO_MEMORY.search, self._errors))

    def reason(self, default: str) -> str:
        """The first error since then: the later ones only say what failed because of it."""
        return _FUNCTIONS.sub("", self._errors[0]) if self._errors else self.last(default)


log = EngineLog()


def _write(level: int, text: bytes, _data: object) -> None:
    log.write(text.decode("utf-8", "replace"), level)


# Kept here, so that it lives as long as llama.cpp may call it.
_on_log = llama_cpp.llama_log_callback(_write)


@cache
def start() -> None:
    """Start llama.cpp, and take its log. Safe to call again."""
    llama_cpp.llama_log_set(_on_log, ctypes.c_void_p())
    load_back_ends()
    llama_cpp.llama_backend_init()


def package() -> str:
    """The package that carries llama.cpp, with its version."""
    return f"llama-cpp-python {llama_cpp.__version__}"
