"""The engine on a graphics card: built, checked against the CPU, measured against llama-bench.

    python -m benchmarks.gpu trim SDIST.tar.gz SOURCES.tar.xz
    python -m benchmarks.gpu build SOURCES.tar.xz FOLDER
    python -m benchmarks.gpu run MODEL.gguf --build FOLDER

`trim` makes the sdist of llama-cpp-python small enough to be carried to a machine without a
network. `build` compiles it with CUDA for one architecture, and llama-bench beside it. `run`
compares greedy answers of a small model with those of the CPU, token for token; then, with none,
half and all layers on the card, it measures reading and writing against llama-bench on the same
libraries, and the memory that is taken against what the planner expects. gpu.md says more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.decode import Work, measured, report
from benchmarks.gpu_build import Place, build, trim
from benchmarks.measure import available_cores, processor_name

# Where two likeliest tokens are closer than this, another order of sums may change their order.
CLOSE = 0.5
ALL = 10_000
# In tokens, for the measurement of memory: what a chat has.
CONTEXT = 4096


@dataclass(frozen=True)
class Difference:
    """Where two greedy answers part; `margin` is by how much a side preferred its own token."""

    question: int
    token: int
    margin: float


def main() -> int:
    """Trim, build or run; returns 1 if answers differ by more than rounding explains."""
    args = parsed_arguments()
    if args.command == "trim":
        print(f"{args.sources}: {trim(args.sdist, args.sources) / 1e6:.1f} MB")
        return 0
    if args.command == "build":
        place = Place(args.folder.resolve())
        build(
            args.sources, place, args.architecture, args.jobs,
            offline=args.offline, cuda=not args.cpu,
        )  # fmt: skip
        return 0
    return run(args)


def parsed_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Build for, and measure on, a graphics card."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("trim", help="leave out what no build for CUDA reads")
    one.add_argument("sdist", type=Path)
    one.add_argument("sources", type=Path)
    one = commands.add_parser("build", help="compile the package and llama-bench")
    one.add_argument("sources", type=Path)
    one.add_argument("folder", type=Path)
    one.add_argument("--architecture", default="native", help="such as 90; the card's if not given")
    one.add_argument("--jobs", type=int, default=available_cores())
    one.add_argument("--offline", action="store_true", help="use the build tools installed here")
    one.add_argument("--cpu", action="store_true", help="without CUDA, to try the rest")
    one = commands.add_parser("run", help="check and measure")
    one.add_argument("model", metavar="MODEL.gguf", type=Path)
    one.add_argument("--build", dest="folder", type=Path, help="what `build` made")
    one.add_argument("--no-build", action="store_true", help="the installed package instead")
    one.add_argument("--llama-bench", type=Path, help="with --no-build: the peer's program")
    one.add_argument("--small", metavar="SMALL.gguf", type=Path, help="[default: nano]")
    one.add_argument("--layers", metavar="N,N,…", help="[default: 0, half and all]")
    one.add_argument("--prompt", type=int, default=512)
    one.add_argument("--tokens", type=int, default=128)
    one.add_argument("--threads", type=int, default=available_cores())
    one.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if args.command == "run" and bool(args.folder) == args.no_build:
        parser.error("either --build FOLDER or --no-build is wanted")
    return args


def run(args: argparse.Namespace) -> int:
    """Check and measure."""
    environ: Mapping[str, str] = os.environ
    llama_bench = args.llama_bench
    if args.folder:
        place = Place(args.folder.resolve())
        environ, llama_bench = place.environ(os.environ), place.llama_bench
    machine = child(environ, "machine")
    print("\n".join(described(machine)))
    small = args.small or built_in()
    agrees = compare_answers(small, machine, environ, args.threads)
    for layers in numbers_of_layers(args.layers, args.model, machine, environ):
        print(f"{args.model.name}, {layers} layers on the card, {args.rounds} rounds")
        if machine["cards"]:
            print(memory_line(child(environ, "memory", args.model, layers, CONTEXT)))
        if llama_bench is None:
            print("  no llama-bench to measure against")
            continue
        work = Work(
            args.model, llama_bench, args.prompt, args.tokens, args.threads, gpu_layers=layers
        )
        for line in report(measured(work, args.rounds, environ)):
            print(f"  {line}", flush=True)
    return 0 if agrees else 1


def child(environ: Mapping[str, str], *words: object) -> Any:
    """What `gpu_child` prints. Raises SystemExit with its last words if it fails."""
    command = [sys.executable, "-m", "benchmarks.gpu_child", *map(str, words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}"
        )
    return json.loads(done.stdout)


def described(machine: Mapping[str, Any]) -> Iterator[str]:
    """The machine and the build."""
    yield f"{processor_name()}, {available_cores()} cores"
    yield f"{machine['build']}, back ends {', '.join(machine['back_ends'])}"
    for card in machine["cards"]:
        compiled = machine["architectures"] or "unknown architectures"
        size = f"{card['total_bytes'] / 1e9:.1f} GB"
        yield f"{card['name']}: {card['description']}, {size}, compiled for {compiled}"
    if not machine["cards"]:
        yield "llama.cpp finds no graphics card here: only what needs none is measured"


def built_in() -> Path:
    """The built-in model."""
    from starling_local.store.nano import nano_model

    return nano_model(os.environ, print)


def compare_answers(
    small: Path, machine: Mapping[str, Any], environ: Mapping[str, str], threads: int
) -> bool:
    """Whether greedy answers from the card are the CPU's, or part only where rounding may decide.

    Without a card the CPU is compared with itself.
    """
    # Without layers on the card, long prompts would still be read by it, if it were visible.
    hidden = {**environ, "CUDA_VISIBLE_DEVICES": "-1"}
    on_cpu = child(hidden, "answers", small, 0, threads)["answers"]
    layers = ALL if machine["cards"] else 0
    on_card = child(environ, "answers", small, layers, threads)["answers"]
    found = differences(on_cpu, on_card)
    print(f"{small.name}: {len(on_cpu) - len(found)} of {len(on_cpu)} greedy answers are the same")
    for one in found:
        print(
            f"  answer {one.question + 1} differs from token {one.token + 1} on, where the two "
            f"likeliest are {one.margin:.3f} apart (logits)"
        )
    return all(one.margin < CLOSE for one in found)


def differences(
    on_cpu: Sequence[Mapping[str, Any]], on_card: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    """Where the answers part, of those that do."""
    found = []
    for question, (one, two) in enumerate(zip(on_cpu, on_card, strict=True)):
        if one["tokens"] == two["tokens"]:
            continue
        pairs = list(zip(one["tokens"], two["tokens"], strict=False))
        token = next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), len(pairs))
        # The end of a turn is not among the tokens: there the side that went on knows the margin.
        margins = one["margins"] if token < len(one["margins"]) else two["margins"]
        found.append(Difference(question, token, margins[token]))
    return found


def numbers_of_layers(
    told: str | None, model: Path, machine: Mapping[str, Any], environ: Mapping[str, str]
) -> list[int]:
    """How many layers are offloaded, one run after the other."""
    if told:
        return [int(word) for word in told.split(",")]
    if not machine["cards"]:
        return [0]
    layers = int(child(environ, "layers", model)["layers"])
    return [0, layers // 2, layers]


def memory_line(found: Mapping[str, Any]) -> str:
    """Memory of the cards as measured and as estimated, and what the automatic fit would do."""
    pairs = zip(found["measured_bytes"], found["estimated_bytes"], strict=True)
    sizes = ", ".join(
        f"{measured / 1e6:,.0f} MB measured, {estimated / 1e6:,.0f} MB estimated"
        + (f" ({estimated / measured:.3f} of it)" if measured > 0 else "")
        for measured, estimated in pairs
    )
    fit = f"automatic fit: {found['layers_of_automatic_fit']} of {found['layers']} layers"
    return f"  memory of the card: {sizes}; {fit}"


if __name__ == "__main__":
    sys.exit(main())
