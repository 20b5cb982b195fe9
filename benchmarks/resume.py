"""How long a saved conversation takes to resume, against reading it again.

    python -m benchmarks.resume MODEL.gguf --tokens 2000 --rounds 5

Both end in the same place: all tokens in the KV cache, and logits for the next one; so resuming is
`load_state` and the last token decoded again. The sides take turns in one process. The ratio is
taken per round. The file comes from the page cache; saving it, fsync included, is shown alongside.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter

from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.engine.state import load_state, save_state
from starling_local.settings import ContextSettings

TEXT = "The quick brown fox jumps over the lazy dog, and 17 other animals watch it from the hill. "


def main() -> None:
    """Print medians, spreads and the ratio."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.resume", description="Resume a conversation, or read it again."
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--tokens", type=int, default=2000, help="length of the conversation")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    settings = ContextSettings(context=args.tokens + 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        Model(args.model) as model,
        Context(model, settings) as context,
    ):
        text = model.vocabulary.tokenise(TEXT)
        tokens = [model.vocabulary.bos, *islice(cycle(text), args.tokens - 1)]
        measure(context, tokens, args.rounds, Path(folder) / "conversation.state")


def measure(context: Context, tokens: Sequence[int], rounds: int, path: Path) -> None:
    """Print what the sides take; `path` is where the state is saved."""
    context.prefill(tokens)  # The first computation also sets up memory.
    saving, reading, loading, resuming = [], [], [], []
    for _ in range(rounds):
        saving.append(seconds(lambda: save_state(context, path)))
        context.keep(0)
        reading.append(seconds(lambda: context.prefill(tokens)))
        context.keep(0)
        loading.append(seconds(lambda: load_state(context, path)))
        resuming.append(loading[-1] + seconds(lambda: context.prefill(tokens)))
    size_mb = path.stat().st_size / 1e6
    print(f"{len(tokens)} tokens, {size_mb:.1f} MB, {rounds} rounds: median (spread)")
    for name, times in (
        ("reading again", reading),
        ("resuming", resuming),
        ("  of it load_state", loading),
        ("save_state", saving),
    ):
        print(
            f"{name:20} {statistics.median(times):8.3f} s  ({min(times):.3f} to {max(times):.3f})"
        )
    ratios = [again / resumed for again, resumed in zip(reading, resuming, strict=True)]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    print(f"{'ratio':20} {middle:8.1f}    ({low:.1f} to {high:.1f})")


def seconds(action: Callable[[], object]) -> float:
    """Wall time of an action."""
    started = perf_counter()
    action()
    return perf_counter() - started


if __name__ == "__main__":
    main()
