"""Q6_K: 256 weights in 16 sub-blocks of 16, each with a scale of 8 bits and no minimum.

Source: `quantize_row_q6_K_ref` and `quantize_row_q6_K_impl` in ggml-quants.c. Names follow
the C code where it has names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.importance import load_importance, weigh_by_square
from starling_convert.kernels.lanes import (
    HALF_INFINITY,
    LANES,
    LEVELS,
    ONE,
    ZERO,
    Rows,
    compiled,
    entry,
    from_half,
    load,
    nearest_int,
    to_half,
    within_limit,
)
from starling_convert.kernels.symmetric_search import (
    BLANK,
    EXTREME,
    ROWS_SIZE,
    SCALE,
    STORED_SCALE,
    TINY,
    measure,
    round_levels,
    search,
)

_SIZE = 16  # weights in a sub-block
_PARTS = 16  # sub-blocks in a block
# Where in a block the upper two bits, the scales and d begin; the lower four bits come first.
_UPPER_BITS, _SCALES, _D = 128, 192, 208
_HALF_LEVELS = np.float32(32.0)
# Beyond, products of three weights and sums of them overflow, and halves long before.
_HUGE = np.float32(1e9)


@entry
def quantise(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32],
    out: NDArray[np.uint8],
    awkward: NDArray[np.bool_],
) -> None:
    """Quantise flat `weights` to blocks of Q6_K in flat `out`.

    `importance` is that of the columns, of which rows of `weights` have as many, or empty.
    `awkward` has one entry per block; those it marks must be done again by ggml, because a number
    in them leaves the range in which `nearest_int` rounds, or half precision.
    """
    rows = np.zeros(ROWS_SIZE, np.float32)
    block_bytes = _D + 2
    for first in range(0, awkward.size, LANES // _PARTS):
        used = load(weights, first * _PARTS * _SIZE, _SIZE, rows)
        if importance.size:
            load_importance(importance, first * _PARTS * _SIZE, _SIZE, used, rows)
        else:
            weigh_by_square(_SIZE, rows)
        measure(rows, _SIZE)
        search(rows, _SIZE, _HALF_LEVELS)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            awkward[first + k] = not _store_scales(rows, k * _PARTS, block)
        round_levels(rows, _SIZE, _HALF_LEVELS)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            _store_levels(rows, k * _PARTS, block)


@compiled
def _store_scales(rows: Rows, lane: int, block: NDArray[np.uint8]) -> bool:
    """Write d and the scales of the block whose sub-blocks are 16 lanes from `lane` on.

    Returns whether all went well; if not, the block is awkward.
    """
    max_scale, fine = ZERO, True
    for j in range(lane, lane + _PARTS):
        scale = rows[SCALE + j]
        max_scale = scale if abs(scale) > abs(max_scale) else max_scale
        fine &= (abs(rows[EXTREME + j]) < _HUGE) & (abs(scale) < _HUGE)
    zero = abs(max_scale) < TINY
    inv_scale = np.float32(-128.0) / (ONE if zero else max_scale)
    d = 0 if zero else to_half(ONE / inv_scale)
    fine &= (d & 0x7FFF) < HALF_INFINITY
    block[_D], block[_D + 1] = d & 0xFF, d >> 8
    if not fine:
        return False
    for k in range(_PARTS):
        j = lane + k
        stored = 0 if zero else min(127, nearest_int(inv_scale * rows[SCALE + j]))
        block[_SCALES + k] = stored & 0xFF
        scale = from_half(d) * np.float32(stored)
        rows[STORED_SCALE + j] = scale
        # The C code returns early, and leaves the levels at 0, not 32.
        rows[BLANK + j] = ONE if zero or abs(rows[EXTREME + j]) < TINY else ZERO
        fine &= (scale == ZERO) | within_limit(rows[EXTREME + j] / scale)
    return fine


@compiled
def _store_levels(rows: Rows, lane: int, block: NDArray[np.uint8]) -> None:
    """Four weights, 32 apart, share two bytes of lower bits and one of upper bits."""
    for half in range(2):
        for i in range(32):
            at = LEVELS + (i % _SIZE) * LANES + lane + half * 8 + i // _SIZE
            q1, q2 = int(rows[at]), int(rows[at + 2])
            q3, q4 = int(rows[at + 4]), int(rows[at + 6])
            block[half * 64 + i] = (q1 & 15) | ((q3 & 15) << 4)
            block[half * 64 + 32 + i] = (q2 & 15) | ((q4 & 15) << 4)
            upper = (q1 >> 4) | ((q2 >> 4) << 2) | ((q3 >> 4) << 4) | ((q4 >> 4) << 6)
            block[_UPPER_BITS + half * 32 + i] = upper
