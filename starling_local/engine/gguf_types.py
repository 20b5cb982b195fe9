"""GGUF's tables of types: the scalars of metadata, and the blocks of tensors.

Sources: docs/gguf.md of ggml; `type_traits` in llama.cpp's ggml/src/ggml.c for the blocks.
"""

from __future__ import annotations

# Value types: those with a meaning of their own, and the struct formats of the scalars.
UINT32, BOOL, STRING, ARRAY = 4, 7, 8, 9
SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))

# Tensor types: elements and bytes of a block.
F32 = 0
# fmt: off
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36),
    41: (128, 18),
}
# fmt: on
