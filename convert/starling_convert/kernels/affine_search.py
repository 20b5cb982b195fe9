"""The search of types with a scale and a minimum, for each sub-block of 32 weights.

Source: `make_qkx2_quants` in ggml-quants.c, and `make_qkx3_quants`, which does the same where the
weights' importance is given. Names follow the C code where it has names.
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
    within_limit,
)

SIZE = 32  # weights in a sub-block

# Rows of what a lane knows.
LOWEST = FREE
LARGEST = FREE + LANES
SUM_W = FREE + 2 * LANES
_SUM_X = FREE + 3 * LANES
AWKWARD = FREE + 4 * LANES
# The best so far.
SCALE = FREE + 5 * LANES
MINIMUM = FREE + 6 * LANES
_ERROR = FREE + 7 * LANES
# What its levels were rounded with: level = round(FACTOR * (weight - ORIGIN)).
FACTOR = FREE + 8 * LANES
ORIGIN = FREE + 9 * LANES
# The present try.
_TRY_FACTOR = FREE + 10 * LANES
_TRY_SCALE = FREE + 11 * LANES
_TRY_MINIMUM = FREE + 12 * LANES
_TRY_ERROR = FREE + 13 * LANES
_SUM_L = FREE + 14 * LANES
_SUM_L2 = FREE + 15 * LANES
_SUM_XL = FREE + 16 * LANES
_DETERMINANT = FREE + 17 * LANES
# The scale and minimum as they are stored.
STORED_SCALE = FREE + 18 * LANES
STORED_MINIMUM = FREE + 19 * LANES
ROWS_SIZE = FREE + 20 * LANES

# Adding to it keeps even the sign of a zero, as the C code does, which starts with the first term.
_NOTHING = np.float32(-0.0)


@compiled
def measure(rows: Rows) -> None:
    """Range and sums of each lane, of which the weights and their importance are there."""
    for lane in range(LANES):
        rows[LOWEST + lane] = rows[WEIGHTS + lane]
        rows[LARGEST + lane] = rows[WEIGHTS + lane]
        rows[SUM_W + lane] = _NOTHING
        rows[_SUM_X + lane] = _NOTHING
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            low, high = rows[LOWEST + lane], rows[LARGEST + lane]
            sum_w, sum_x = rows[SUM_W + lane], rows[_SUM_X + lane]
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                w = rows[IMPORTANCE + turn + k * LANES + lane]
                low = x if x < low else low
                high = x if x > high else high
                sum_w += w
                sum_x += w * x
            rows[LOWEST + lane], rows[LARGEST + lane] = low, high
            rows[SUM_W + lane], rows[_SUM_X + lane] = sum_w, sum_x


@compiled
def search(
    rows: Rows,
    largest_level: np.float32,
    first_offset: np.float32,
    step_size: np.float32,
    n_steps: int,
) -> None:
    """The scale and minimum of each lane, after `measure`.

    The last three are `rmin`, `rdelta` and `nstep` of the C code.
    """
    for lane in range(LANES):
        low = rows[LOWEST + lane]
        rows[MINIMUM + lane] = ZERO if low > ZERO else low
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
        wanted = (first_offset + step_size * np.float32(step)) + largest_level
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
                wl = rows[IMPORTANCE + at] * level
                sum_l += wl
                sum_l2 += wl * level
                sum_xl += wl * x
            rows[_SUM_L + lane], rows[_SUM_L2 + lane], rows[_SUM_XL + lane] = sum_l, sum_l2, sum_xl


@compiled
def _try_fit(rows: Rows) -> None:
    """The scale and minimum that fit the present levels best."""
    for lane in range(LANES):
        sum_l, sum_l2, sum_xl = rows[_SUM_L + lane], rows[_SUM_L2 + lane], rows[_SUM_XL + lane]
        sum_w, sum_x = rows[SUM_W + lane], rows[_SUM_X + lane]
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
                error += rows[IMPORTANCE + at] * (difference * difference)
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


@compiled
def round_levels(rows: Rows, largest_level: np.float32) -> None:
    """The levels for the scales as stored; those of the search where a stored scale is zero."""
    top = ROUND + largest_level
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            scale, minimum = rows[STORED_SCALE + lane], rows[STORED_MINIMUM + lane]
            factor, origin = rows[FACTOR + lane], rows[ORIGIN + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[WEIGHTS + at]
                stored = (x + minimum) / scale
                searched = factor * (x - origin)
                value = searched if scale == ZERO else stored
                rows[LEVELS + at] = clamped_round(value, ROUND, top)
