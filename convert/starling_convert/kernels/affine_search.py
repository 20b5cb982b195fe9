"""The search of Q4_K and Q5_K: a scale and a minimum for each sub-block of 32 weights.

Source: `make_qkx2_quants` in ggml-quants.c, and what its callers compute for it. Names follow the
C code where it has names.
"""

from __future__ import annotations

import math

import numpy as np

from starling_convert.kernels.lanes import (
    LANES,
    ONE,
    ROUND,
    UNROLL,
    ZERO,
    Rows,
    clamped_round,
    compiled,
    within_limit,
)

SIZE = 32  # weights in a sub-block

# Where the rows of a tile begin: 32 of weights, of their importance in the error, and of levels
# (the quantised weights, as floats); then one row each of what a lane knows.
WEIGHTS = 0
_IMPORTANCE = 32 * LANES
LEVELS = 64 * LANES
LOWEST = 96 * LANES
LARGEST = 97 * LANES
_SUM_W = 98 * LANES
_SUM_X = 99 * LANES
AWKWARD = 100 * LANES
# The best so far.
SCALE = 101 * LANES
MINIMUM = 102 * LANES
_ERROR = 103 * LANES
# What its levels were rounded with: level = round(FACTOR * (weight - ORIGIN)).
FACTOR = 104 * LANES
ORIGIN = 105 * LANES
# The present try.
_TRY_FACTOR = 106 * LANES
_TRY_SCALE = 107 * LANES
_TRY_MINIMUM = 108 * LANES
_TRY_ERROR = 109 * LANES
_SUM_L = 110 * LANES
_SUM_L2 = 111 * LANES
_SUM_XL = 112 * LANES
_DETERMINANT = 113 * LANES
# The scale and minimum as they are stored.
STORED_SCALE = 114 * LANES
STORED_MINIMUM = 115 * LANES
N_ROWS = 116

_STEP = np.float32(0.1)


@compiled
def measure(rows: Rows) -> None:
    """Range and sums of each lane, and the importance of its weights: rms + |weight|."""
    for lane in range(LANES):
        rows[LOWEST + lane] = rows[WEIGHTS + lane]
        rows[LARGEST + lane] = rows[WEIGHTS + lane]
        rows[_SUM_L2 + lane] = ZERO
        rows[_SUM_W + lane] = ZERO
        rows[_SUM_X + lane] = ZERO
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            squares, low, high = rows[_SUM_L2 + lane], rows[LOWEST + lane], rows[LARGEST + lane]
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                squares += x * x
                low = x if x < low else low
                high = x if x > high else high
            rows[_SUM_L2 + lane], rows[LOWEST + lane], rows[LARGEST + lane] = squares, low, high
    for lane in range(LANES):
        rows[_SUM_L2 + lane] = math.sqrt(rows[_SUM_L2 + lane] / np.float32(SIZE))
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            rms, sum_w, sum_x = rows[_SUM_L2 + lane], rows[_SUM_W + lane], rows[_SUM_X + lane]
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                w = rms + abs(x)
                rows[_IMPORTANCE + turn + k * LANES + lane] = w
                sum_w += w
                sum_x += w * x
            rows[_SUM_W + lane], rows[_SUM_X + lane] = sum_w, sum_x


@compiled
def search(rows: Rows, largest_level: np.float32, first_offset: np.float32, n_steps: int) -> None:
    """`make_qkx2_quants`: the scale and minimum of each lane."""
    for lane in range(LANES):
        low = rows[LOWEST + lane]
        rows[MINIMUM + lane] = low if low < ZERO else ZERO
        rows[AWKWARD + lane] = ZERO
    _try_levels(rows, largest_level, largest_level)
    for lane in range(LANES):
        rows[SCALE + lane] = ONE / rows[_TRY_FACTOR + lane]
        rows[_TRY_SCALE + lane] = rows[SCALE + lane]
        rows[_TRY_MINIMUM + lane] = rows[MINIMUM + lane]
        rows[FACTOR + lane] = rows[_TRY_FACTOR + lane]
        rows[ORIGIN + lane] = rows[MINIMUM + lane]
    _try_error(rows)
    for lane in range(LANES):
        rows[_ERROR + lane] = rows[_TRY_ERROR + lane]
    for step in range(n_steps + 1):
        wanted = (first_offset + _STEP * np.float32(step)) + largest_level
        _try_levels(rows, largest_level, wanted)
        _try_fit(rows)
        _try_error(rows)
        _keep_better(rows)
    for lane in range(LANES):
        # All weights equal, and not positive: the C code returns early. What the lane did instead
        # is meaningless.
        low, high = rows[LOWEST + lane], rows[LARGEST + lane]
        scale, minimum, awkward = rows[SCALE + lane], rows[MINIMUM + lane], rows[AWKWARD + lane]
        factor, origin = rows[FACTOR + lane], rows[ORIGIN + lane]
        flat = (low == high) & (low <= ZERO)
        rows[SCALE + lane] = ZERO if flat else scale
        rows[MINIMUM + lane] = low if flat else minimum
        rows[FACTOR + lane] = ZERO if flat else factor
        rows[ORIGIN + lane] = ZERO if flat else origin
        rows[AWKWARD + lane] = ZERO if flat else awkward


