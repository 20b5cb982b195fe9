"""Whether two GGUF files hold the same tensors.

    python -m benchmarks.compare A.gguf B.gguf

Types, shapes and data bytes are compared, by tensor name; metadata and the order of tensors are
not. Prints `tensors equal: N of N`, and exits with 1 if any differs.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader

CHUNK_BYTES = 64 * 2**20


def main() -> int:
    """Compare the two files named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description="Compare the tensors of two GGUF files."
    )
    parser.add_argument("left", metavar="A.gguf", type=Path)
    parser.add_argument("right", metavar="B.gguf", type=Path)
    args = parser.parse_args()
    left = {tensor.name: tensor for tensor in GGUFReader(args.left).tensors}
    right = {tensor.name: tensor for tensor in GGUFReader(args.right).tensors}
    names = sorted(left.keys() | right.keys())
    differing = [name for name in names if not same_tensor(left.get(name), right.get(name))]
    print(f"tensors equal: {len(names) - len(differing)} of {len(names)}")
    for name in differing[:10]:
        print(f"  differs: {name}")
    return 1 if differing or not names else 0


def same_tensor(left: Any, right: Any) -> bool:
    """Compare two `gguf.gguf_reader.ReaderTensor`s; None, a missing one, equals nothing."""
    if left is None or right is None:
        return False
    if left.tensor_type != right.tensor_type or list(left.shape) != list(right.shape):
        return False
    left_bytes = left.data.reshape(-1).view(np.uint8)
    right_bytes = right.data.reshape(-1).view(np.uint8)
    return len(left_bytes) == len(right_bytes) and all(
        np.array_equal(left_bytes[at : at + CHUNK_BYTES], right_bytes[at : at + CHUNK_BYTES])
        for at in range(0, len(left_bytes), CHUNK_BYTES)
    )


if __name__ == "__main__":
    sys.exit(main())
