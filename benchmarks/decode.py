"""How fast the engine reads and writes, against llama-bench on the same file and threads.

    python -m benchmarks.decode MODEL.gguf --llama-bench PATH/llama-bench

The sides take turns, each in a process of its own. llama-bench decodes random tokens and chooses
none; ours is `generate` as the chat uses it: sampling, text and stop checks included. The ratio is
taken per round, above 1 where ours is faster.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

TEXT = "The quick brown fox jumps over the lazy dog, and 17 other animals watch it from the hill. "
ANOTHER = "Ten green bottles stand on a wall. "
NEVER = -1e9


@dataclass(frozen=True)
class Speed:
    """Tokens per second."""

    prefill: float
    decode: float


def main() -> None:
    """Print medians, spreads and ratios; or, as a child, one side's speed as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decode", description="Measure the engine against llama-bench."
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--prompt", type=int, default=512, help="tokens to read")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to write")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repack", type=int, choices=(0, 1), default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(asdict(ours(args))))
        return
    if args.llama_bench is None:
        parser.error("--llama-bench is needed: the path of the peer's program")
    rounds = []
    for number in range(args.rounds):
        sides = [ours_in_a_child, llama_bench]
        speeds = {side: side(args) for side in (sides if number % 2 else reversed(sides))}
        rounds.append((speeds[ours_in_a_child], speeds[llama_bench]))
    print(
        f"{args.model.name}, {args.threads} threads, repacking {'on' if args.repack else 'off'}, "
        f"{args.rounds} rounds: median (spread)"
    )
    for what in ("prefill", "decode"):
        our = [getattr(side, what) for side, _ in rounds]
        peer = [getattr(side, what) for _, side in rounds]
        print(f"{what}: ours {shown(our, 1)} tokens/s, llama-bench {shown(peer, 1)} tokens/s")
        print(f"  ratio {shown([one / two for one, two in zip(our, peer, strict=True)], 3)}")


def shown(values: list[float], digits: int) -> str:
    """Median and spread."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ours_in_a_child(args: argparse.Namespace) -> Speed:
    """Our speed, measured in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.decode", args.model, "--child"]
    for name in ("prompt", "tokens", "threads", "repack"):
        words += [f"--{name}", getattr(args, name)]
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, text=True)
    return Speed(**json.loads(done.stdout))


def ours(args: argparse.Namespace) -> Speed:
    """Our speed, after a warm-up as llama-bench has one."""
    from starling_local.engine.context import Context
    from starling_local.engine.generation import LastChunk, generate
    from starling_local.engine.model import Model
    from starling_local.settings import ContextSettings, Limits, LoadSettings, Sampling

    settings = ContextSettings(context=args.prompt + args.tokens + 1, threads=args.threads)
    with (
        Model(args.model, LoadSettings(repack=bool(args.repack))) as model,
        Context(model, settings) as context,
    ):
        vocabulary = model.vocabulary
        # The answer must not end by itself.
        sampling = Sampling(logit_bias={vocabulary.end_of_turn: NEVER, 2: NEVER})

        def answer(text: str, length: int, tokens: int) -> LastChunk:
            ids = [vocabulary.bos, *islice(cycle(vocabulary.tokenise(text)), length - 1)]
            *_, last = generate(context, ids, sampling, Limits(max_tokens=tokens))
            assert isinstance(last, LastChunk)
            return last

        answer(ANOTHER, args.prompt, 2)
        read = answer(TEXT, args.prompt, 1).statistics
        # Short, so that the cache is as empty as llama-bench's is.
        written = answer(TEXT, 2, args.tokens + 1).statistics
        return Speed(
            read.prefilled_tokens / read.prefill_s,
            (written.generated_tokens - 1) / written.generate_s,
        )


def llama_bench(args: argparse.Namespace) -> Speed:
    """The peer's speed."""
    words = [
        args.llama_bench, "-m", args.model, "-p", args.prompt, "-n", args.tokens,
        "-t", args.threads, "--repack", args.repack, "-ngl", 0, "-r", 1, "-o", "json",
    ]  # fmt: skip
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, text=True)
    found = {entry["n_gen"] > 0: float(entry["avg_ts"]) for entry in json.loads(done.stdout)}
    return Speed(found[False], found[True])


if __name__ == "__main__":
    main()
