"""IQ4_NL and IQ4_XS: sub-blocks of 32 weights whose 16 levels are not evenly spaced.

IQ4_NL's blocks are one sub-block; IQ4_XS has 8 in a block, with scales of 6 bits.

Source: `quantize_row_iq4_nl_impl` and `best_index_int8` in ggml-quants.c. Names follow the C code
where it has names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.importance import (
    load_importance,
    mean_squares,
    weigh_by_size,
    weigh_by_square,
)
from starling_convert.kernels.lanes import (
    FREE,
    HALF_INFINITY,
    IMPORTANCE,
    LANES,
    LEVELS,
    ONE,
    UNROLL,
    WEIGHTS,
    ZERO,
    Rows,
    compiled,
    entry,
    inlined,
    load,
    nearest_int,
    to_half,
    within_limit,
)
from starling_convert.kernels.packing import pack_4_bits

_SIZE = 32  # weights in a sub-block

_EXTREME = FREE  # the weight of largest magnitude
# The best so far and its score.
_SCALE = FREE + LANES
_BEST = FREE + 2 * LANES
# The present try; at the end, what the levels are rounded with.
_FACTOR = FREE + 3 * LANES
_SUM_QX = FREE + 4 * LANES
_SUM_Q2 = FREE + 5 * LANES
_ROWS_SIZE = FREE + 6 * LANES

_VALUES = np.array(  # kvalues_iq4nl
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32
)
_INDICES = np.arange(16, dtype=np.float32)
# The upper value is the nearest from here on. `best_index_int8` compares two differences instead;
# near a border both are exact, so it comes to the same.
_BORDERS = (_VALUES[:-1] + _VALUES[1:]) / np.float32(2.0)
_LOWEST = np.float32(-127.0)
_TRIES = 7
_TINY = np.float32(1e-15)  # GROUP_MAX_EPS


@entry
def quantise(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32],
    out: NDArray[np.uint8],
    awkward: NDArray[np.bool_],
    parts: int,
) -> None:
    """Quantise flat `weights` to blocks of IQ4_NL (`parts` 1) or IQ4_XS (8) in flat `out`.

    `importance` is that of the columns, of which rows of `weights` have as many, or empty.
    `awkward` has one entry per block; those it marks must be done again by ggml, because a number
    in them leaves half precision or the range in which `nearest_int` rounds.
    """
    rows = np.zeros(_ROWS_SIZE, np.float32)
    block_bytes = out.size // max(awkward.size, 1)
    length = parts * _SIZE
    means = np.empty(awkward.size if importance.size else 0, np.float32)
    mean_squares(weights, length, np.float32(2.0), means)
    for first in range(0, awkward.size, LANES // parts):
        used = load(weights, first * length, _SIZE, rows)
        if importance.size:
            load_importance(importance, first * length, _SIZE, used, rows)
            weigh_by_size(means, first * length, _SIZE, length, used, rows)
        else:
            weigh_by_square(_SIZE, rows)
        _search(rows)
        for k in range(used // parts):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            if parts == 1:
                awkward[first + k] = not _store_scale(rows, k, block)
            else:
                awkward[first + k] = not _store_scales(rows, k * parts, parts, block)
        _round_levels(rows)
        for lane in range(used):
            # The levels end a block, 16 bytes of each sub-block.
            end = (first + lane // parts + 1) * block_bytes
            pack_4_bits(rows, lane, out, end - 16 * (parts - lane % parts))


@inlined
def _nearest(value: np.float32, results: NDArray[np.float32]) -> np.float32:
    """The entry of `results` for the nearest of `_VALUES`, the upper one of two."""
    found: np.float32 = results[0]
    for k in range(15):
        upper: np.float32 = results[k + 1]
        found = upper if value >= _BORDERS[k] else found
    return found


@compiled
def _search(rows: Rows) -> None:
    """The scale of each lane."""
    for lane in range(LANES):
        rows[_EXTREME + lane] = ZERO
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            extreme = rows[_EXTREME + lane]
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                extreme = x if abs(x) > abs(extreme) else extreme
            rows[_EXTREME + lane] = extreme
    for lane in range(LANES):
        rows[_FACTOR + lane] = ONE / (-rows[_EXTREME + lane] / _LOWEST)
    _try_levels(rows)
    for lane in range(LANES):
        sum_qx, sum_q2 = rows[_SUM_QX + lane], rows[_SUM_Q2 + lane]
        quotient = sum_qx / sum_q2
        scale = quotient if sum_q2 > ZERO else ZERO
        rows[_SCALE + lane] = scale
        rows[_BEST + lane] = scale * sum_qx
    for attempt in range(-_TRIES, _TRIES + 1):
        for lane in range(LANES):
            rows[_FACTOR + lane] = (np.float32(attempt) + _LOWEST) / rows[_EXTREME + lane]
        _try_levels(rows)
        _keep_better(rows)
    for lane in range(LANES):
        extreme, scale = rows[_EXTREME + lane], rows[_SCALE + lane]
        rows[_SCALE + lane] = ZERO if abs(extreme) < _TINY else scale


@compiled
def _try_levels(rows: Rows) -> None:
    """Round with the present factor, and sum up what the fit needs."""
    for lane in range(LANES):
        rows[_SUM_QX + lane] = ZERO
        rows[_SUM_Q2 + lane] = ZERO
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            factor = rows[_FACTOR + lane]
            sum_qx, sum_q2 = rows[_SUM_QX + lane], rows[_SUM_Q2 + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[WEIGHTS + at]
                q = _nearest(factor * x, _VALUES)
                wq = rows[IMPORTANCE + at] * q
                sum_qx += wq * x
                sum_q2 += wq * q
            rows[_SUM_QX + lane], rows[_SUM_Q2 + lane] = sum_qx, sum_q2


@compiled
def _keep_better(rows: Rows) -> None:
    """Take over the present try where it is better."""
    for lane in range(LANES):
        sum_qx, sum_q2 = rows[_SUM_QX + lane], rows[_SUM_Q2 + lane]
        best, best_scale = rows[_BEST + lane], rows[_SCALE + lane]
        better = (sum_q2 > ZERO) & (sum_qx * sum_qx > best * sum_q2)
        scale = sum_qx / sum_q2
        score = scale * sum_qx
        rows[_SCALE + lane] = scale if better else best_scale
        rows[_BEST + lane] = score if better else best


@compiled
def _store_scale(rows: Rows, lane: int, block: NDArray[np.uint8]) -> bool:
    """Write the scale of a block of IQ4_NL. Returns whether all went well."""
    scale = rows[_SCALE + lane]
    d = to_half(scale)
    block[0], block[1] = d & 0xFF, d >> 8
    factor = ONE / scale if scale != ZERO else ZERO
    rows[_FACTOR + lane] = factor
    return ((d & 0x7FFF) < HALF_INFINITY) & _finite(factor)


@compiled
def _store_scales(rows: Rows, lane: int, parts: int, block: NDArray[np.uint8]) -> bool:
    """Write the header of the block of IQ4_XS whose sub-blocks are the lanes from `lane` on.

    It is d, the upper two bits of the scales, then their lower four bits. Returns whether all went
    well.
    """
    max_scale, fine = ZERO, True
    for j in range(lane, lane + parts):
        scale = rows[_SCALE + j]
        max_scale = scale if abs(scale) > abs(max_scale) else max_scale
        fine &= _finite(scale)
    d = -max_scale / np.float32(32.0)
    half = to_half(d)
    block[0], block[1] = half & 0xFF, half >> 8
    inverse = ONE / d if d != ZERO else ZERO
    upper = 0
    for k in range(parts):
        wanted = inverse * rows[_SCALE + lane + k]
        fine &= within_limit(wanted) & ((half & 0x7FFF) < HALF_INFINITY)
        if not fine:
            return False
        level = min(max(nearest_int(wanted), -32), 31)
        scale = d * np.float32(level)
        factor = ONE / scale if scale != ZERO else ZERO
        rows[_FACTOR + lane + k] = factor
        fine &= _finite(factor)
        lower = (level + 32) & 15
        block[4 + k // 2] = lower if k % 2 == 0 else block[4 + k // 2] | (lower << 4)
        upper |= ((level + 32) >> 4) << (2 * k)
    block[2], block[3] = upper & 0xFF, upper >> 8
    return fine


@inlined
def _finite(value: np.float32) -> bool:
    return bool(abs(value) < np.float32(3e38))


@compiled
def _round_levels(rows: Rows) -> None:
    for turn in range(0, _SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            factor = rows[_FACTOR + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                rows[LEVELS + at] = _nearest(factor * rows[WEIGHTS + at], _INDICES)
