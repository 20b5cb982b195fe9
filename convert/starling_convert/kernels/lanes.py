"""What the kernels share: how they are compiled, how a tile lies, and ggml's own number tricks.

ggml's quantisers work on one sub-block after the other and add up in a fixed order, so they cannot
be vectorised as they stand. Here `LANES` sub-blocks go side by side, one per lane: element i of all
of them is a row, the innermost loop runs over the lanes of a row, and LLVM makes vectors of it.
Each lane does exactly the operations of the C code, in its order, in IEEE float32.

Three rules keep it fast and exact:

* All rows of a tile lie in one flat array, `rows[row * LANES + lane]`. LLVM then sees from the
  constant distances that rows do not overlap; with two arrays it gives up and stays scalar.
* Branches are selects (`a if condition else b`), for lanes part ways. `a` and `b` are plain names,
  their rows read before any row is written: LLVM makes masked loads and stores of
  `rows[i] if condition else b`, and its vectoriser has been seen to swap a load with a store to
  the same row. `self_check` would notice.
* Every constant is an np.float32: one Python float would turn the arithmetic into float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

# 64 lanes of 32 weights and their rows of state take 26 to 35 KB: they stay in the L1 cache.
LANES = 64
# Elements per turn of a lane loop: their sums stay in registers meanwhile. LLVM unrolls four; with
# sixteen it no longer does, and the loop stays scalar.
UNROLL = 4

# nearest_int of ggml-quants.c: 1.5 * 2^23 leaves a float no bits behind the point, so adding it
# rounds to the nearest integer, ties to even. ggml asserts that the number is below 4194303.
ROUND = np.float32(12582912.0)
ROUND_LIMIT = np.float32(4.0e6)
ZERO = np.float32(0.0)
ONE = np.float32(1.0)

# Bits of the first half that is no finite number, without the sign.
HALF_INFINITY = 0x7C00

# Where the rows begin that every tile has: the weights of up to 32 per lane, their importance in
# the error, and their levels (the quantised weights, as floats); then one row of what an importance
# matrix needs. Rows from `FREE` on are the kernel's own.
WEIGHTS = 0
IMPORTANCE = 32 * LANES
LEVELS = 64 * LANES
MEAN_SQUARE = 96 * LANES
FREE = 97 * LANES

Rows = NDArray[np.float32]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def entry(function: _Function) -> _Function:
    """Compile what Python calls, with all it calls, on first use; keep the machine code on disk.

    numba takes the disk's copy for stale when the file of `function` changes, but not when a
    module it imports does: after work on one without an `entry`, touch those that have one.
    (Installing a package writes all its files anew.)
    """
    try:
        return _compile(function, cache=True)
    except RuntimeError:  # neither beside the source nor in the home directory may be written
        return _compile(function)


def compiled(function: _Function) -> _Function:
    """A function that other compiled ones call, and Python cannot: that saves compiling."""
    return _compile(function, no_cpython_wrapper=True)


def inlined(function: _Function) -> _Function:
    """The same for one so small that it must vanish into its callers, or they stay scalar."""
    return _compile(function, no_cpython_wrapper=True, forceinline=True)


def _compile(function: _Function, **options: bool) -> _Function:
    # The error model of numpy: division by zero gives infinity, as in C, and no branch.
    compile_it = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)
    return cast(_Function, compile_it(function))


@inlined
def clamped_round(value: np.float32, low: np.float32, high: np.float32) -> np.float32:
    """`nearest_int(value)`, clamped; `low` and `high` are the bounds plus `ROUND`.

    Clamping before `ROUND` is taken off again is the same and saves the way through integers, as
    long as `value` is within `ROUND_LIMIT`.
    """
    shifted = value + ROUND
    shifted = shifted if shifted > low else low
    shifted = shifted if shifted < high else high
    rounded: np.float32 = shifted - ROUND
    return rounded


@inlined
def nearest_int(value: np.float32) -> int:
    """The nearest integer, ties to even; `value` must be within `ROUND_LIMIT`."""
    return int((value + ROUND) - ROUND)


@inlined
def within_limit(value: np.float32) -> bool:
    """Whether `nearest_int` may be asked for `value`; false for NaN."""
    return bool(abs(value) < ROUND_LIMIT)


@compiled
def to_half(value: np.float32) -> int:
    """The bits of `value` in half precision, nearest even.

    Source: `ggml_compute_fp32_to_fp16` in ggml-impl.h.
    """
    bits = int(np.float32(value).view(np.uint32))
    # The product is exact but for what is too large, which becomes infinity.
    base = (abs(value) * np.float32(2.0**112)) * np.float32(2.0**-110)
    doubled = (bits << 1) & 0xFFFFFFFF
    exponent = doubled & 0xFF000000
    exponent = max(exponent, 0x71000000)
    # Adding a power of two pushes out the bits that half precision does not have.
    pushed = np.uint32((exponent >> 1) + 0x07800000).view(np.float32) + base
    rounded = int(np.float32(pushed).view(np.uint32))
    half = ((rounded >> 13) & 0x7C00) + (rounded & 0x0FFF)
    if doubled > 0xFF000000:
        half = 0x7E00
    return ((bits >> 16) & 0x8000) | half


@compiled
def from_half(half: int) -> np.float32:
    """The value of finite half precision bits, exactly."""
    exponent = (half >> 10) & 0x1F
    mantissa = np.float32(half & 0x3FF)
    if exponent == 0:
        size = mantissa * np.float32(2.0**-24)
    else:
        power = np.uint32((exponent + 102) << 23).view(np.float32)  # 2^(exponent - 25)
        size = (mantissa + np.float32(1024.0)) * power
    value: np.float32 = -size if half & 0x8000 else size
    return value


@compiled
def load(weights: NDArray[np.float32], first: int, size: int, rows: Rows) -> int:
    """Fill rows 0 to `size` - 1 with `LANES` sub-blocks of `size` weights, from weight `first` on.

    Lanes past the end of `weights` are zero. Returns how many lanes are in use.
    """
    used = min(LANES, (weights.size - first) // size)
    if used < LANES:
        rows[: size * LANES] = ZERO
    for lane in range(used):
        start = first + lane * size
        for i in range(size):
            rows[i * LANES + lane] = weights[start + i]
    return used
