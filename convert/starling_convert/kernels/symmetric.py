"""Q6_K: 256 weights in 16 sub-blocks of 16, each with a scale of 8 bits and no minimum.

Source: `make_qx_quants` (with rmse_type 1) and `quantize_row_q6_K_ref` in ggml-quants.c.
Names follow the C code where it has names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.lanes import (
    HALF_INFINITY,
    LANES,
    ONE,
    ROUND,
    UNROLL,
    ZERO,
    Rows,
    clamped_round,
    compiled,
    entry,
    from_half,
    load,
    nearest_int,
    to_half,
    within_limit,
)

_SIZE = 16  # weights in a sub-block
_PARTS = 16  # sub-blocks in a block
# Where in a block the upper two bits, the scales and d begin; the lower four bits come first.
_UPPER_BITS, _SCALES, _D = 128, 192, 208

# Where the rows of a tile begin: 16 of weights, of their squares (which are their importance in
# the error), of their cubes, and of levels (the quantised weights, as floats); then one row each
# of what a lane knows.
_WEIGHTS = 0
_SQUARES = 16 * LANES
_CUBES = 32 * LANES
_LEVELS = 48 * LANES
_EXTREME = 64 * LANES  # the weight of largest magnitude
# The best so far: its score, and what its levels were rounded with.
_SCALE = 65 * LANES
_BEST = 66 * LANES
_FACTOR = 67 * LANES
# The present try.
_TRY_FACTOR = 68 * LANES
_SUM_LX = 69 * LANES
_SUM_L2 = 70 * LANES
_STORED_SCALE = 71 * LANES
_BLANK = 72 * LANES  # 1 where all levels are zero, else 0
_N_ROWS = 73

_STEP = np.float32(0.1)
_HALF_LEVELS = np.float32(32.0)  # nmax: levels go from -32 to 31
_BOTTOM = ROUND - _HALF_LEVELS
_TOP = ROUND + np.float32(31.0)
_TINY = np.float32(1e-15)  # GROUP_MAX_EPS
# Beyond, products of three weights and sums of them overflow, and halves long before.
_HUGE = np.float32(1e9)


@entry
def quantise(
    weights: NDArray[np.float32], out: NDArray[np.uint8], awkward: NDArray[np.bool_]
) -> None:
    """Quantise flat `weights` to blocks of Q6_K in flat `out`.

    `awkward` has one entry per block; those it marks must be done again by ggml, because a number
    in them leaves the range in which `nearest_int` rounds, or half precision.
    """
    rows = np.zeros(_N_ROWS * LANES, np.float32)
    block_bytes = _D + 2
    for first in range(0, awkward.size, LANES // _PARTS):
        used = load(weights, first * _PARTS * _SIZE, _SIZE, rows)
        _measure(rows)
        _search(rows)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            awkward[first + k] = not _store_scales(rows, k * _PARTS, block)
        _round_levels(rows)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            _store_levels(rows, k * _PARTS, block)


@compiled
def _measure(rows: Rows) -> None:
    """Squares and cubes of the weights, and the first weight of largest magnitude of each lane."""
    for lane in range(LANES):
        rows[_EXTREME + lane] = ZERO
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            extreme = rows[_EXTREME + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[_WEIGHTS + at]
                extreme = x if abs(x) > abs(extreme) else extreme
                square = x * x
                rows[_SQUARES + at] = square
                rows[_CUBES + at] = square * x
            rows[_EXTREME + lane] = extreme


@compiled
def _search(rows: Rows) -> None:
    """`make_qx_quants`: the scale of each lane."""
    _try_levels(rows, -_HALF_LEVELS)
    for lane in range(LANES):
        sum_lx, sum_l2, factor = (
            rows[_SUM_LX + lane],
            rows[_SUM_L2 + lane],
            rows[_TRY_FACTOR + lane],
        )
        quotient = sum_lx / sum_l2
        scale = ZERO if sum_l2 == ZERO else quotient
        rows[_SCALE + lane] = scale
        rows[_BEST + lane] = scale * sum_lx
        rows[_FACTOR + lane] = factor
    for step in range(-9, 10):
        if step != 0:
            _try_levels(rows, -(_HALF_LEVELS + _STEP * np.float32(step)))
            _keep_better(rows)
    for lane in range(LANES):
        # Next to nothing: the C code returns early. What the lane did instead is meaningless.
        extreme, scale = rows[_EXTREME + lane], rows[_SCALE + lane]
        rows[_SCALE + lane] = ZERO if abs(extreme) < _TINY else scale


@compiled
def _try_levels(rows: Rows, wanted: np.float32) -> None:
    """Round so that the extreme weight becomes level `wanted`, and sum up what the fit needs."""
    for lane in range(LANES):
        extreme = rows[_EXTREME + lane]
        rows[_TRY_FACTOR + lane] = wanted / extreme
        rows[_SUM_LX + lane] = ZERO
        rows[_SUM_L2 + lane] = ZERO
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            factor = rows[_TRY_FACTOR + lane]
            sum_lx, sum_l2 = rows[_SUM_LX + lane], rows[_SUM_L2 + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                level = clamped_round(factor * rows[_WEIGHTS + at], _BOTTOM, _TOP)
                sum_lx += rows[_CUBES + at] * level
                sum_l2 += rows[_SQUARES + at] * level * level
            rows[_SUM_LX + lane], rows[_SUM_L2 + lane] = sum_lx, sum_l2


@compiled
def _keep_better(rows: Rows) -> None:
    """Take over the present try where it is better."""
    for lane in range(LANES):
        sum_lx, sum_l2 = rows[_SUM_LX + lane], rows[_SUM_L2 + lane]
        best, best_scale = rows[_BEST + lane], rows[_SCALE + lane]
        factor, best_factor = rows[_TRY_FACTOR + lane], rows[_FACTOR + lane]
        better = (sum_l2 > ZERO) & (sum_lx * sum_lx > best * sum_l2)
        scale = sum_lx / sum_l2
        score = scale * sum_lx
        rows[_SCALE + lane] = scale if better else best_scale
        rows[_BEST + lane] = score if better else best
        rows[_FACTOR + lane] = factor if better else best_factor


@compiled
def _store_scales(rows: Rows, lane: int, block: NDArray[np.uint8]) -> bool:
    """Write d and the scales of the block whose sub-blocks are 16 lanes from `lane` on.

    Returns whether all went well; if not, the block is awkward.
    """
    max_scale, fine = ZERO, True
    for j in range(lane, lane + _PARTS):
        scale = rows[_SCALE + j]
        max_scale = scale if abs(scale) > abs(max_scale) else max_scale
        fine &= abs(rows[_EXTREME + j]) < _HUGE
    zero = abs(max_scale) < _TINY
    inv_scale = np.float32(-128.0) / (ONE if zero else max_scale)
    d = 0 if zero else to_half(ONE / inv_scale)
    fine &= (d & 0x7FFF) < HALF_INFINITY
    block[_D], block[_D + 1] = d & 0xFF, d >> 8
    if not fine:
        return False
    for k in range(_PARTS):
        j = lane + k
        stored = 0 if zero else min(127, nearest_int(inv_scale * rows[_SCALE + j]))
        block[_SCALES + k] = stored & 0xFF
        scale = from_half(d) * np.float32(stored)
        rows[_STORED_SCALE + j] = scale
        # The C code returns early, and leaves the levels at 0, not 32.
        rows[_BLANK + j] = ONE if zero or abs(rows[_EXTREME + j]) < _TINY else ZERO
        fine &= (scale == ZERO) | within_limit(rows[_EXTREME + j] / scale)
    return fine


@compiled
def _round_levels(rows: Rows) -> None:
    """Levels from 0 to 63 for the scales as stored; those of the search where one is zero."""
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            scale, factor = rows[_STORED_SCALE + lane], rows[_FACTOR + lane]
            blank = rows[_BLANK + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[_WEIGHTS + at]
                stored, searched = x / scale, factor * x
                value = searched if scale == ZERO else stored
                level = clamped_round(value, _BOTTOM, _TOP) + _HALF_LEVELS
                rows[_LEVELS + at] = ZERO if blank > ZERO else level


@compiled
def _store_levels(rows: Rows, lane: int, block: NDArray[np.uint8]) -> None:
    """Four weights, 32 apart, share two bytes of lower bits and one of upper bits."""
    for half in range(2):
        for i in range(32):
            at = _LEVELS + (i % _SIZE) * LANES + lane + half * 8 + i // _SIZE
            q1, q2 = int(rows[at]), int(rows[at + 2])
            q3, q4 = int(rows[at + 4]), int(rows[at + 6])
            block[half * 64 + i] = (q1 & 15) | ((q3 & 15) << 4)
            block[half * 64 + 32 + i] = (q2 & 15) | ((q4 & 15) << 4)
            upper = (q1 >> 4) | ((q2 >> 4) << 2) | ((q3 >> 4) << 4) | ((q4 >> 4) << 6)
            block[_UPPER_BITS + half * 32 + i] = upper
