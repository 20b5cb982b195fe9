"""How the levels of 32 weights lie in the bytes of a block, in the types that pair j and j + 16."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starling_convert.kernels.lanes import LANES, LEVELS, Rows, compiled


@compiled
def pack_4_bits(rows: Rows, lane: int, block: NDArray[np.uint8], start: int) -> None:
    """16 bytes from `start` on: the lower four bits of the first 16 levels, then of the others."""
    for i in range(16):
        at = LEVELS + i * LANES + lane
        low, high = int(rows[at]), int(rows[at + 16 * LANES])
        block[start + i] = (low & 15) | ((high & 15) << 4)


@compiled
def pack_fifth_bits(rows: Rows, lane: int, block: NDArray[np.uint8], start: int) -> None:
    """4 bytes from `start` on: the fifth bit of each level."""
    for byte in range(4):
        bits = 0
        for i in range(8):
            bits |= (int(rows[LEVELS + (byte * 8 + i) * LANES + lane]) >> 4) << i
        block[start + byte] = bits