@compiled
def _try_levels(rows: Rows, largest_level: np.float32, wanted: np.float32) -> None:
    """Round so that the range of a lane is `wanted` levels, and sum up what the fit needs."""
    for lane in range(LANES):
        low, high = rows[LOWEST + lane], rows[LARGEST + lane]
        minimum, awkward = rows[MINIMUM + lane], rows[AWKWARD + lane]
        factor = wanted / (high - minimum)
        # Rounding is monotonic: if the ends are within the limit, so is all between.
        fine = within_limit(factor * (low - minimum)) & within_limit(factor * (high - minimum))
        rows[AWKWARD + lane] = awkward if fine else ONE
        rows[_TRY_FACTOR + lane] = factor
        rows[_SUM_L + lane] = ZERO
        rows[_SUM_L2 + lane] = ZERO
        rows[_SUM_XL + lane] = ZERO
    top = ROUND + largest_level
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            factor, minimum = rows[_TRY_FACTOR + lane], rows[MINIMUM + lane]
            sum_l, sum_l2, sum_xl = rows[_SUM_L + lane], rows[_SUM_L2 + lane], rows[_SUM_XL + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[WEIGHTS + at]
                level = clamped_round(factor * (x - minimum), ROUND, top)
                rows[LEVELS + at] = level
                wl = rows[_IMPORTANCE + at] * level
                sum_l += wl
                sum_l2 += wl * level
                sum_xl += wl * x
            rows[_SUM_L + lane], rows[_SUM_L2 + lane], rows[_SUM_XL + lane] = sum_l, sum_l2, sum_xl


@compiled
def _try_fit(rows: Rows) -> None:
    """The scale and minimum that fit the present levels best."""
    for lane in range(LANES):
        sum_l, sum_l2, sum_xl = rows[_SUM_L + lane], rows[_SUM_L2 + lane], rows[_SUM_XL + lane]
        sum_w, sum_x = rows[_SUM_W + lane], rows[_SUM_X + lane]
        determinant = sum_w * sum_l2 - sum_l * sum_l
        scale = (sum_w * sum_xl - sum_x * sum_l) / determinant
        minimum = (sum_l2 * sum_x - sum_l * sum_xl) / determinant
        positive = minimum > ZERO
        through_zero = sum_xl / sum_l2
        rows[_TRY_SCALE + lane] = through_zero if positive else scale
        rows[_TRY_MINIMUM + lane] = ZERO if positive else minimum
        rows[_DETERMINANT + lane] = determinant


@compiled
def _try_error(rows: Rows) -> None:
    """The weighted squared error of the present levels, scale and minimum."""
    for lane in range(LANES):
        rows[_TRY_ERROR + lane] = ZERO
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            scale, minimum = rows[_TRY_SCALE + lane], rows[_TRY_MINIMUM + lane]
            error = rows[_TRY_ERROR + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                difference = scale * rows[LEVELS + at] + minimum - rows[WEIGHTS + at]
                error += rows[_IMPORTANCE + at] * (difference * difference)
            rows[_TRY_ERROR + lane] = error


@compiled
def _keep_better(rows: Rows) -> None:
    """Take over the present try where it is better; the next tries start from its minimum."""
    for lane in range(LANES):
        error, best_error = rows[_TRY_ERROR + lane], rows[_ERROR + lane]
        scale, best_scale = rows[_TRY_SCALE + lane], rows[SCALE + lane]
        minimum, best_minimum = rows[_TRY_MINIMUM + lane], rows[MINIMUM + lane]
        factor, best_factor = rows[_TRY_FACTOR + lane], rows[FACTOR + lane]
        best_origin = rows[ORIGIN + lane]
        better = (rows[_DETERMINANT + lane] > ZERO) & (error < best_error)
        rows[_ERROR + lane] = error if better else best_error
        rows[SCALE + lane] = scale if better else best_scale
        rows[MINIMUM + lane] = minimum if better else best_minimum
        rows[FACTOR + lane] = factor if better else best_factor
        rows[ORIGIN + lane] = best_minimum if better else best_origin
