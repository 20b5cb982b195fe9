"""How fast many requests are answered together, against one at a time and against llama-server.

    python -m benchmarks.batch MODEL.gguf --llama-server PATH/llama-server

The sides take turns, each in a process of its own: `starling batch`'s engine with as many sequences
as there are slots, the same with one, and llama-server with its slots, to which all requests are
sent at once. They get the same requests: prompts that have nothing in common, and answers of a
fixed length, for the end of turn is banned. What is measured is the time from a model that is
loaded and warm to the end of the last answer, the reading of the prompts included. The ratios are
taken per round, above 1 where `starling batch` is faster.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.decode import shown

URL = "/v1/chat/completions"
TEXT = "The quick brown fox jumps over the lazy dog, and 17 other animals watch it from the hill. "
START_S = 600


def main() -> None:
    """Print medians, spreads and ratios; or, as a child, our own speed."""
    args = arguments()
    if args.child is not None:
        print(ours(args))
        return
    sides: dict[str, Callable[[argparse.Namespace, Path], float]] = {
        "together": lambda args, path: ours_in_a_child(args, path, args.parallel),
        "one at a time": lambda args, path: ours_in_a_child(args, path, 1),
    }
    if args.llama_server is not None:
        sides["llama-server"] = llama_server
    names = list(sides)
    speeds: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in requests(args)))
        for number in range(args.rounds):
            start = number % len(names)
            for name in names[start:] + names[:start]:
                speeds[name].append(sides[name](args, path))
    print(
        f"{args.model.name}, {args.requests} requests of about {args.prompt} tokens, "
        f"{args.tokens} tokens each, {args.parallel} at once, {args.threads} threads, repacking "
        f"{'on' if args.repack else 'off'}, {args.rounds} rounds: median (spread)"
    )
    for name, found in speeds.items():
        print(f"{name}: {shown(found, 1)} tokens/s")
    for name in names[1:]:
        pairs = zip(speeds["together"], speeds[name], strict=True)
        print(f"  together to {name}: ratio {shown([one / two for one, two in pairs], 3)}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch",
        description="Measure many requests together against one at a time and llama-server.",
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--llama-server", type=Path)
    parser.add_argument("-np", "--parallel", type=int, default=16, help="requests at once")
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--prompt", type=int, default=64, help="tokens to read, about")
    parser.add_argument("--tokens", type=int, default=64, help="tokens to write")
    parser.add_argument("--ctx", type=int, default=8192, help="tokens of all requests together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repack", type=int, choices=(0, 1), default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def requests(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The lines of a batch."""
    from starling_local.engine.model import Model

    with Model(args.model) as model:
        vocabulary = model.vocabulary
        # The answer must not end by itself; 2 is the end of a text in Mistral's vocabulary.
        banned = {str(token): -100 for token in (vocabulary.end_of_turn, 2)}
        length = len(TEXT.split()) * args.prompt // len(vocabulary.tokenise(TEXT))
    for number in range(args.requests):
        words = " ".join(islice(cycle(TEXT.split()), length))
        body = {
            "messages": [{"role": "user", "content": f"{number} {words}"}],
            "max_tokens": args.tokens, "temperature": 0, "logit_bias": banned,
        }  # fmt: skip
        yield {"custom_id": str(number), "method": "POST", "url": URL, "body": body}


def ours_in_a_child(args: argparse.Namespace, path: Path, parallel: int) -> float:
    """Our speed, measured in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.batch", args.model, "--child", path]
    for name in ("requests", "tokens", "ctx", "threads", "repack"):
        words += [f"--{name}", getattr(args, name)]
    words += ["--parallel", parallel]
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def ours(args: argparse.Namespace) -> float:
    """Our speed in tokens per second, after a warm-up as llama-server has one."""
    from starling_local.engine.opening import opened
    from starling_local.scripting.batch import Batch
    from starling_local.scripting.batch_input import BatchInput
    from starling_local.scripting.batch_output import open_output
    from starling_local.settings import ContextSettings, LoadSettings

    settings = ContextSettings(args.ctx, sequences=args.parallel, threads=args.threads)
    load = LoadSettings(repack=bool(args.repack))
    with (
        opened(args.model, load, settings) as context,
        open_output(f"{args.child}.answers-{args.parallel}", print) as output,
    ):
        context.prefill([context.model.vocabulary.bos])
        context.keep(0)
        batch = Batch(BatchInput(str(args.child), sys.stdin), output, args.model.stem)
        batch.run(lambda: nullcontext(context))
        Path(f"{args.child}.answers-{args.parallel}").unlink()
    check(batch.progress.generated_tokens, args)
    return batch.progress.tokens_per_second


def llama_server(args: argparse.Namespace, path: Path) -> float:
    """The peer's speed in tokens per second; all requests are sent at once."""
    bodies = [json.dumps(json.loads(line)["body"]) for line in path.read_text().splitlines()]
    with served(args) as address, ThreadPoolExecutor(len(bodies)) as pool:
        started = time.perf_counter()
        answers = list(pool.map(lambda body: post(address + URL, body), bodies))
        elapsed_s = time.perf_counter() - started
    made = sum(answer["usage"]["completion_tokens"] for answer in answers)
    check(made, args)
    return float(made / elapsed_s)


@contextmanager
def served(args: argparse.Namespace) -> Iterator[str]:
    """The address of a llama-server that is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        args.llama_server, "-m", args.model, "-np", args.parallel, "-c", args.ctx,
        "-t", args.threads, "-tb", args.threads, "-ngl", 0, "--cache-ram", 0,
        "--repack" if args.repack else "--no-repack", "--host", "127.0.0.1", "--port", port,
    ]  # fmt: skip
    process = subprocess.Popen(
        [*map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until_ready(process, address)
        yield address
    finally:
        process.terminate()
        process.wait()


def until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the server has loaded the model. Raises RuntimeError if it does not."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError("llama-server does not get ready")


def post(url: str, body: str) -> Any:
    """The answer to a request."""
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)) as answer:
        return json.load(answer)


def check(made: int, args: argparse.Namespace) -> None:
    """Raise RuntimeError if the answers were not as long as they should be."""
    if made != args.requests * args.tokens:
        raise RuntimeError(f"{made} tokens instead of {args.requests * args.tokens}")


if __name__ == "__main__":
    main()
