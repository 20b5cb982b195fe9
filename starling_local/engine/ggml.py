"""ggml's functions for back ends and devices, which llama_cpp does not bind in Python.

They are found through libllama, which is linked with the ggml libraries: a wheel carries each of
those under several names, and to open another one would load it, and its list of devices, again.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

from starling_local.engine.llama import llama_cpp

_SIZES = ctypes.POINTER(ctypes.c_size_t)


@cache
def functions() -> ctypes.CDLL:
    """The library, its functions declared. Source: llama.cpp's ggml/include/ggml-backend.h."""
    found: ctypes.CDLL = llama_cpp.llama_cpp._lib
    for name, takes, gives in (
        ("ggml_backend_load_all_from_path", [ctypes.c_char_p], None),
        ("ggml_backend_reg_count", [], ctypes.c_size_t),
        ("ggml_backend_reg_get", [ctypes.c_size_t], ctypes.c_void_p),
        ("ggml_backend_reg_name", [ctypes.c_void_p], ctypes.c_char_p),
        ("ggml_backend_dev_count", [], ctypes.c_size_t),
        ("ggml_backend_dev_get", [ctypes.c_size_t], ctypes.c_void_p),
        ("ggml_backend_dev_name", [ctypes.c_void_p], ctypes.c_char_p),
        ("ggml_backend_dev_description", [ctypes.c_void_p], ctypes.c_char_p),
        ("ggml_backend_dev_type", [ctypes.c_void_p], ctypes.c_int),
        ("ggml_backend_dev_backend_reg", [ctypes.c_void_p], ctypes.c_void_p),
        ("ggml_backend_dev_memory", [ctypes.c_void_p, _SIZES, _SIZES], None),
    ):
        function = getattr(found, name)
        function.argtypes, function.restype = takes, gives
    return found


def load_back_ends() -> None:
    """Load the back ends of a llama.cpp that has them as libraries of their own.

    Those beside llama.cpp's, and no others: asked without a folder, ggml looks into that of the
    Python program and into the current one.
    """
    library = functions()
    if not library.ggml_backend_reg_count():
        folder = Path(str(llama_cpp.__file__)).parent / "lib"
        library.ggml_backend_load_all_from_path(os.fsencode(folder))
