"""Q4_0, Q5_0, Q4_1 and Q5_1 with an importance matrix: blocks of 32 weights.

Source: `quantize_row_q4_0_impl`, `quantize_row_q5_0_impl`, `quantize_row_q4_1_impl` and
`quantize_row_q5_1_impl` in ggml-quants.c. The mean square in the importance is that of a whole row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels import affine_search, symmetric_search
from starling_convert.kernels.importance import load_importance, mean_squares, weigh_by_size
from starling_convert.kernels.lanes import (
    HALF_INFINITY,
    LANES,
    ONE,
    ZERO,
    Rows,
    compiled,
    entry,
    load,
    to_half,
)
from starling_convert.kernels.packing import pack_4_bits, pack_fifth_bits

_SIZE = 32
_FOUR_BITS = np.float32(15.0)  # the largest level
_OFFSET, _STEP, _STEPS = np.float32(-0.9), np.float32(0.05), 36


@entry
def quantise_symmetric(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32],
    out: NDArray[np.uint8],
    awkward: NDArray[np.bool_],
    half_levels: np.float32,
) -> None:
    """Quantise flat `weights` to blocks of Q4_0 (`half_levels` 8) or Q5_0 (16) in flat `out`.

    `importance` is that of the columns, of which rows of `weights` have as many. `awkward` has one
    entry per block; the rows of those it marks must be done again by ggml, because a number in them
    leaves half precision.
    """
    rows = np.zeros(symmetric_search.ROWS_SIZE, np.float32)
    block_bytes = out.size // max(awkward.size, 1)
    means = np.empty(weights.size // importance.size, np.float32)
    mean_squares(weights, importance.size, ONE, means)
    for first in range(0, awkward.size, LANES):
        used = _load(weights, importance, means, first, rows)
        symmetric_search.measure(rows, _SIZE)
        symmetric_search.search(rows, _SIZE, half_levels)
        for lane in range(LANES):
            extreme = rows[symmetric_search.EXTREME + lane]
            rows[symmetric_search.BLANK + lane] = (
                ONE if abs(extreme) < symmetric_search.TINY else ZERO
            )
        # The stored scales stay zero: the levels are those of the search.
        symmetric_search.round_levels(rows, _SIZE, half_levels)
        for k in range(used):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            d = to_half(rows[symmetric_search.SCALE + k])
            block[0], block[1] = d & 0xFF, d >> 8
            awkward[first + k] = (d & 0x7FFF) >= HALF_INFINITY
            _store_levels(rows, k, half_levels + half_levels - ONE, block, 2)


@entry
def quantise_affine(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32],
    out: NDArray[np.uint8],
    awkward: NDArray[np.bool_],
    largest_level: np.float32,
) -> None:
    """The same for Q4_1 (`largest_level` 15) and Q5_1 (31)."""
    rows = np.zeros(affine_search.ROWS_SIZE, np.float32)
    block_bytes = out.size // max(awkward.size, 1)
    means = np.empty(weights.size // importance.size, np.float32)
    mean_squares(weights, importance.size, ONE, means)
    for first in range(0, awkward.size, LANES):
        used = _load(weights, importance, means, first, rows)
        affine_search.measure(rows)
        affine_search.search(rows, largest_level, _OFFSET, _STEP, _STEPS)
        # The stored scales stay zero: the levels are those of the search.
        affine_search.round_levels(rows, largest_level)
        for k in range(used):
            block = out[(first + k) * block_bytes : (first + k + 1) * block_bytes]
            d = to_half(rows[affine_search.SCALE + k])
            m = to_half(rows[affine_search.MINIMUM + k])
            block[0], block[1] = d & 0xFF, d >> 8
            block[2], block[3] = m & 0xFF, m >> 8
            beyond = ((d & 0x7FFF) >= HALF_INFINITY) | ((m & 0x7FFF) >= HALF_INFINITY)
            awkward[first + k] = beyond | (rows[affine_search.AWKWARD + k] > ZERO)
            _store_levels(rows, k, largest_level, block, 4)


@compiled
def _load(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32],
    means: NDArray[np.float32],
    first: int,
    rows: Rows,
) -> int:
    """Fill a tile from block `first` on. Returns how many lanes are in use."""
    used = load(weights, first * _SIZE, _SIZE, rows)
    load_importance(importance, first * _SIZE, _SIZE, used, rows)
    weigh_by_size(means, first * _SIZE, _SIZE, importance.size, used, rows)
    return used


@compiled
def _store_levels(
    rows: Rows, lane: int, largest_level: np.float32, block: NDArray[np.uint8], start: int
) -> None:
    if largest_level > _FOUR_BITS:
        pack_fifth_bits(rows, lane, block, start)
        start += 4
    pack_4_bits(rows, lane, block, start)
