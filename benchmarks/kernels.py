"""The converter's vector kernels against ggml's own quantisers, one core each.

    python -m benchmarks.kernels [--rounds 7] [--types Q4_K,Q6_K] [--write]

Both quantise the same million weights (normals of deviation 0.02, rounded to bf16) in turn within
each round, without and with an importance matrix (exponentially distributed). Prints million
weights per second of processor time, medians, and the ratio per round as median and spread.
Compilation is not counted. A type without a kernel has ggml's figure alone. `--write` puts the
table into benchmarks/README.md.
"""

import argparse
import time
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import publish
from starling_convert import ggml, kernels
from starling_convert.quantisers import VECTOR_VARIANTS, Quantiser, Variant
from starling_convert.recipe import TensorType

SHAPE = (256, 4096)


def normals() -> NDArray[np.float32]:
    """Weights as a bf16 checkpoint has them, widened to float32."""
    weights = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32) * np.float32(0.02)
    bits = weights.view(np.uint32) & np.uint32(0xFFFF0000)
    upper: NDArray[np.float32] = bits.view(np.float32)
    return upper


def importance() -> NDArray[np.float32]:
    """What an importance matrix might say of the columns: few matter much."""
    return np.random.default_rng(1).exponential(1.0, SHAPE[1]).astype(np.float32)


def speed(quantise: Quantiser, variant: Variant, weights: NDArray[np.float32]) -> float:
    """Weights per second of this thread's processor time, of one call."""
    out = np.empty(variant.type.size_bytes(weights.size), np.uint8)
    columns = importance() if variant.weighted else None
    started = time.thread_time()
    quantise(variant.type, weights, out, columns)
    return weights.size / (time.thread_time() - started)


def variants(types: list[TensorType]) -> list[Variant]:
    """Every type alone and with importance, where it makes a difference to the type."""
    blind = {TensorType.F16, TensorType.BF16, TensorType.Q8_0}
    return [
        Variant(kind, weighted)
        for weighted in (False, True)
        for kind in types
        if not (weighted and kind in blind)
    ]


def row(variant: Variant, weights: NDArray[np.float32], rounds: int) -> str:
    """One line of the table."""
    scalar, vector = ggml.quantise_rows, kernels.quantise_rows
    name = f"{variant.type.name}{', importance' if variant.weighted else ''}"
    if variant not in VECTOR_VARIANTS:
        alone = median(speed(scalar, variant, weights) for _ in range(rounds)) / 1e6
        return f"| {name} | {alone:.1f} | ggml's | |"
    if problem := kernels.self_check(variant):  # compiles it, too
        return f"| {name} | | {problem} | |"
    pairs = [
        (speed(scalar, variant, weights), speed(vector, variant, weights)) for _ in range(rounds)
    ]
    theirs, ours = (median(side) / 1e6 for side in zip(*pairs, strict=True))
    ratios = [vector_speed / scalar_speed for scalar_speed, vector_speed in pairs]
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    return f"| {name} | {theirs:.1f} | {ours:.1f} | {median(ratios):.1f} ({spread}) |"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--types",
        type=lambda names: [TensorType[name] for name in names.split(",")],
        default=[kind for kind in TensorType if kind is not TensorType.F32],
    )
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    args = parser.parse_args()
    weights = normals()
    lines = [
        "| type | ggml, Mweights/s | vector, Mweights/s | ratio (spread) |",
        "|---|---|---|---|",
        *(row(each, weights, args.rounds) for each in variants(args.types)),
    ]
    command = f"python -m benchmarks.kernels --rounds {args.rounds}"
    publish("kernels", lines, command, write=args.write)


if __name__ == "__main__":
    main()
