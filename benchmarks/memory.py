"""How much memory `starling ask` takes, against what is planned for it.

    python -m benchmarks.memory MODEL.gguf

Each row is a process of its own, on the CPU: it reads a prompt longer than a batch, so that the
buffers are filled, and its peak resident set is compared with the estimate. Pages of the model's
file count in both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import measure

MIB = 2**20


@dataclass(frozen=True)
class Row:
    """One way of running the model, in bytes."""

    context: int
    kv_type: str
    repack: bool
    estimate: int
    measured: int

    @property
    def ratio(self) -> float:
        """Estimate by measurement."""
        return self.estimate / self.measured


def main() -> None:
    """Print estimate, measurement and their ratio for each way."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description="Compare planned with measured memory."
    )
    parser.add_argument("model", metavar="MODEL.gguf", type=Path)
    parser.add_argument("--ctx", type=int, nargs="+", default=[2048, 4096, 8192])
    parser.add_argument("--kv-type", nargs="+", choices=("f16", "q8_0"), default=["f16", "q8_0"])
    parser.add_argument("--repack", type=int, nargs="+", choices=(0, 1), default=[0, 1])
    parser.add_argument("--json", action="store_true", help="print a JSON object for each row")
    args = parser.parse_args()
    if not args.json:
        print(f"{args.model.name}\n| context | KV | repacked | estimate | measured | ratio |")
        print("|---|---|---|---|---|---|")
    for repack in args.repack:
        for context in args.ctx:
            for kv_type in args.kv_type:
                row = measured(args.model, context, kv_type, repack=bool(repack))
                print(json.dumps(vars(row)) if args.json else shown(row), flush=True)


def shown(row: Row) -> str:
    """A row of the table."""
    sizes = f"{row.estimate / MIB:,.0f} MiB | {row.measured / MIB:,.0f} MiB"
    repacked = "yes" if row.repack else "no"
    return f"| {row.context} | {row.kv_type} | {repacked} | {sizes} | {row.ratio:.3f} |"


def measured(model: Path, context: int, kv_type: str, *, repack: bool) -> Row:
    """Run the command, and ask `starling fit` for the estimate, in processes of their own."""
    options = ["--ctx", str(context), "--kv-type", kv_type, "--gpu-layers", "0"]
    options.append("--repack" if repack else "--no-repack")
    starling = [sys.executable, "-m", "starling_local"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prompt = place / "prompt.txt"
        prompt.write_text("one two three four five six seven eight nine ten " * 55, "utf-8")
        ask = [*starling, "ask", "-m", str(model), *options, "--max-tokens", "4", "--file"]
        cost = measure([*ask, str(prompt)], place, place / "log.txt")
        fit = [*starling, "fit", str(model), "--for", "ask", *options, "--json"]
        measure(fit, place, place / "fit.json")
        found = json.loads((place / "fit.json").read_text("utf-8").splitlines()[-1])
    return Row(context, kv_type, repack, found["memory"]["total_bytes"], cost.peak_rss_bytes)


if __name__ == "__main__":
    main()
