"""Q4_K and Q5_K: 256 weights in 8 sub-blocks of 32, each with a scale and a minimum of 6 bits.

Source: `quantize_row_q4_K_ref` and `quantize_row_q5_K_ref` in ggml-quants.c. Names follow the C
code where it has names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.affine_search import (
    AWKWARD,
    FACTOR,
    LARGEST,
    LEVELS,
    LOWEST,
    MINIMUM,
    N_ROWS,
    ORIGIN,
    SCALE,
    SIZE,
    STORED_MINIMUM,
    STORED_SCALE,
    WEIGHTS,
    measure,
    search,
)
from starling_convert.kernels.lanes import (
    HALF_INFINITY,
    LANES,
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

_PARTS = 8  # sub-blocks in a block
_HEADER_BYTES = 16  # d, dmin, and 12 bytes of scales and minima
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
    rows = np.zeros(N_ROWS * LANES, np.float32)
    n_blocks = awkward.size
    block_bytes = out.size // max(n_blocks, 1)
    for first in range(0, n_blocks, LANES // _PARTS):
        used = load(weights, first * _PARTS * SIZE, SIZE, rows)
        measure(rows)
        search(rows, largest_level, first_offset, n_steps)
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
    fine &= (d < HALF_INFINITY) & (dmin < HALF_INFINITY)
    block[0], block[1] = d & 0xFF, d >> 8
    block[2], block[3] = dmin & 0xFF, dmin >> 8
    for k in range(_PARTS):
        j = lane + k
        scale, minimum = inv_scale * rows[SCALE + j], inv_min * -rows[MINIMUM + j]
        fine &= within_limit(scale) & within_limit(minimum)
        if not fine:
            return False
        ls, lm = _six_bits(scale), _six_bits(minimum)
        _store_scale(block, k, ls, lm)
        scale, minimum = from_half(d) * np.float32(ls), from_half(dmin) * np.float32(lm)
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
def _round_levels(rows: Rows, largest_level: np.float32) -> None:
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
