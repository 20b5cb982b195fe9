"""ggml's K-quantisers as vector kernels: the same bytes, several times as fast.

Importing this package loads numba; only the types of `quantisers.VECTOR_TYPES` are served.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert import ggml
from starling_convert.kernels import affine, symmetric
from starling_convert.kernels.check_blocks import check_blocks
from starling_convert.quantisers import VECTOR_TYPES
from starling_convert.recipe import TensorType

# What make_qkx2_quants is called with: nmax, rmin and nstep.
_AFFINE = {
    TensorType.Q4_K: (np.float32(15.0), np.float32(-1.0), 20),
    TensorType.Q5_K: (np.float32(31.0), np.float32(-0.5), 15),
}


def quantise_rows(
    tensor_type: TensorType,
    weights: NDArray[np.float32],
    out: NDArray[np.uint8],
    importance: NDArray[np.float32] | None = None,
) -> bool:
    """The same as `ggml.quantise_rows`, for the types in `VECTOR_TYPES`.

    Threads may call it at once; it runs without the GIL.

    Args:
        tensor_type: the type to write; its block must divide the row length.
        weights: float32 [rows, columns], contiguous and finite.
        out: uint8, contiguous, exactly the bytes the rows take.
        importance: float32 [columns] or None, as in `ggml.quantise_rows`, which does the work if
            there is one.
    """
    if importance is not None:
        return ggml.quantise_rows(tensor_type, weights, out, importance)
    flat, blocks = weights.reshape(-1), out.reshape(-1, tensor_type.block_bytes)
    awkward = np.zeros(len(blocks), np.bool_)
    if tensor_type is TensorType.Q6_K:
        symmetric.quantise(flat, out, awkward)
    else:
        affine.quantise(flat, out, awkward, *_AFFINE[tensor_type])
    fits = True
    # A number in these blocks leaves the range the kernels are made for, half precision included.
    for block in np.flatnonzero(awkward):
        start = block * tensor_type.block_weights
        alone = flat[None, start : start + tensor_type.block_weights]
        fits &= ggml.quantise_rows(tensor_type, alone, blocks[block])
    return fits


def self_check() -> str | None:
    """Compare the kernels with ggml on a few hundred blocks; None says that all bytes are equal.

    A processor or compiler that rounds otherwise, or a llama.cpp that quantises otherwise, shows
    here. Otherwise says in a sentence what differs.
    """
    weights = check_blocks(seed=0)
    for tensor_type in sorted(VECTOR_TYPES, key=lambda kind: kind.ggml_id):
        shape = (len(weights), tensor_type.block_bytes)
        ours, reference = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        fits = quantise_rows(tensor_type, weights, ours.reshape(-1))
        if fits != ggml.quantise_rows(tensor_type, weights, reference.reshape(-1)):
            return f"{tensor_type.name}: the kernel and ggml disagree on what the type can hold"
        differing = int((ours != reference).any(axis=1).sum())
        if differing:
            return f"{tensor_type.name}: {differing} of {len(weights)} blocks differ from ggml's"
    return None
