"""Blocks of weights that try a quantiser: ordinary ones, and every kind of special case."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256


def check_blocks(seed: int, repeats: int = 8) -> NDArray[np.float32]:
    """Seeded blocks, float32 [n, 256], all finite: `repeats` of every kind, shuffled, then mixed.

    The number of blocks is even, but no multiple of four, so that the last tile of a kernel is not
    full.
    """
    random = np.random.default_rng(seed)
    kinds = [kind for _ in range(repeats) for kind in _kinds(random)]
    blocks = np.concatenate(kinds).astype(np.float32)
    random.shuffle(blocks)
    # Blocks whose sub-blocks are of different kinds: eight or sixteen make a block.
    parts = blocks.reshape(-1, 16).copy()
    random.shuffle(parts)
    mixed: NDArray[np.float32] = np.concatenate([blocks, parts.reshape(-1, _BLOCK)])
    return mixed[: len(mixed) - (len(mixed) - 2) % 4]


def check_importance(seed: int, size: int) -> NDArray[np.float32]:
    """Seeded importance of `size` columns, a multiple of 256, float32: every 256 of another kind.

    None is negative, as importance matrices are of squares.
    """
    random = np.random.default_rng(seed)
    blocks = random.exponential(1.0, (size // _BLOCK, _BLOCK))
    kind = random.integers(0, 8, len(blocks))
    blocks[kind == 0] = 1.0
    blocks[kind == 1] *= random.random((int((kind == 1).sum()), _BLOCK)) < 0.5
    blocks[kind == 2] **= 12.0
    blocks[kind == 3] *= 1e-41
    lonely = np.flatnonzero(kind == 4)
    blocks[lonely] = 0.0
    blocks[lonely, random.integers(0, _BLOCK, len(lonely))] = 1.0
    blocks[kind == 5] *= 10.0 ** random.uniform(-6.0, 6.0, (int((kind == 5).sum()), 1))
    blocks[: len(blocks) // 40] = 0.0
    flat: NDArray[np.float32] = blocks.astype(np.float32).reshape(-1)
    return flat


def _kinds(random: np.random.Generator) -> list[NDArray[np.float64]]:
    """One or a few blocks [n, 256] of every kind, in float64."""
    normal = random.normal(0.0, 0.02, (4, _BLOCK))
    bfloat16 = (normal.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    magnitude = 10.0 ** random.uniform(-45.0, 4.0, (6, 1))
    outlier = normal.copy()
    outlier[np.arange(4), random.integers(0, _BLOCK, 4)] = [1.0, -1.0, 100.0, -1e4]
    lonely = np.zeros((2, _BLOCK))
    lonely[[0, 1], random.integers(0, _BLOCK, 2)] = [3.0, -3.0]
    constant = random.normal(0.0, 1.0, (2, 1)) * np.array([[1.0], [-1.0]])
    grid = random.integers(-16, 17, (4, _BLOCK)) / np.array([[1.0], [2.0], [8.0], [16.0]])
    offset = random.normal(0.0, 1e-4, (4, _BLOCK)) + np.array([[1.0], [-1.0], [50.0], [-1e4]])
    return [
        normal,
        bfloat16.astype(np.float64),
        magnitude * random.normal(0.0, 1.0, (6, _BLOCK)),
        random.standard_t(2.0, (2, _BLOCK)) * 0.02,
        outlier,
        lonely,
        np.zeros((1, _BLOCK)),
        np.broadcast_to(constant, (2, _BLOCK)),
        np.repeat(random.normal(0.0, 1.0, (2, 8)), 32, axis=1),
        grid,
        offset,
        np.abs(normal[:2]),
        -np.abs(normal[2:]),
        np.abs(normal[:2]) * np.where(np.arange(_BLOCK) % 2, 1.0, -1.0),
        random.normal(0.0, 1.0, (2, _BLOCK)) * 10.0 ** random.uniform(-12.0, 3.0, (2, _BLOCK)),
        # Denormals, and numbers about ggml's GROUP_MAX_EPS.
        random.integers(-4, 5, (1, _BLOCK)) * 1.401298464324817e-45,
        random.uniform(-1.2e-15, 1.2e-15, (2, _BLOCK)),
    ]
