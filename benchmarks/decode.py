"""How fast the engine reads and writes, against llama-bench on the same file and threads.

    python -m benchmarks.decode MODEL.gguf --llama-bench PATH/llama-bench

The sides take turns, each in a process of its own. llama-bench decodes random tokens and chooses
none; ours is `generate` as the chat uses it: sampling, text and stop checks included. The ratio is
taken per round, above 1 where ours is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
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


@dataclass(frozen=True)
class Work:
    """What both sides do; `gpu_layers` are on graphics cards, the output counted as one."""

    model: Path
    llama_bench: Path
    prompt: int
    tokens: int
    threads: int
    repack: int = 0
    gpu_layers: int = 0
    repeats: int = 1


def main() -> None:
    """Print medians, spreads and ratios; or, as a child, one side's speed as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decode", description="Measure the engine against llama-bench."
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--llama-bench", type=Path, default=Path())
    parser.add_argument("--prompt", type=int, default=512, help="tokens to read")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to write")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repack", type=int, choices=(0, 1), default=0)
    parser.add_argument("--gpu-layers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1, help="of each test within a round")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    work = Work(**{field.name: getattr(args, field.name) for field in fields(Work)})
    if args.child:
        print(json.dumps(asdict(ours(work))))
        return
    if args.llama_bench == Path():
        parser.error("--llama-bench is needed: the path of the peer's program")
    rounds = measured(work, args.rounds, os.environ)
    print(
        f"{args.model.name}, {args.threads} threads, repacking {'on' if args.repack else 'off'}, "
        f"{args.rounds} rounds: median (spread)"
    )
    print("\n".join(report(rounds)))


def measured(work: Work, rounds: int, environ: Mapping[str, str]) -> list[tuple[Speed, Speed]]:
    """Our speed and the peer's of each round; who begins changes from round to round."""
    found = []
    for number in range(rounds):
        sides = [ours_in_a_child, llama_bench]
        order = sides if number % 2 else reversed(sides)
        speeds = {side: side(work, environ) for side in order}
        found.append((speeds[ours_in_a_child], speeds[llama_bench]))
    return found


def report(rounds: Sequence[tuple[Speed, Speed]]) -> Iterator[str]:
    """Medians, spreads and ratios as lines."""
    for what in ("prefill", "decode"):
        our = [getattr(side, what) for side, _ in rounds]
        peer = [getattr(side, what) for _, side in rounds]
        yield f"{what}: ours {shown(our, 1)} tokens/s, llama-bench {shown(peer, 1)} tokens/s"
        yield f"  ratio {shown([one / two for one, two in zip(our, peer, strict=True)], 3)}"


def shown(values: list[float], digits: int) -> str:
    """Median and spread."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ours_in_a_child(work: Work, environ: Mapping[str, str]) -> Speed:
    """Our speed, measured in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.decode", str(work.model), "--child"]
    for name in ("prompt", "tokens", "threads", "repack", "gpu_layers", "repeats"):
        words += [f"--{name.replace('_', '-')}", str(getattr(work, name))]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environ)
    return Speed(**json.loads(done.stdout))


def ours(work: Work) -> Speed:
    """Our speed, after a warm-up as llama-bench has one."""
    from starling_local.engine.context import Context
    from starling_local.engine.generation import LastChunk, generate
    from starling_local.engine.model import Model
    from starling_local.settings import ContextSettings, Limits, LoadSettings, Sampling

    load = LoadSettings(repack=bool(work.repack), gpu_layers=work.gpu_layers)
    settings = ContextSettings(context=work.prompt + work.tokens + 1, threads=work.threads)
    with (
        Model(work.model, load) as model,
        Context(model, settings) as context,
    ):
        vocabulary = model.vocabulary
        # The answer must not end by itself.
        sampling = Sampling(logit_bias={vocabulary.end_of_turn: NEVER, 2: NEVER})

        def answer(text: str, length: int, tokens: int) -> LastChunk:
            ids = [vocabulary.bos, *islice(cycle(vocabulary.tokenise(text)), length - 1)]
            # Otherwise the first token would be there already, and the others an odd number.
            context.keep(0)
            *_, last = generate(context, ids, sampling, Limits(max_tokens=tokens))
            assert isinstance(last, LastChunk)
            return last

        answer(ANOTHER, work.prompt, 2)
        # Texts that take turns, so that nothing is in the cache already.
        texts = list(islice(cycle((TEXT, ANOTHER)), work.repeats))
        read = [answer(text, work.prompt, 1).statistics for text in texts]
        # Short, so that the cache is as empty as llama-bench's is.
        written = [answer(text, 2, work.tokens + 1).statistics for text in texts]
        return Speed(
            statistics.fmean(one.prefilled_tokens / one.prefill_s for one in read),
            statistics.fmean((one.generated_tokens - 1) / one.generate_s for one in written),
        )


def llama_bench(work: Work, environ: Mapping[str, str]) -> Speed:
    """The peer's speed."""
    words = [
        work.llama_bench, "-m", work.model, "-p", work.prompt, "-n", work.tokens,
        "-t", work.threads, "--repack", work.repack, "-ngl", work.gpu_layers,
        "-r", work.repeats, "-o", "json",
    ]  # fmt: skip
    done = subprocess.run(
        [*map(str, words)], check=True, capture_output=True, text=True, env=environ
    )
    return parsed(done.stdout)


def parsed(output: str) -> Speed:
    """Speeds by the JSON of llama-bench, which has an entry for each test."""
    found = {entry["n_gen"] > 0: float(entry["avg_ts"]) for entry in json.loads(output)}
    return Speed(found[False], found[True])


if __name__ == "__main__":
    main()
