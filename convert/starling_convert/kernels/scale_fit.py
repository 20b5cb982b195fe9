"""The scales of a block's sub-blocks in 6 bits each, rounded where an importance matrix is given.

Source: `make_qp_quants` in ggml-quants.c. Names follow the C code where it has names.
"""

from __future__ import annotations

import numpy as np

from starling_convert.kernels.lanes import ONE, ZERO, Rows, compiled, nearest_int, within_limit

_PARTS = 8  # sub-blocks in a block
_LEVELS = np.float32(63.0)  # nmax
_STEP = np.float32(0.1)
_TINY = np.float32(1e-15)  # GROUP_MAX_EPS
_HUGE = np.float32(1e9)  # far beyond half precision


@compiled
def fit_scales(rows: Rows, x: int, w: int, levels: int) -> tuple[np.float32, bool]:
    """Levels from 0 to 63 for the 8 numbers from `rows[x]` on, and what one level stands for.

    The levels go, as floats, into the rows from `levels` on; from `w` on lies how much the numbers
    count. The second result is false where the C code would round what `nearest_int` cannot, or
    where a number is negative.
    """
    largest, fine = ZERO, True
    for k in range(_PARTS):
        value = rows[x + k]
        largest = value if value > largest else largest
        fine &= (value >= ZERO) & (value < _HUGE)
        rows[levels + k] = ZERO
    if not fine or largest < _TINY:
        return ZERO, fine
    factor = _best_factor(rows, x, w, largest)
    sum_lx, sum_l2 = ZERO, ZERO
    for k in range(_PARTS):
        level = _rounded(factor * rows[x + k])
        rows[levels + k] = level
        sum_lx += rows[w + k] * rows[x + k] * level
        sum_l2 += rows[w + k] * level * level
    for _ in range(5):
        changed = False
        for k in range(_PARTS):
            value, weight, level = rows[x + k], rows[w + k], rows[levels + k]
            slx = sum_lx - weight * value * level
            sl2 = sum_l2 - weight * level * level
            if slx > ZERO and sl2 > ZERO:
                wanted = value * sl2 / slx
                if not within_limit(wanted):
                    return ZERO, False
                new_level = _rounded(wanted)
                slx += weight * value * new_level
                sl2 += weight * new_level * new_level
                if new_level != level and slx * slx * sum_l2 > sum_lx * sum_lx * sl2:
                    rows[levels + k], sum_lx, sum_l2 = new_level, slx, sl2
                    changed = True
        if not changed:
            break
    return sum_lx / sum_l2 if sum_l2 > ZERO else ZERO, True


@compiled
def _best_factor(rows: Rows, x: int, w: int, largest: np.float32) -> np.float32:
    """What the numbers are multiplied by before they are rounded: 63 / `largest`, or about that."""
    factor: np.float32 = _LEVELS / largest
    best_error, best = _error(rows, x, w, factor), factor
    for step in range(-4, 5):
        if step != 0:
            factor = (_STEP * np.float32(step) + _LEVELS) / largest
            error = _error(rows, x, w, factor)
            if error < best_error:
                best_error, best = error, factor
    return best


@compiled
def _error(rows: Rows, x: int, w: int, factor: np.float32) -> np.float32:
    error = ZERO
    scale = ONE / factor
    for k in range(_PARTS):
        difference = rows[x + k] - scale * _rounded(factor * rows[x + k])
        error += rows[w + k] * difference * difference
    result: np.float32 = error
    return result


@compiled
def _rounded(value: np.float32) -> np.float32:
    return min(np.float32(nearest_int(value)), _LEVELS)
