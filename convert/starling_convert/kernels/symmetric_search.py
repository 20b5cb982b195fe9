"""The search of types with a scale and no minimum, for each sub-block of 16 or 32 weights.

Source: `make_qx_quants` in ggml-quants.c with rmse_type 1. Names follow the C code where it has
names.
"""

from __future__ import annotations

import numpy as np

from starling_convert.kernels.lanes import (
    FREE,
    IMPORTANCE,
    LANES,
    LEVELS,
    ONE,
    ROUND,
    UNROLL,
    WEIGHTS,
    ZERO,
    Rows,
    clamped_round,
    compiled,
)

# Rows of importance times weight, then of what a lane knows.
_PRODUCTS = FREE
EXTREME = FREE + 32 * LANES  # the weight of largest magnitude
# The best so far: its score, and what its levels were rounded with.
SCALE = FREE + 33 * LANES
_BEST = FREE + 34 * LANES
FACTOR = FREE + 35 * LANES
# The present try.
_TRY_FACTOR = FREE + 36 * LANES
_SUM_LX = FREE + 37 * LANES
_SUM_L2 = FREE + 38 * LANES
STORED_SCALE = FREE + 39 * LANES
BLANK = FREE + 40 * LANES  # 1 where all levels are zero, else 0
ROWS_SIZE = FREE + 41 * LANES

TINY = np.float32(1e-15)  # GROUP_MAX_EPS
_STEP = np.float32(0.1)


@compiled
def measure(rows: Rows, size: int) -> None:
    """What the search needs of the weights and their importance, which are there."""
    for lane in range(LANES):
        rows[EXTREME + lane] = ZERO
    for turn in range(0, size * LANES, UNROLL * LANES):
        for lane in range(LANES):
            extreme = rows[EXTREME + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[WEIGHTS + at]
                extreme = x if abs(x) > abs(extreme) else extreme
                rows[_PRODUCTS + at] = rows[IMPORTANCE + at] * x
            rows[EXTREME + lane] = extreme


@compiled
def search(rows: Rows, size: int, half_levels: np.float32) -> None:
    """The scale of each lane, after `measure`.

    There are twice `half_levels` levels, from -`half_levels` on.
    """
    _try_levels(rows, size, half_levels, -half_levels)
    for lane in range(LANES):
        sum_lx, sum_l2, factor = (
            rows[_SUM_LX + lane],
            rows[_SUM_L2 + lane],
            rows[_TRY_FACTOR + lane],
        )
        quotient = sum_lx / sum_l2
        scale = ZERO if sum_l2 == ZERO else quotient
        rows[SCALE + lane] = scale
        rows[_BEST + lane] = scale * sum_lx
        rows[FACTOR + lane] = factor
    for step in range(-9, 10):
        if step != 0:
            _try_levels(rows, size, half_levels, -(half_levels + _STEP * np.float32(step)))
            _keep_better(rows)
    for lane in range(LANES):
        # Next to nothing: the C code returns early. What the lane did instead is meaningless.
        extreme, scale = rows[EXTREME + lane], rows[SCALE + lane]
        rows[SCALE + lane] = ZERO if abs(extreme) < TINY else scale


@compiled
def _try_levels(rows: Rows, size: int, half_levels: np.float32, wanted: np.float32) -> None:
    """Round so that the extreme weight becomes level `wanted`, and sum up what the fit needs."""
    for lane in range(LANES):
        extreme = rows[EXTREME + lane]
        rows[_TRY_FACTOR + lane] = wanted / extreme
        rows[_SUM_LX + lane] = ZERO
        rows[_SUM_L2 + lane] = ZERO
    bottom, top = ROUND - half_levels, ROUND + (half_levels - ONE)
    for turn in range(0, size * LANES, UNROLL * LANES):
        for lane in range(LANES):
            factor = rows[_TRY_FACTOR + lane]
            sum_lx, sum_l2 = rows[_SUM_LX + lane], rows[_SUM_L2 + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                level = clamped_round(factor * rows[WEIGHTS + at], bottom, top)
                sum_lx += rows[_PRODUCTS + at] * level
                sum_l2 += rows[IMPORTANCE + at] * level * level
            rows[_SUM_LX + lane], rows[_SUM_L2 + lane] = sum_lx, sum_l2


@compiled
def _keep_better(rows: Rows) -> None:
    """Take over the present try where it is better."""
    for lane in range(LANES):
        sum_lx, sum_l2 = rows[_SUM_LX + lane], rows[_SUM_L2 + lane]
        best, best_scale = rows[_BEST + lane], rows[SCALE + lane]
        factor, best_factor = rows[_TRY_FACTOR + lane], rows[FACTOR + lane]
        better = (sum_l2 > ZERO) & (sum_lx * sum_lx > best * sum_l2)
        scale = sum_lx / sum_l2
        score = scale * sum_lx
        rows[SCALE + lane] = scale if better else best_scale
        rows[_BEST + lane] = score if better else best
        rows[FACTOR + lane] = factor if better else best_factor


@compiled
def round_levels(rows: Rows, size: int, half_levels: np.float32) -> None:
    """Levels from 0 on for the scales as stored; those of the search where one is zero."""
    bottom, top = ROUND - half_levels, ROUND + (half_levels - ONE)
    for turn in range(0, size * LANES, UNROLL * LANES):
        for lane in range(LANES):
            scale, factor = rows[STORED_SCALE + lane], rows[FACTOR + lane]
            blank = rows[BLANK + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[WEIGHTS + at]
                stored, searched = x / scale, factor * x
                value = searched if scale == ZERO else stored
                level = clamped_round(value, bottom, top) + half_levels
                rows[LEVELS + at] = ZERO if blank > ZERO else level
