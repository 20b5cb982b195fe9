"""The converter's vector kernels against ggml's own quantisers, one core each.

    python -m benchmarks.kernels [--rounds 7]

Both quantise the same million weights (normals of deviation 0.02, rounded to bf16) in turn within
each round. Prints million weights per second, medians, and the ratio per round as median and
spread. Compilation is not counted.
"""

import argparse
import time
from statistics import median

import numpy as np
from numpy.typing import NDArray

from starling_convert import ggml, kernels
from starling_convert.quantisers import VECTOR_TYPES, Quantiser
from starling_convert.recipe import TensorType

SHAPE = (256, 4096)


def normals() -> NDArray[np.float32]:
    """Weights as a bf16 checkpoint has them, widened to float32."""
    weights = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32) * np.float32(0.02)
    bits = weights.view(np.uint32) & np.uint32(0xFFFF0000)
    upper: NDArray[np.float32] = bits.view(np.float32)
    return upper


def speed(quantise: Quantiser, kind: TensorType, weights: NDArray[np.float32]) -> float:
    """Weights per second of one call."""
    out = np.empty(kind.size_bytes(weights.size), np.uint8)
    started = time.perf_counter()
    quantise(kind, weights, out, None)
    return weights.size / (time.perf_counter() - started)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    weights = normals()
    problem = kernels.self_check()  # compiles them, too
    if problem:
        parser.error(problem)
    print("| type | ggml, Mweights/s | vector, Mweights/s | ratio (spread) |")
    print("|---|---|---|---|")
    for kind in sorted(VECTOR_TYPES, key=lambda kind: kind.ggml_id):
        pairs = [
            (speed(ggml.quantise_rows, kind, weights), speed(kernels.quantise_rows, kind, weights))
            for _ in range(rounds)
        ]
        theirs, ours = (median(side) / 1e6 for side in zip(*pairs, strict=True))
        ratios = [vector / scalar for scalar, vector in pairs]
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"| {kind.name} | {theirs:.1f} | {ours:.1f} | {median(ratios):.1f} ({spread}) |")


if __name__ == "__main__":
    main()
