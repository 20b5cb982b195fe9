"""Stopping llama.cpp in the middle of a computation."""

from __future__ import annotations

import ctypes

from starling_local.engine.llama import llama_cpp

# ggml asks between any two steps of its graph whether to stop. A Python function there would cost
# a tenth of the speed on a small model, for it needs the interpreter's lock each time. The C
# library's strlen has a fitting signature: of a buffer with one byte it says 0 or 1, whatever the
# byte is now.
_strlen = ctypes.CDLL(None).strlen


class Abort:
    """A flag that ggml reads while it computes; setting it makes a running decode return."""

    def __init__(self) -> None:
        self._flag = ctypes.create_string_buffer(2)

    def attach(self, context: object) -> None:
        """Have a context look at this flag from now on."""
        callback = ctypes.cast(_strlen, llama_cpp.ggml_abort_callback)
        llama_cpp.llama_set_abort_callback(
            context, callback, ctypes.cast(self._flag, ctypes.c_void_p)
        )

    def set(self) -> None:
        """Stop what is computed now, and what is started before `clear`."""
        self._flag[0] = b"\x01"

    def clear(self) -> None:
        """Compute again."""
        self._flag[0] = b"\x00"

    @property
    def is_set(self) -> bool:
        """Whether computations are stopped."""
        return self._flag[0] != b"\x00"
