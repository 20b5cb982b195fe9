"""llama_cpp, for all of this room: where it cannot be loaded is told here, once."""

from __future__ import annotations

from starling_local.errors import BrokenEngineError, NotFoundError

__all__ = ["llama_cpp"]

_HINT = "starling doctor says what is missing, and the command that mends it"

try:
    import llama_cpp
except ModuleNotFoundError as error:
    raise NotFoundError(f"llama.cpp cannot be loaded: {error}", hint=_HINT) from error
except (ImportError, OSError, RuntimeError, AttributeError) as error:
    # Of a library that the system's loader refuses, that is not there or on an unknown system, and
    # that is without one of the functions; see llama_cpp's _ctypes_extensions.py.
    raise BrokenEngineError(f"llama.cpp cannot be loaded: {error}", hint=_HINT) from error
