"""Q4_K and Q5_K: 256 weights in 8 sub-blocks of 32, each with a scale and a minimum of 6 bits.

Source: `quantize_row_q4_K_ref` and `quantize_row_q5_K_ref` in ggml-quants.c, and for `weighted`
`quantize_row_q4_K_impl` and `quantize_row_q5_K_impl`. Names follow the C code where it has names.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.affine_search import (
    AWKWARD,
    LARGEST,
    LOWEST,
    MINIMUM,
    ROWS_SIZE,
    SCALE,
    SIZE,
    STORED_MINIMUM,
    STORED_SCALE,
    SUM_W,
    measure,
    round_levels,
    search,
)
from starling_convert.kernels.importance import load_importance, mean_squares, weigh_by_size
from starling_convert.kernels.lanes import (
    HALF_INFINITY,
    IMPORTANCE,
    LANES,
    LEVELS,
    MEAN_SQUARE,
    UNROLL,
    WEIGHTS,
    ZERO,
    Rows,
    compiled,
    entry,
    from_half,
    inlined,
    load,
    nearest_int,
    to_half,
    within_limit,
)
from starling_convert.kernels.scale_fit import fit_scales

_PARTS = 8  # sub-blocks in a block
_HEADER_BYTES = 16  # d, dmin, and 12 bytes of scales and minima
_LEVELS_6_BIT = np.float32(63.0)
_STEP = np.float32(0.1)
_WEIGHTED_OFFSET, _WEIGHTED_STEP, _WEIGHTED_STEPS = np.float32(-0.9), np.float32(0.05), 36


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
    rows = np.zeros(ROWS_SIZE, np.float32)
    n_blocks = awkward.size
    block_bytes = out.size // max(n_blocks, 1)
    for first in range(0, n_blocks, LANES // _PARTS):
        used = load(weights, first * _PARTS * SIZE, SIZE, rows)
        _weigh(rows)
        measure(rows)
        search(rows, largest_level, first_offset, _STEP, n_steps)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            awkward[first + k] = not _store_scales(rows, k * _PARTS, block)
        round_levels(rows, largest_level)
        _store_levels(rows, used // _PARTS, largest_level, out[first * block_bytes :], block_bytes)


@entry
def quantise_weighted(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32],
    out: NDArray[np.uint8],
    awkward: NDArray[np.bool_],
    largest_level: np.float32,
) -> None:
    """The same with the importance of the columns, of which rows of `weights` have as many."""
    rows = np.zeros(ROWS_SIZE, np.float32)
    n_blocks = awkward.size
    block_bytes = out.size // max(n_blocks, 1)
    length = _PARTS * SIZE
    means = np.empty(n_blocks, np.float32)
    mean_squares(weights, length, np.float32(2.0), means)
    for first in range(0, n_blocks, LANES // _PARTS):
        used = load(weights, first * length, SIZE, rows)
        load_importance(importance, first * length, SIZE, used, rows)
        weigh_by_size(means, first * length, SIZE, length, used, rows)
        measure(rows)
        search(rows, largest_level, _WEIGHTED_OFFSET, _WEIGHTED_STEP, _WEIGHTED_STEPS)
        for k in range(used // _PARTS):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            awkward[first + k] = not _store_fitted_scales(rows, k * _PARTS, block)
        round_levels(rows, largest_level)
        _store_levels(rows, used // _PARTS, largest_level, out[first * block_bytes :], block_bytes)


@compiled
def _weigh(rows: Rows) -> None:
    """The importance of a weight: the root mean square of its lane, plus its magnitude."""
    for lane in range(LANES):
        rows[MEAN_SQUARE + lane] = ZERO
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            squares = rows[MEAN_SQUARE + lane]
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                squares += x * x
            rows[MEAN_SQUARE + lane] = squares
    for lane in range(LANES):
        rows[MEAN_SQUARE + lane] = math.sqrt(rows[MEAN_SQUARE + lane] / np.float32(SIZE))
    for turn in range(0, SIZE * LANES, UNROLL * LANES):
        for lane in range(LANES):
            rms = rows[MEAN_SQUARE + lane]
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                rows[IMPORTANCE + turn + k * LANES + lane] = rms + abs(x)


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
        scale, minimum = rows[SCALE + j], -rows[MINIMUM + j]
        max_scale = scale if scale > max_scale else max_scale
        max_min = minimum if minimum > max_min else max_min
        fine &= rows[AWKWARD + j] == ZERO
    inv_scale = _LEVELS_6_BIT / max_scale if max_scale > ZERO else ZERO
    inv_min = _LEVELS_6_BIT / max_min if max_min > ZERO else ZERO
    d, dmin = to_half(max_scale / _LEVELS_6_BIT), to_half(max_min / _LEVELS_6_BIT)
    for j in range(lane, lane + _PARTS):
        scale, minimum = inv_scale * rows[SCALE + j], inv_min * -rows[MINIMUM + j]
        fine &= within_limit(scale) & within_limit(minimum)
        if not fine:
            return False
        rows[STORED_SCALE + j] = np.float32(_six_bits(scale))
        rows[STORED_MINIMUM + j] = np.float32(_six_bits(minimum))
    return _store_header(rows, lane, d, dmin, block)


@compiled
def _store_fitted_scales(rows: Rows, lane: int, block: NDArray[np.uint8]) -> bool:
    """The same where an importance matrix weighs the rounding of the scales, too."""
    fine = True
    for j in range(lane, lane + _PARTS):
        fine &= rows[AWKWARD + j] == ZERO
        # The fit wants them positive.
        rows[MINIMUM + j] = -rows[MINIMUM + j]
    max_scale, scales_fine = fit_scales(rows, SCALE + lane, SUM_W + lane, STORED_SCALE + lane)
    max_min, minima_fine = fit_scales(rows, MINIMUM + lane, SUM_W + lane, STORED_MINIMUM + lane)
    if not (fine & scales_fine & minima_fine):
        return False
    return _store_header(rows, lane, to_half(max_scale), to_half(max_min), block)


@compiled
def _store_header(rows: Rows, lane: int, d: int, dmin: int, block: NDArray[np.uint8]) -> bool:
    """Write `d`, `dmin` and the scales and minima in 6 bits, which the stored rows of lanes hold.

    Puts into these rows what they stand for. Returns whether all went well.
    """
    fine = (d < HALF_INFINITY) & (dmin < HALF_INFINITY)
    if not fine:
        return False
    block[0], block[1] = d & 0xFF, d >> 8
    block[2], block[3] = dmin & 0xFF, dmin >> 8
    for k in range(_PARTS):
        j = lane + k
        ls, lm = rows[STORED_SCALE + j], rows[STORED_MINIMUM + j]
        _store_scale(block, k, int(ls), int(lm))
        scale, minimum = from_half(d) * ls, from_half(dmin) * lm
        rows[STORED_SCALE + j], rows[STORED_MINIMUM + j] = scale, minimum
        fine &= (scale == ZERO) | (
            within_limit((rows[LOWEST + j] + minimum) / scale)
            & within_limit((rows[LARGEST + j] + minimum) / scale)
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
def _store_levels(
    rows: Rows,
    n_blocks: int,
    largest_level: np.float32,
    out: NDArray[np.uint8],
    block_bytes: int,
) -> None:
    for k in range(n_blocks):
        block = out[k * block_bytes : (k + 1) * block_bytes]
        if largest_level > np.float32(15.0):
            _store_5_bits(rows, k * _PARTS, block)
        else:
            _store_4_bits(rows, k * _PARTS, block)


@compiled
def _store_4_bits(rows: Rows, lane: int, block: NDArray[np.uint8]) -> None:
    """Two sub-blocks share 32 bytes: the first in the lower half of each."""
    for pair in range(_PARTS // 2):
        at = LEVELS + lane + 2 * pair
        start = _HEADER_BYTES + pair * SIZE
        for i in range(SIZE):
            low, high = int(rows[at + i * LANES]), int(rows[at + i * LANES + 1])
            block[start + i] = low | (high << 4)


@compiled
def _store_5_bits(rows: Rows, lane: int, block: NDArray[np.uint8]) -> None:
    """32 bytes of fifth bits, one bit per sub-block, then the lower four bits as in Q4_K."""
    for i in range(SIZE):
        at = LEVELS + i * LANES + lane
        fifth = 0
        for pair in range(_PARTS // 2):
            low, high = int(rows[at + 2 * pair]), int(rows[at + 2 * pair + 1])
            block[_HEADER_BYTES + 32 + pair * SIZE + i] = (low & 15) | ((high & 15) << 4)
            fifth |= ((low >> 4) | ((high >> 4) << 1)) << (2 * pair)
        block[_HEADER_BYTES + i] = fifth
