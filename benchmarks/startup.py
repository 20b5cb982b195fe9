"""How long from the start of a process to its first token, against llama.cpp's own program.

    python -m benchmarks.startup MODEL.gguf --llama-completion PATH/llama-completion

Ours is `starling ask`. The peer is llama-completion without warm-up, once with the weights as they
are in the file, which is the fastest it can be, and once as it comes, with the weights rewritten
for the processor. All answer the same question, already in the models' template for the peer. What
counts is the first byte on stdout. The file is in the page cache. The sides take turns; the ratio
is taken per round, below 1 where ours is faster.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

TOKENS = "8"
CONTEXT = "2048"  # tokens, which is all that the built-in model has
ATTEMPTS = 20
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
QUESTION = "What is the capital of France?"
PROMPT = f"GPT4 Correct User: {QUESTION}<|end_of_turn|>GPT4 Correct Assistant:"


def main() -> None:
    """Print medians, spreads and ratios."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.startup", description="Measure the time to the first token."
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--llama-completion", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    sides = commands(args.model, args.llama_completion, args.threads)
    for command in sides.values():
        first_byte_s(command)  # The files are in the page cache from now on.
    rounds = []
    for number in range(args.rounds):
        order = list(sides) if number % 2 else list(reversed(sides))
        rounds.append({side: first_byte_s(sides[side]) for side in order})
    print(f"{args.model.name}, {args.threads} threads, {args.rounds} rounds: median (spread)")
    ours, *peers = sides
    for side in sides:
        print(f"{side}: {shown([times[side] for times in rounds])} s")
    for peer in peers:
        ratios = [times[ours] / times[peer] for times in rounds]
        differences = [times[ours] - times[peer] for times in rounds]
        print(f"{ours} / {peer}: {shown(ratios)}, difference {shown(differences)} s")


def commands(model: Path, llama_completion: Path, threads: int) -> dict[str, Sequence[str]]:
    """The command lines of the sides, ours first."""
    ours = [
        sys.executable, "-m", "starling_local", "ask", "-m", str(model), "-t", str(threads),
        "--max-tokens", TOKENS, "--ctx", CONTEXT, QUESTION,
    ]  # fmt: skip
    peer = [
        str(llama_completion), "-m", str(model), "-t", str(threads), "-n", TOKENS, "-c", CONTEXT,
        "--temp", "0", "-no-cnv", "--no-warmup", "--no-display-prompt", "-ngl", "0", "-p", PROMPT,
    ]  # fmt: skip
    return {
        "starling ask": ours,
        "llama-completion --no-repack": [*peer, "--no-repack"],
        "llama-completion": peer,
    }


def first_byte_s(command: Sequence[str]) -> float:
    """Seconds from the start of a process to the first byte on its stdout that is no space.

    Now and then llama-completion ends without having printed what it made: then it is run again.
    """
    for _ in range(ATTEMPTS):
        if (took := _first_byte_s(command)) is not None:
            return took
    raise SystemExit(f"{' '.join(command)} printed nothing")


def _first_byte_s(command: Sequence[str]) -> float | None:
    # An installed package has its bytecode beside it; so shall ours.
    environ = {key: value for key, value in os.environ.items() if key != NO_BYTECODE}
    started = perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environ,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        byte = b" "
        while byte.isspace():
            byte = os.read(process.stdout.fileno(), 1)
        took = perf_counter() - started
        process.stdout.read()
    return took if byte else None


def shown(values: list[float]) -> str:
    """Median and spread."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
