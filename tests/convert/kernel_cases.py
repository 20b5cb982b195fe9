"""Weights that try a quantiser, and what an importance matrix might say of their columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.check_blocks import check_blocks

Floats = NDArray[np.float32]
BLOCK = 256
RANDOM = np.random.default_rng(20)
NORMAL = RANDOM.normal(0.0, 0.02, (300, BLOCK))
SIGNS = np.where(np.arange(BLOCK) % 2, 1.0, -1.0)


def spike(size: float, at: NDArray[np.int_], background: float) -> NDArray[np.float64]:
    blocks = background * NORMAL[: len(at)]
    blocks[np.arange(len(at)), at] = size
    return blocks


def grid(step: float, reach: int) -> NDArray[np.float64]:
    """Weights on k * step: where scales come out even, they lie on the borders of rounding."""
    levels = RANDOM.integers(-reach, reach + 1, (300, BLOCK)).astype(np.float64)
    return levels * step


def ties() -> NDArray[np.float64]:
    """Sub-blocks whose range is a whole number of levels and whose weights lie halfway between."""
    blocks = RANDOM.integers(0, 2 * 15 + 1, (300, BLOCK)) / 2.0
    blocks[:, ::16], blocks[:, 1::16] = 0.0, 15.0
    return blocks - RANDOM.integers(0, 16, (300, 1))


def bfloat16(weights: NDArray[np.float64] | Floats) -> Floats:
    bits = weights.astype(np.float32).view(np.uint32)
    upper: Floats = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    return upper


def exponential() -> NDArray[np.float64]:
    """What a column's mean square activation might be."""
    columns: NDArray[np.float64] = RANDOM.exponential(size=BLOCK)
    return columns


def lonely_column(place: int) -> NDArray[np.float64]:
    columns = np.zeros(BLOCK)
    columns[place] = 1.0
    return columns


EVERYWHERE = np.arange(BLOCK)
CASES: dict[str, Callable[[], NDArray[np.float64] | Floats]] = {
    "zeros": lambda: np.zeros((3, BLOCK)),
    "negative zeros": lambda: np.full((3, BLOCK), -0.0),
    "positive constants": lambda: np.tile(10.0 ** np.arange(-45.0, 5.0)[:, None], BLOCK),
    "negative constants": lambda: np.tile(-(10.0 ** np.arange(-45.0, 5.0))[:, None], BLOCK),
    "constant sub-blocks": lambda: np.repeat(RANDOM.normal(0.0, 1.0, (300, 16)), 16, axis=1),
    "one weight of zeros": lambda: spike(0.3, EVERYWHERE, 0.0),
    "one negative weight of zeros": lambda: spike(-0.3, EVERYWHERE, 0.0),
    "one outlier": lambda: spike(7.0, EVERYWHERE, 1.0),
    "one huge outlier": lambda: spike(-1e4, EVERYWHERE, 1.0),
    "denormals": lambda: grid(1.401298464324817e-45, 300),
    "scales that are denormal halves": lambda: NORMAL * np.geomspace(1e-6, 1e-2, 300)[:, None],
    "scales below all halves": lambda: NORMAL * np.geomspace(1e-30, 1e-5, 300)[:, None],
    "huge": lambda: NORMAL * np.geomspace(1.0, 5e5, 300)[:, None],
    "about 1e-15": lambda: NORMAL * np.geomspace(1e-15, 1e-12, 300)[:, None],
    "wide range": lambda: NORMAL * 10.0 ** RANDOM.uniform(-30.0, 5.0, (300, BLOCK)),
    "eighths": lambda: grid(1 / 8, 16),
    "sixteenths": lambda: grid(1 / 16, 32),
    "few eighths": lambda: grid(1 / 8, 2),
    "integers": lambda: grid(1.0, 15),
    "signs": lambda: grid(1.0, 1),
    "ties": ties,
    "positive": lambda: np.abs(NORMAL),
    "negative": lambda: -np.abs(NORMAL),
    "alternating": lambda: np.abs(NORMAL) * SIGNS,
    "alternating constants": lambda: np.linspace(1e-4, 1.0, 300)[:, None] * SIGNS,
    "ramps": lambda: np.linspace(-1.0, 1.0, BLOCK) * np.linspace(0.01, 3.0, 300)[:, None],
    "far from zero": lambda: NORMAL + RANDOM.normal(0.0, 1e3, (300, 1)),
    "barely uneven": lambda: 1e-6 * NORMAL + RANDOM.normal(0.0, 1.0, (300, 1)),
    "normal": lambda: NORMAL,
    "normal, bfloat16": lambda: bfloat16(NORMAL),
    "heavy tails": lambda: RANDOM.standard_t(2.0, (300, BLOCK)) * 0.02,
    "heavier tails": lambda: RANDOM.standard_cauchy((300, BLOCK)) * 1e-3,
    "mixed": lambda: check_blocks(seed=1, repeats=20),
}


# What importance matrices might say of 256 columns.
IMPORTANCES: dict[str, Callable[[], NDArray[np.float64]]] = {
    "exponential": exponential,
    "all equal": lambda: np.full(BLOCK, 0.25),
    "all zero": lambda: np.zeros(BLOCK),
    "half zero": lambda: exponential() * (RANDOM.random(BLOCK) < 0.5),
    "whole sub-blocks zero": lambda: exponential() * (np.arange(BLOCK) // 32 % 2),
    "one column": lambda: lonely_column(7),
    "the last column": lambda: lonely_column(BLOCK - 1),
    "huge spread": lambda: np.power(10.0, RANDOM.uniform(-20.0, 10.0, BLOCK)),
    "one outlier": lambda: exponential() + 1e6 * lonely_column(100),
    "huge": lambda: 1e30 * exponential(),
    "tiny": lambda: 1e-30 * exponential(),
    "denormal": lambda: np.floor(50 * RANDOM.random(BLOCK)) * 1.401298464324817e-45,
}
