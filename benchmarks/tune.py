"""What `starling tune --for ask` gains: start-up and prefill, against llama.cpp as it comes.

    python -m benchmarks.tune MODEL.gguf --llama-bench PATH/llama-bench \\
        --llama-completion PATH/llama-completion

First the model is tuned, and what was found is kept in a folder that goes away again. Then the
sides take turns, each in a process of its own: `starling ask` tuned and as usual, and llama.cpp's
programs with their defaults, llama-completion without warm-up. Start-up is the time from the start
of the process to the first byte on stdout, see `benchmarks.startup`; prefill that of 512 tokens
after a warm-up, as llama-bench has it. The file is in the page cache. Ratios are taken per round,
above 1 where the first side is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.startup import CONTEXT, PROMPT, QUESTION, TOKENS, first_byte_s, shown

TUNED, USUAL, PEER = "tuned", "as usual", "llama.cpp's defaults"
DATA_FOLDER = "STARLING_DATA_DIR"
STARLING = (sys.executable, "-m", "starling_local")


def main() -> None:
    """Tune, then print medians, spreads and ratios; or, as a child, one prefill's speed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tune", description="Measure what tuning for ask gains."
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--llama-completion", type=Path)
    parser.add_argument("--budget", default="300s", help="time for tuning")
    parser.add_argument("--prompt", type=int, default=512, help="tokens to read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(prefill_speed(args.model, args.prompt))
        return
    if args.llama_bench is None or args.llama_completion is None:
        parser.error("--llama-bench and --llama-completion are needed: the peer's programs")
    with tempfile.TemporaryDirectory() as tuned, tempfile.TemporaryDirectory() as empty:
        words = ["tune", "-m", args.model, "--for", "ask", "--budget", args.budget]
        subprocess.run([*kept_in(tuned), *STARLING, *map(str, words)], check=True)
        compare(args, kept_in(tuned), kept_in(empty))


def compare(args: argparse.Namespace, tuned: list[str], usual: list[str]) -> None:
    """Measure the sides in turn, and print."""
    ask = [*STARLING, "ask", "-m", str(args.model), "--max-tokens", TOKENS, QUESTION]
    peer = [
        str(args.llama_completion), "-m", str(args.model), "-n", TOKENS, "-c", CONTEXT,
        "--temp", "0", "-no-cnv", "--no-warmup", "--no-display-prompt", "-p", PROMPT,
    ]  # fmt: skip
    starts: dict[str, Callable[[], float]] = {
        TUNED: lambda: first_byte_s([*tuned, *ask]),
        USUAL: lambda: first_byte_s([*usual, *ask]),
        PEER: lambda: first_byte_s(peer),
    }
    prefills: dict[str, Callable[[], float]] = {
        TUNED: lambda: 1 / our_prefill(args, tuned),
        USUAL: lambda: 1 / our_prefill(args, usual),
        PEER: lambda: 1 / llama_bench(args),
    }
    for measure in starts.values():
        measure()  # The files are in the page cache from now on.
    print(f"{args.model.name}, {args.rounds} rounds: median (spread)")
    report("start to first token, s", starts, args.rounds, shown)
    report(
        f"prefill of {args.prompt} tokens, tokens/s",
        prefills,
        args.rounds,
        lambda times: shown([1 / time for time in times]),
    )


def report(
    what: str,
    sides: dict[str, Callable[[], float]],
    rounds: int,
    text: Callable[[list[float]], str],
) -> None:
    """Measure times of the sides in turn; print them, and how many times as fast tuned is."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            times[side].append(sides[side]())
    print(what)
    for side, taken in times.items():
        print(f"  {side}: {text(taken)}")
    for other in (PEER, USUAL):
        ratios = [one / ours for one, ours in zip(times[other], times[TUNED], strict=True)]
        print(f"  tuned / {other}: {shown(ratios)} times as fast")


def kept_in(folder: str) -> list[str]:
    """What goes before a command of this project that shall find in a folder what was tuned."""
    return ["env", f"{DATA_FOLDER}={folder}"]


def our_prefill(args: argparse.Namespace, prefix: list[str]) -> float:
    """Tokens per second, in a process of its own."""
    words = [
        sys.executable, "-m", "benchmarks.tune", args.model, "--child", "--prompt", args.prompt,
    ]  # fmt: skip
    done = subprocess.run([*prefix, *map(str, words)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def prefill_speed(model: Path, prompt: int) -> float:
    """Tokens per second, with the settings of `starling ask`."""
    from starling_local.machine.asked import Asked, Use
    from starling_local.machine.running import run_settings
    from starling_local.machine.speed.exercise import Exercise
    from starling_local.store.folders import tuned_folder

    running = run_settings(model, Asked(), Use.ASK, tuned_folder(os.environ))
    with running.open() as context:
        exercise = Exercise(context)
        exercise.read(prompt)
        exercise.cut(0)
        return prompt / exercise.read(prompt)


def llama_bench(args: argparse.Namespace) -> float:
    """The peer's tokens per second, with its defaults."""
    words = [args.llama_bench, "-m", args.model, "-p", args.prompt, "-n", 0, "-r", 1, "-o", "json"]
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, text=True)
    [found] = json.loads(done.stdout)
    return float(found["avg_ts"])


if __name__ == "__main__":
    main()
