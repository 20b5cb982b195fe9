"""ggml's own quantisers, called through ctypes in the library that llama-cpp-python carries.

The functions are exported by libggml-base but not bound in Python. ctypes releases the GIL while
they run, so threads scale.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starling_convert.recipe import TensorType
from starling_local.errors import ConversionError

_REINSTALL = "reinstall it: python -m pip install --force-reinstall llama-cpp-python"


def quantise_rows(
    tensor_type: TensorType,
    weights: NDArray[np.float32],
    out: NDArray[np.uint8],
    importance: NDArray[np.float32] | None = None,
) -> bool:
    """Quantise whole rows as llama-quantize does, and check the result as it does.

    False says that a block cannot hold its weights: its scale is infinite or NaN, and the model
    would say nonsense. llama-quantize refuses such a file.

    Args:
        tensor_type: the type to write; its block must divide the row length.
        weights: float32 [rows, columns], contiguous and finite.
        out: uint8, contiguous, exactly the bytes the rows take.
        importance: float32 [columns], contiguous, one row of an importance matrix: how much an
            error in each column counts, for every row alike. None leaves it to ggml.

    Source: `llama_tensor_quantize_impl` in llama.cpp's src/llama-quant.cpp.
    """
    rows, columns = weights.shape
    library = _library()
    written = library.ggml_quantize_chunk(
        tensor_type.ggml_id,
        weights.ctypes.data,
        out.ctypes.data,
        0,
        rows,
        columns,
        None if importance is None else importance.ctypes.data,
    )
    if written != out.nbytes:
        raise ConversionError(f"ggml wrote {written} bytes of {tensor_type.name}, not {out.nbytes}")
    return bool(library.ggml_validate_row_data(tensor_type.ggml_id, out.ctypes.data, out.nbytes))


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        raise ConversionError(
            "llama-cpp-python is not installed", hint="python -m pip install llama-cpp-python"
        )
    folder = Path(spec.origin).parent / "lib"
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = folder / f"libggml-base.{suffix}"
    try:
        library = ctypes.CDLL(str(path))
        library.ggml_quantize_chunk.argtypes = [
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int64,
            ctypes.c_int64,
            ctypes.c_int64,
            ctypes.c_void_p,
        ]
        library.ggml_quantize_chunk.restype = ctypes.c_size_t
        library.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
        library.ggml_validate_row_data.restype = ctypes.c_bool
    except (OSError, AttributeError) as error:
        raise ConversionError(f"cannot use {path}: {error}", hint=_REINSTALL) from error
    return library
