"""How much an error in each weight counts, where an importance matrix tells it of the columns.

Source: the `weight` of the `quantize_row_*_impl` functions in ggml-quants.c.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.lanes import (
    IMPORTANCE,
    LANES,
    MEAN_SQUARE,
    UNROLL,
    WEIGHTS,
    ZERO,
    Rows,
    compiled,
)


@compiled
def mean_squares(
    weights: NDArray[np.float32], length: int, factor: np.float32, means: NDArray[np.float32]
) -> None:
    """`factor` times the mean square of each run of `length` weights; `means` has one per run.

    A sum's order is fixed, so each addition waits for the one before: four runs go side by side.
    """
    size = np.float32(length)
    together = means.size - means.size % 4
    for run in range(0, together, 4):
        start = run * length
        first = second = third = fourth = ZERO
        for i in range(start, start + length):
            first += weights[i] * weights[i]
            second += weights[i + length] * weights[i + length]
            third += weights[i + 2 * length] * weights[i + 2 * length]
            fourth += weights[i + 3 * length] * weights[i + 3 * length]
        means[run], means[run + 1] = factor * first / size, factor * second / size
        means[run + 2], means[run + 3] = factor * third / size, factor * fourth / size
    for run in range(together, means.size):
        total = ZERO
        for i in range(run * length, (run + 1) * length):
            total += weights[i] * weights[i]
        means[run] = factor * total / size


@compiled
def load_importance(
    importance: NDArray[np.float32], first: int, size: int, used: int, rows: Rows
) -> None:
    """The importance of the columns that `load` put into `used` lanes, from weight `first` on."""
    for lane in range(used):
        column = (first + lane * size) % importance.size
        for i in range(size):
            rows[IMPORTANCE + i * LANES + lane] = importance[column + i]


@compiled
def weigh_by_size(
    means: NDArray[np.float32], first: int, size: int, length: int, used: int, rows: Rows
) -> None:
    """Multiply the importance of columns by sqrt(mean square + weight squared).

    `means` is what `mean_squares` found for runs of `length` weights.
    """
    for lane in range(used):
        rows[MEAN_SQUARE + lane] = means[(first + lane * size) // length]
    for turn in range(0, size * LANES, UNROLL * LANES):
        for lane in range(LANES):
            mean = rows[MEAN_SQUARE + lane]
            for k in range(UNROLL):
                at = turn + k * LANES + lane
                x = rows[WEIGHTS + at]
                rows[IMPORTANCE + at] = rows[IMPORTANCE + at] * math.sqrt(mean + x * x)


@compiled
def weigh_by_square(size: int, rows: Rows) -> None:
    """The importance without a matrix of the types whose blocks have no minimum: the square."""
    for turn in range(0, size * LANES, UNROLL * LANES):
        for lane in range(LANES):
            for k in range(UNROLL):
                x = rows[WEIGHTS + turn + k * LANES + lane]
                rows[IMPORTANCE + turn + k * LANES + lane] = x * x
