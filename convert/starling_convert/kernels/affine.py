"""Q4_K and Q5_K: 256 weights in 8 sub-blocks of 32, each with a scale and a minimum of 6 bits.

Source: `make_qkx2_quants`, `quantize_row_q4_K_ref` and `quantize_row_q5_K_ref` in ggml-quants.c.
Names follow the C code where it has names.
"""

from __future__ import annotations

import math

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
    inlined,
    load,
    nearest_int,
    to_half,
    within_limit,
)

_SIZE = 32  # weights in a sub-block
_PARTS = 8  # sub-blocks in a block
_HEADER_BYTES = 16  # d, dmin, and 12 bytes of scales and minima

# Where the rows of a tile begin: 32 of weights, of their importance in the error, and of levels
# (the quantised weights, as floats); then one row each of what a lane knows.
_WEIGHTS = 0
_IMPORTANCE = 32 * LANES
_LEVELS = 64 * LANES
_LOWEST = 96 * LANES
_LARGEST = 97 * LANES
_SUM_W = 98 * LANES
_SUM_X = 99 * LANES
_AWKWARD = 100 * LANES
# The best so far.
_SCALE = 101 * LANES
_MINIMUM = 102 * LANES
_ERROR = 103 * LANES
# What its levels were rounded with: level = round(_FACTOR * (weight - _ORIGIN)).
_FACTOR = 104 * LANES
_ORIGIN = 105 * LANES
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
_STORED_SCALE = 114 * LANES
_STORED_MINIMUM = 115 * LANES
_N_ROWS = 116

_STEP = np.float32(0.1)
_LEVELS_6_BIT = np.float32(63.0)


