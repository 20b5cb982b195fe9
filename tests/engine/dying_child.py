"""What a child process can die of, for the tests of `guarded_child`."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping
from typing import Any

import llama_cpp


def answer(request: Mapping[str, Any]) -> Any:
    """Echo the request, or die in the way that it names."""
    way = request["way"]
    if way == "assertion":
        # Unguarded: llama.cpp ends the process for a vocabulary with the same text twice.
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        llama_cpp.llama_model_load_from_file(os.fsencode(request["path"]), params)
    if way == "print":
        os.write(1, b"ggml says hello")
    if way == "segfault":
        ctypes.string_at(1)
    if way == "hang":
        while True:
            pass
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "bug":
        raise ZeroDivisionError("a bug of ours")
    return request
