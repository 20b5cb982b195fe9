"""Q8_0: blocks of 32 weights with one scale.

Source: `quantize_row_q8_0_ref` in ggml-quants.c. There is no search, so nothing needs lanes: the
weights of a block are a vector as they lie. Its importance is not asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.lanes import HALF_INFINITY, ONE, ZERO, entry, to_half

_SIZE = 32
_BLOCK_BYTES = 2 + _SIZE
_LARGEST_LEVEL = np.float32(127.0)
# The largest float below a half: added before the fraction is cut off, it rounds halves away from
# zero as roundf does, and 0.49999997 to zero, which adding a half would not.
_ALMOST_HALF = np.float32(0.49999997)
_FACTOR_LIMIT = np.float32(3e38)
_MAGNITUDE = np.uint32(0x7FFFFFFF)


@entry
def quantise(
    weights: NDArray[np.float32], out: NDArray[np.uint8], awkward: NDArray[np.bool_]
) -> None:
    """Quantise flat `weights` to blocks of Q8_0 in flat `out`.

    `awkward` has one entry per block; those it marks must be done again by ggml.
    """
    bits = weights.view(np.uint32)
    for block in range(awkward.size):
        start = block * _SIZE
        # As integers, for LLVM makes no vectors of a maximum of floats, which might be NaN.
        largest = np.uint32(0)
        for i in range(_SIZE):
            largest = max(largest, bits[start + i] & _MAGNITUDE)
        d = np.uint32(largest).view(np.float32) / _LARGEST_LEVEL
        factor = ONE / d if d != ZERO else ZERO
        half = to_half(d)
        # Of a denormal d the inverse is infinite, and what it gives no number.
        awkward[block] = (half >= HALF_INFINITY) | (factor > _FACTOR_LIMIT)
        levels = out[block * _BLOCK_BYTES : (block + 1) * _BLOCK_BYTES]
        levels[0], levels[1] = half & 0xFF, half >> 8
        for i in range(_SIZE):
            x = weights[start + i] * factor
            away = _ALMOST_HALF if x >= ZERO else -_ALMOST_HALF
            levels[2 + i] = np.uint8(np.int32(x + away))