@entry
def quantise(
    weights: NDArray[np.float32],
    out: NDArray[np.uint8],
    awkward: NDArray[np.bool_],
    largest_level: np.float32,
    first_offset: np.float32,
    n_steps: int,
) -> None:
    """Quantise flat `weights` to blocks of Q4_K (`largest_level` 15) or Q5_K (31) in flat `out`.

    `awkward` has one entry per block; those it marks must be done again by ggml, because a number
    in them leaves the range in which `nearest_int` rounds, or half precision.

    `first_offset` and `n_steps` are `rmin` and `nstep` of make_qkx2_quants.
    """
    rows = np.zeros(_N_ROWS * LANES, np.float32)
    n_blocks = awkward.size
    block_bytes = out.size // max(n_blocks, 1)
    for first in range(0, n_blocks, LANES // _PARTS):
        used = load(weights, first * _PARTS * _SIZE, _SIZE, rows)
        _measure(rows)
        _search(rows, largest_level, first_offset, n_steps)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            awkward[first + k] = not _store_scales(rows, k * _PARTS, block)
        _round_levels(rows, largest_level)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            if largest_level > np.float32(15.0):
                _store_5_bits(rows, k * _PARTS, block)
            else:
                _store_4_bits(rows, k * _PARTS, block)


@compiled
def _measure(rows: Rows) -> None:
    """Range and sums of each lane, and the importance of its weights: rms + |weight|."""
    for lane in range(LANES):
        rows[_LOWEST + lane] = rows[_WEIGHTS + lane]
        rows[_LARGEST + lane] = rows[_WEIGHTS + lane]
        rows[_SUM_L2 + lane] = ZERO
        rows[_SUM_W + lane] = ZERO
        rows[_SUM_X + lane] = ZERO
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            squares, low, high = rows[_SUM_L2 + lane], rows[_LOWEST + lane], rows[_LARGEST + lane]
            for k in range(UNROLL):
                x = rows[_WEIGHTS + turn + k * LANES + lane]
                squares += x * x
                low = x if x < low else low
                high = x if x > high else high
            rows[_SUM_L2 + lane], rows[_LOWEST + lane], rows[_LARGEST + lane] = squares, low, high
    for lane in range(LANES):
        rows[_SUM_L2 + lane] = math.sqrt(rows[_SUM_L2 + lane] / np.float32(_SIZE))
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            rms, sum_w, sum_x = rows[_SUM_L2 + lane], rows[_SUM_W + lane], rows[_SUM_X + lane]
            for k in range(UNROLL):
                x = rows[_WEIGHTS + turn + k * LANES + lane]
                w = rms + abs(x)
                rows[_IMPORTANCE + turn + k * LANES + lane] = w
                sum_w += w
                sum_x += w * x
            rows[_SUM_W + lane], rows[_SUM_X + lane] = sum_w, sum_x


@compiled
def _search(rows: Rows, largest_level: np.float32, first_offset: np.float32, n_steps: int) -> None:
    """`make_qkx2_quants`: the scale and minimum of each lane."""
    for lane in range(LANES):
        low = rows[_LOWEST + lane]
        rows[_MINIMUM + lane] = low if low < ZERO else ZERO
        rows[_AWKWARD + lane] = ZERO
    _try_levels(rows, largest_level, largest_level)
    for lane in range(LANES):
        rows[_SCALE + lane] = ONE / rows[_TRY_FACTOR + lane]
        rows[_TRY_SCALE + lane] = rows[_SCALE + lane]
        rows[_TRY_MINIMUM + lane] = rows[_MINIMUM + lane]
        rows[_FACTOR + lane] = rows[_TRY_FACTOR + lane]
        rows[_ORIGIN + lane] = rows[_MINIMUM + lane]
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
        low, high = rows[_LOWEST + lane], rows[_LARGEST + lane]
        scale, minimum, awkward = rows[_SCALE + lane], rows[_MINIMUM + lane], rows[_AWKWARD + lane]
        factor, origin = rows[_FACTOR + lane], rows[_ORIGIN + lane]
        flat = (low == high) & (low <= ZERO)
        rows[_SCALE + lane] = ZERO if flat else scale
        rows[_MINIMUM + lane] = low if flat else minimum
        rows[_FACTOR + lane] = ZERO if flat else factor
        rows[_ORIGIN + lane] = ZERO if flat else origin
        rows[_AWKWARD + lane] = ZERO if flat else awkward


@compiled
def _try_levels(rows: Rows, largest_level: np.float32, wanted: np.float32) -> None:
    """Round so that the range of a lane is `wanted` levels, and sum up what the fit needs."""
    for lane in range(LANES):
        low, high = rows[_LOWEST + lane], rows[_LARGEST + lane]
        minimum, awkward = rows[_MINIMUM + lane], rows[_AWKWARD + lane]
        factor = wanted / (high - minimum)
        # Rounding is monotonic: if the ends are within the limit, so is all between.
        fine = within_limit(factor * (low - minimum)) & within_limit(factor * (high - minimum))
        rows[_AWKWARD + lane] = awkward if fine else ONE
        rows[_TRY_FACTOR + lane] = factor
        rows[_SUM_L + lane] = ZERO
        rows[_SUM_L2 + lane] = ZERO
        rows[_SUM_XL + lane] = ZERO
    top = ROUND + largest_level
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            factor, minimum = rows[_TRY_FACTOR + lane], rows[_MINIMUM + lane]
            sum_l, sum_l2, sum_xl = rows[_SUM_L + lane], rows[_SUM_L2 + lane], rows[_SUM_XL + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[_WEIGHTS + at]
                level = clamped_round(factor * (x - minimum), ROUND, top)
                rows[_LEVELS + at] = level
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
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            scale, minimum = rows[_TRY_SCALE + lane], rows[_TRY_MINIMUM + lane]
            error = rows[_TRY_ERROR + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                difference = scale * rows[_LEVELS + at] + minimum - rows[_WEIGHTS + at]
                error += rows[_IMPORTANCE + at] * (difference * difference)
            rows[_TRY_ERROR + lane] = error


@compiled
def _keep_better(rows: Rows) -> None:
    """Take over the present try where it is better; the next tries start from its minimum."""
    for lane in range(LANES):
        error, best_error = rows[_TRY_ERROR + lane], rows[_ERROR + lane]
        scale, best_scale = rows[_TRY_SCALE + lane], rows[_SCALE + lane]
        minimum, best_minimum = rows[_TRY_MINIMUM + lane], rows[_MINIMUM + lane]
        factor, best_factor = rows[_TRY_FACTOR + lane], rows[_FACTOR + lane]
        best_origin = rows[_ORIGIN + lane]
        better = (rows[_DETERMINANT + lane] > ZERO) & (error < best_error)
        rows[_ERROR + lane] = error if better else best_error
        rows[_SCALE + lane] = scale if better else best_scale
        rows[_MINIMUM + lane] = minimum if better else best_minimum
        rows[_FACTOR + lane] = factor if better else best_factor
        rows[_ORIGIN + lane] = best_minimum if better else best_origin


@inlined
def _six_bits(value: np.float32) -> int:
    # Through a byte, as in the C code: a negative scale becomes 63.
    return min(nearest_int(value) & 0xFF, 63)


@compiled
def _store_scales(rows: Rows, lane: int, block: NDArray[np.uint8]) -> bool:
    """Write the header of the block whose sub-blocks are 8 lanes from `lane` on.

    Returns whether all went well; if not, the block is awkward.
    """
    max_scale, max_min, fine = ZERO, ZERO, True
    for j in range(lane, lane + _PARTS):
        scale, minimum = rows[_SCALE + j], -rows[_MINIMUM + j]
        max_scale = scale if scale > max_scale else max_scale
        max_min = minimum if minimum > max_min else max_min
        fine &= rows[_AWKWARD + j] == ZERO
    inv_scale = _LEVELS_6_BIT / max_scale if max_scale > ZERO else ZERO
    inv_min = _LEVELS_6_BIT / max_min if max_min > ZERO else ZERO
    d, dmin = to_half(max_scale / _LEVELS_6_BIT), to_half(max_min / _LEVELS_6_BIT)
    fine &= (d < HALF_INFINITY) & (dmin < HALF_INFINITY)
    block[0], block[1] = d & 0xFF, d >> 8
    block[2], block[3] = dmin & 0xFF, dmin >> 8
    for k in range(_PARTS):
        j = lane + k
        scale, minimum = inv_scale * rows[_SCALE + j], inv_min * -rows[_MINIMUM + j]
        fine &= within_limit(scale) & within_limit(minimum)
        if not fine:
            return False
        ls, lm = _six_bits(scale), _six_bits(minimum)
        _store_scale(block, k, ls, lm)
        scale, minimum = from_half(d) * np.float32(ls), from_half(dmin) * np.float32(lm)
        rows[_STORED_SCALE + j], rows[_STORED_MINIMUM + j] = scale, minimum
        fine &= (scale == ZERO) | (
            within_limit((rows[_LOWEST + j] + minimum) / scale)
            & within_limit((rows[_LARGEST + j] + minimum) / scale)
        )
    return fine


@inlined
def _store_scale(block: NDArray[np.uint8], k: int, ls: int, lm: int) -> None:
    """Sub-block `k`'s 6-bit scale and minimum; the upper bits of the last four lie in the first."""
    if k < 4:
        block[4 + k], block[8 + k] = ls, lm
    else:
        block[8 + k] = (ls & 15) | ((lm & 15) << 4)
        block[k] |= (ls >> 4) << 6
        block[4 + k] |= (lm >> 4) << 6


@compiled
def _round_levels(rows: Rows, largest_level: np.float32) -> None:
    """The levels for the scales as stored; those of the search where a stored scale is zero."""
    top = ROUND + largest_level
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            scale, minimum = rows[_STORED_SCALE + lane], rows[_STORED_MINIMUM + lane]
            factor, origin = rows[_FACTOR + lane], rows[_ORIGIN + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[_WEIGHTS + at]
                stored = (x + minimum) / scale
                searched = factor * (x - origin)
                value = searched if scale == ZERO else stored
                rows[_LEVELS + at] = clamped_round(value, ROUND, top)


@compiled
def _store_4_bits(rows: Rows, lane: int, block: NDArray[np.uint8]) -> None:
    """Two sub-blocks share 32 bytes: the first in the lower half of each."""
    for pair in range(_PARTS // 2):
        at = _LEVELS + lane + 2 * pair
        start = _HEADER_BYTES + pair * _SIZE
        for i in range(_SIZE):
            low, high = int(rows[at + i * LANES]), int(rows[at + i * LANES + 1])
            block[start + i] = low | (high << 4)


@compiled
def _store_5_bits(rows: Rows, lane: int, block: NDArray[np.uint8]) -> None:
    """32 bytes of fifth bits, one bit per sub-block, then the lower four bits as in Q4_K."""
    for i in range(_SIZE):
        at = _LEVELS + i * LANES + lane
        fifth = 0
        for pair in range(_PARTS // 2):
            low, high = int(rows[at + 2 * pair]), int(rows[at + 2 * pair + 1])
            block[_HEADER_BYTES + 32 + pair * _SIZE + i] = (low & 15) | ((high & 15) << 4)
            fifth |= ((low >> 4) | ((high >> 4) << 1)) << (2 * pair)
        block[_HEADER_BYTES + i] = fifth
