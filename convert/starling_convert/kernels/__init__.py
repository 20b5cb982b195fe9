"""ggml's quantisers as vector kernels: the same bytes, several times as fast.

Importing this package loads numba; only the variants of `quantisers.VECTOR_VARIANTS` are served.
Each is compiled when it is first used. The others are ggml's: F16, BF16, and without an importance
matrix Q4_0, Q4_1, Q5_0 and Q5_1 need no search, and the C compiler made vectors of those loops
already, which run at the speed of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starling_convert import ggml
from starling_convert.kernels import affine, eight_bits, nonlinear, small_blocks, symmetric
from starling_convert.kernels.check_blocks import check_blocks, check_importance
from starling_convert.quantisers import Variant
from starling_convert.recipe import TensorType

_Floats = NDArray[np.float32]
# Called with flat weights, the importance of the columns (empty for none), the bytes to fill and
# the flags of the blocks that ggml must do again.
_Kernel = Callable[[_Floats, _Floats, NDArray[np.uint8], NDArray[np.bool_]], None]

_NO_IMPORTANCE = np.empty(0, np.float32)


def _affine(largest_level: float, first_offset: float, n_steps: int) -> _Kernel:
    level, offset = np.float32(largest_level), np.float32(first_offset)
    return lambda weights, _importance, out, awkward: affine.quantise(
        weights, out, awkward, level, offset, n_steps
    )


def _with_size(
    kernel: Callable[[_Floats, _Floats, NDArray[np.uint8], NDArray[np.bool_], np.float32], None],
    size: float,
) -> _Kernel:
    return lambda weights, importance, out, awkward: kernel(
        weights, importance, out, awkward, np.float32(size)
    )


def _nonlinear(parts: int) -> _Kernel:
    return lambda weights, importance, out, awkward: nonlinear.quantise(
        weights, importance, out, awkward, parts
    )


def _eight_bits() -> _Kernel:
    return lambda weights, _importance, out, awkward: eight_bits.quantise(weights, out, awkward)


_KERNELS: dict[Variant, _Kernel] = {
    Variant(TensorType.Q4_0, True): _with_size(small_blocks.quantise_symmetric, 8.0),
    Variant(TensorType.Q5_0, True): _with_size(small_blocks.quantise_symmetric, 16.0),
    Variant(TensorType.Q4_1, True): _with_size(small_blocks.quantise_affine, 15.0),
    Variant(TensorType.Q5_1, True): _with_size(small_blocks.quantise_affine, 31.0),
    Variant(TensorType.Q8_0, False): _eight_bits(),
    Variant(TensorType.Q8_0, True): _eight_bits(),
    # What make_qkx2_quants is called with: nmax, rmin and nstep.
    Variant(TensorType.Q4_K, False): _affine(15.0, -1.0, 20),
    Variant(TensorType.Q5_K, False): _affine(31.0, -0.5, 15),
    Variant(TensorType.Q4_K, True): _with_size(affine.quantise_weighted, 15.0),
    Variant(TensorType.Q5_K, True): _with_size(affine.quantise_weighted, 31.0),
    Variant(TensorType.Q6_K, False): symmetric.quantise,
    Variant(TensorType.Q6_K, True): symmetric.quantise,
    Variant(TensorType.IQ4_NL, False): _nonlinear(1),
    Variant(TensorType.IQ4_NL, True): _nonlinear(1),
    Variant(TensorType.IQ4_XS, False): _nonlinear(8),
    Variant(TensorType.IQ4_XS, True): _nonlinear(8),
}

# With an importance matrix their error depends on the mean square of the whole row.
_ROW_TYPES = frozenset({TensorType.Q4_0, TensorType.Q4_1, TensorType.Q5_0, TensorType.Q5_1})


def quantise_rows(
    tensor_type: TensorType,
    weights: _Floats,
    out: NDArray[np.uint8],
    importance: _Floats | None = None,
) -> bool:
    """The same as `ggml.quantise_rows`, for the variants in `VECTOR_VARIANTS`.

    Threads may call it at once; it runs without the GIL.

    Args:
        tensor_type: the type to write; its block must divide the row length.
        weights: float32 [rows, columns], contiguous and finite.
        out: uint8, contiguous, exactly the bytes the rows take.
        importance: float32 [columns], contiguous, or None.
    """
    flat, columns = weights.reshape(-1), weights.shape[1]
    awkward = quantise_blocks(tensor_type, flat, out, importance)
    # A number in these blocks leaves the range the kernels are made for, half precision included.
    unit = columns if tensor_type in _ROW_TYPES else tensor_type.block_weights
    parts = out.reshape(flat.size // unit, -1)
    fits = True
    for part in np.flatnonzero(awkward.reshape(len(parts), -1).any(axis=1)):
        start = part * unit
        column = start % columns
        share = None if importance is None else importance[column : column + unit]
        fits &= ggml.quantise_rows(
            tensor_type, flat[None, start : start + unit], parts[part], share
        )
    return fits


def quantise_blocks(
    tensor_type: TensorType,
    weights: _Floats,
    out: NDArray[np.uint8],
    importance: _Floats | None = None,
) -> NDArray[np.bool_]:
    """`quantise_rows` for flat `weights`, without what must be left to ggml: says which blocks."""
    kernel = _KERNELS[Variant(tensor_type, importance is not None)]
    awkward = np.zeros(weights.size // tensor_type.block_weights, np.bool_)
    kernel(weights, _NO_IMPORTANCE if importance is None else importance, out, awkward)
    return awkward


def load(variant: Variant) -> None:
    """Take a kernel's machine code from the disk, or compile it.

    Raises what numba raises, of all kinds, if the copy on the disk is damaged.
    """
    importance = np.ones(256, np.float32) if variant.weighted else None
    out = np.empty(variant.type.size_bytes(256), np.uint8)
    quantise_blocks(variant.type, np.ones(256, np.float32), out, importance)


def cache_folder() -> Path:
    """Where numba keeps the machine code, in files named *.nbi and *.nbc."""
    return Path(str(affine.quantise.stats.cache_path))  # type: ignore[attr-defined]


def self_check(variant: Variant) -> str | None:
    """Compare a kernel with ggml on a few hundred blocks; None says that all bytes are equal.

    A processor or compiler that rounds otherwise, or a llama.cpp that quantises otherwise, shows
    here. Otherwise says in a sentence what differs.
    """
    kind = variant.type
    # Two rows, so that the blocks of a row have importances of their own.
    weights = check_blocks(seed=0).reshape(2, -1)
    importance = check_importance(seed=0, size=weights.shape[1]) if variant.weighted else None
    shape = (weights.size // kind.block_weights, kind.block_bytes)
    ours, reference = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    fits = quantise_rows(kind, weights, ours.reshape(-1), importance)
    name = f"{kind.name} with an importance matrix" if variant.weighted else kind.name
    if fits != ggml.quantise_rows(kind, weights, reference.reshape(-1), importance):
        return f"{name}: the kernel and ggml disagree on what the type can hold"
    if differing := int((ours != reference).any(axis=1).sum()):
        return f"{name}: {differing} of {len(ours)} blocks differ from ggml's"
    return None
