"""ggml's tensors as they are in memory, for callbacks that are shown them while they are computed.

llama_cpp binds no more of them than their addresses.
"""

from __future__ import annotations

import ctypes
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from starling_local.engine.ggml import functions
from starling_local.errors import ConversionError

F32 = 0


class Tensor(ctypes.Structure):
    """`struct ggml_tensor` of llama.cpp's ggml/include/ggml.h."""


Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("sizes", ctypes.c_int64 * 4),
    ("strides", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("sources", ctypes.POINTER(Tensor) * 10),
    ("view_source", ctypes.c_void_p),
    ("view_offset", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]


@cache
def _library() -> ctypes.CDLL:
    """The library, the functions for tensors declared. Source: ggml.h and ggml-backend.h."""
    found = functions()
    for name, takes, gives in (
        ("ggml_op_desc", [ctypes.c_void_p], ctypes.c_char_p),
        ("ggml_get_name", [ctypes.c_void_p], ctypes.c_void_p),
        ("ggml_nrows", [ctypes.c_void_p], ctypes.c_int64),
        ("ggml_nbytes", [ctypes.c_void_p], ctypes.c_size_t),
        (
            "ggml_backend_tensor_get",
            [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t],
            None,
        ),
    ):
        function = getattr(found, name)
        function.argtypes, function.restype = takes, gives
    return found


def operation(address: int) -> bytes:
    """What computes the tensor, such as MUL_MAT."""
    name: bytes = _library().ggml_op_desc(address)
    return name


def tensor_at(address: int) -> Tensor:
    """The tensor at an address that a callback was given.

    Raises:
        ConversionError: this llama.cpp lays its tensors out otherwise.
    """
    library = _library()
    tensor = Tensor.from_address(address)
    # Numbers that ggml computes itself from fields at the front, the middle and the end.
    is_known = (
        library.ggml_get_name(address) == address + Tensor.name.offset
        and library.ggml_nrows(address) == tensor.sizes[1] * tensor.sizes[2] * tensor.sizes[3]
    )
    if not is_known:
        raise ConversionError(
            "the installed llama.cpp lays its tensors out in an unknown way",
            hint="make the matrix with llama-imatrix, and give it with --imatrix",
        )
    return tensor


def rows_and_columns(tensor: Tensor) -> tuple[int, int]:
    """How many rows, of all dimensions but the first, and how long they are."""
    columns, *others = tensor.sizes
    return prod(others), columns


def copy_floats(tensor: Tensor, rows: NDArray[np.float32]) -> None:
    """Copy a contiguous tensor of F32 to `rows`, from whatever device it is on."""
    address, size_bytes = ctypes.addressof(tensor), rows.nbytes
    if _library().ggml_nbytes(address) != size_bytes or not rows.flags.c_contiguous:
        raise RuntimeError(f"{tensor.name!r} is not of {rows.shape} contiguous numbers")
    _library().ggml_backend_tensor_get(address, rows.ctypes.data, 0, size_bytes)
