"""Converting one checkpoint into quantised files: this project against llama.cpp's own two steps.

    python -m benchmarks.convert CHECKPOINT --llama-cpp DIR --python PY
        [--work DIR] [--types Q4_K_M,Q5_K_M,Q8_0] [--rounds 1] [--threads N]
        [--only ours|upstream] [--verify]

Ours is one `starling convert` for all types. Upstream is, for each type, convert_hf_to_gguf.py to
a bf16 file and then llama-quantize; a second figure counts that conversion once, as if all types
were made from one bf16 file. llama-quantize is a thin main() around `llama_model_quantize` of
libllama, and no wheel has it; so that same function is called in a child process of its own.

The sides take turns within each round, on a source that is in the page cache, and the files of
the first round are compared tensor by tensor.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from statistics import median

from benchmarks.measure import (
    CommandFailed,
    Cost,
    available_cores,
    measure,
    memory_bytes,
    module_versions,
    processor_name,
)

READ_BYTES = 8 * 2**20

# tools/quantize/quantize.cpp of llama.cpp, without its command line.
QUANTISE = """
import ctypes, sys
import llama_cpp
source, target, file_type, threads = sys.argv[1:]
llama_cpp.llama_backend_init()
params = llama_cpp.llama_model_quantize_default_params()
params.ftype = getattr(llama_cpp, "LLAMA_FTYPE_MOSTLY_" + file_type)
params.nthread = int(threads)
sys.exit(llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)))
"""

METRICS: tuple[tuple[str, Callable[[Cost], float]], ...] = (
    ("wall s", lambda cost: cost.wall_s),
    ("CPU s", lambda cost: cost.cpu_s),
    ("peak RSS MB", lambda cost: cost.peak_rss_bytes / 1e6),
    ("written GB", lambda cost: cost.written_bytes / 1e9),
)


@dataclass(frozen=True)
class Settings:
    """What to run; the options of the command line."""

    checkpoint: Path
    llama_cpp: Path
    python: str
    types: tuple[str, ...]
    rounds: int
    only: str | None
    verify: bool


@dataclass(frozen=True)
class Row:
    """One line of the table: a way to make all files, and what it cost."""

    name: str
    cost: Cost


def run_ours(settings: Settings, folder: Path, log: Path) -> list[Row]:
    """Make every type with one `starling convert`."""
    warm_page_cache(settings.checkpoint)
    command = [sys.executable, "-m", "starling_local", "convert", str(settings.checkpoint)]
    for file_type in settings.types:
        command += ["-q", file_type]
    command += ["-o", str(folder)] + ([] if settings.verify else ["--no-verify"])
    cost = measure(command, folder, log)
    note("starling convert", cost)
    return [Row("ours", cost)]


def run_upstream(settings: Settings, folder: Path, log: Path) -> list[Row]:
    """Make every type with llama.cpp's two steps, converting anew for each."""
    conversions: list[Cost] = []
    quantisations: list[Cost] = []
    script = str(settings.llama_cpp / "convert_hf_to_gguf.py")
    bf16 = folder / "bf16.gguf"
    for file_type in settings.types:
        warm_page_cache(settings.checkpoint)
        command = [settings.python, script, str(settings.checkpoint), "--outtype", "bf16"]
        conversions.append(measure([*command, "--outfile", str(bf16)], bf16, log))
        note("convert_hf_to_gguf", conversions[-1])
        target = folder / f"upstream-{file_type}.gguf"
        command = [sys.executable, "-c", QUANTISE, str(bf16), str(target), file_type]
        quantisations.append(measure([*command, str(available_cores())], target, log))
        note(f"llama-quantize {file_type}", quantisations[-1])
        bf16.unlink()
    rows = [Row("upstream, a bf16 file each", reduce(add, conversions + quantisations))]
    if len(settings.types) > 1:
        quickest = min(conversions, key=lambda cost: cost.wall_s)
        rows.append(Row("upstream, one bf16 file", reduce(add, quantisations, quickest)))
    return rows


def run_round(settings: Settings, work: Path, number: int) -> list[Row]:
    """Run both sides, and in round 1 compare their files; our row comes first.

    Round 1 starts with upstream, later ones alternate. Each side's files are gone before the other
    runs, except upstream's quantised ones in round 1.
    """
    rows: dict[str, list[Row]] = {"ours": [], "upstream": []}
    order = ("upstream", "ours") if number % 2 else ("ours", "upstream")
    comparing = number == 1 and settings.only is None
    for side in order:
        if settings.only in (None, side):
            folder = work / side
            folder.mkdir()
            os.sync()  # nobody writes back the other's dirty pages on his own time
            run = run_ours if side == "ours" else run_upstream
            rows[side] = run(settings, folder, work / "log.txt")
            if not comparing:
                shutil.rmtree(folder)
    if comparing:
        compare_files(settings, work)
        for side in order:
            shutil.rmtree(work / side)
    return rows["ours"] + rows["upstream"]


def compare_files(settings: Settings, work: Path) -> None:
    """Compare both sides' files of each type, in children: mapping them here would count later.

    Raises CommandFailed if a file is missing or any tensor differs.
    """
    for file_type in settings.types:
        found = list((work / "ours").glob(f"*-{file_type}.gguf"))
        if len(found) != 1:
            raise CommandFailed(f"starling convert made {len(found)} files *-{file_type}.gguf")
        theirs = work / "upstream" / f"upstream-{file_type}.gguf"
        print(f"{file_type}: ", end="", flush=True)
        command = [sys.executable, "-m", "benchmarks.compare", str(found[0]), str(theirs)]
        if subprocess.run(command, check=False).returncode != 0:
            raise CommandFailed(f"our {file_type} file is not upstream's")


def warm_page_cache(checkpoint: Path) -> None:
    """Read all weights once, so that neither side waits for the disk."""
    buffer = bytearray(READ_BYTES)
    for shard in weight_files(checkpoint):
        with shard.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def weight_files(checkpoint: Path) -> list[Path]:
    """The checkpoint's safetensors files."""
    return sorted(checkpoint.glob("*.safetensors"))


def note(step: str, cost: Cost) -> None:
    """Say on stderr what one step took."""
    print(f"  {step}: {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s", file=sys.stderr, flush=True)


def needed_bytes(settings: Settings) -> int:
    """Disk space for the files that exist at the same time, estimated from the names of the types.

    A type of N bits takes less than N + 1.5 bits per weight, scales and the larger types of
    single tensors included; the checkpoint takes 16.
    """
    source_bytes = sum(shard.stat().st_size for shard in weight_files(settings.checkpoint))
    bits = [int(re.findall(r"\d+", file_type)[0]) + 1.5 for file_type in settings.types]
    quantised_bytes = int(source_bytes * sum(bits) / 16)
    if settings.only == "ours":
        return quantised_bytes
    return quantised_bytes + max(source_bytes, 0 if settings.only else quantised_bytes)


def print_facts(settings: Settings) -> None:
    """Print what the figures depend on: machine, versions, source."""
    source_bytes = sum(shard.stat().st_size for shard in weight_files(settings.checkpoint))
    print(f"machine:    {processor_name()}, {available_cores()} cores used,", end=" ")
    print(f"{memory_bytes() / 1e9:.1f} GB memory, {platform.system()} {platform.release()}")
    print(f"ours:       {module_versions(sys.executable, ['starling_local', 'llama_cpp'])}")
    if settings.only != "ours":
        print(f"upstream:   {module_versions(settings.python, ['torch', 'transformers'])}")
    print(f"checkpoint: {source_bytes / 1e9:.2f} GB to {', '.join(settings.types)}", flush=True)
    if source_bytes > 0.8 * memory_bytes():
        print("warning: the checkpoint does not fit in the page cache", file=sys.stderr)


def print_table(rows: Sequence[Row]) -> None:
    """Print one round."""
    print(" " * 27 + "".join(f"{heading:>13}" for heading, _ in METRICS))
    for row in rows:
        print(f"{row.name:27}" + "".join(f"{value(row.cost):13.2f}" for _, value in METRICS))
    sys.stdout.flush()


def print_ratios(rounds: Sequence[Sequence[Row]]) -> None:
    """Print upstream / ours: the median over the rounds, and the spread where there are several."""
    for place, row in enumerate(rounds[0][1:], start=1):
        print(f"\n{row.name} / ours")
        for heading, value in METRICS:
            ratios = [value(rows[place].cost) / value(rows[0].cost) for rows in rounds]
            spread = f"  ({min(ratios):.2f}..{max(ratios):.2f})" if len(ratios) > 1 else ""
            print(f"  {heading.rsplit(' ', 1)[0]:10}{median(ratios):7.2f}{spread}")


def parse_arguments() -> tuple[Settings, Path]:
    """Read the command line: the settings, and the folder to work in. Holds us to `--threads`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.convert",
        description="Measure conversion against llama.cpp's convert_hf_to_gguf and llama-quantize.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path)
    parser.add_argument("--llama-cpp", metavar="DIR", type=Path, help="llama.cpp's source")
    parser.add_argument("--python", metavar="PY", help="interpreter that has torch, transformers")
    parser.add_argument("--work", metavar="DIR", type=Path, help="default: next to CHECKPOINT")
    parser.add_argument("--types", default="Q4_K_M", help="separated by commas")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", metavar="N", type=int, help="cores for both (Linux only)")
    parser.add_argument("--only", choices=["ours", "upstream"])
    parser.add_argument("--verify", action="store_true", help="let ours verify what it wrote")
    args = parser.parse_args()
    if args.only != "ours" and not (args.llama_cpp and args.python):
        parser.error("upstream needs --llama-cpp and --python")
    if not weight_files(args.checkpoint):
        parser.error(f"{args.checkpoint} has no *.safetensors")
    types = tuple(args.types.split(","))
    if not all(re.fullmatch(r"I?Q\d_[A-Z0-9_]+", file_type) for file_type in types):
        parser.error(f"--types {args.types}: not names of quantised types")
    work = args.work or args.checkpoint.resolve().parent
    if not work.is_dir():
        parser.error(f"--work {work}: no such folder")
    if args.threads is not None:
        limit_cores(parser, args.threads)
    settings = Settings(
        args.checkpoint, args.llama_cpp, args.python, types, args.rounds, args.only, args.verify
    )
    return settings, work


def limit_cores(parser: argparse.ArgumentParser, cores: int) -> None:
    """Hold this process and all its children to so many cores, whatever options they have."""
    if sys.platform != "linux":
        parser.error("--threads needs Linux")
    elif not 0 < cores <= available_cores():
        parser.error(f"--threads {cores}: there are {available_cores()} cores")
    else:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def main() -> int:
    """Run the benchmark; 1 if a step failed or the two sides' tensors differ."""
    settings, parent = parse_arguments()
    needed, free = needed_bytes(settings), shutil.disk_usage(parent).free
    if needed > free:
        message = f"error: needs {needed / 1e9:.1f} GB, {parent} has {free / 1e9:.1f} GB free"
        print(message, file=sys.stderr)
        return 1
    rounds: list[list[Row]] = []
    try:
        print_facts(settings)
        with tempfile.TemporaryDirectory(prefix="convert-benchmark-", dir=parent) as work:
            for number in range(1, settings.rounds + 1):
                print(f"\nround {number} of {settings.rounds}", flush=True)
                rounds.append(run_round(settings, Path(work), number))
                print_table(rounds[-1])
    except CommandFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if settings.only is None:
        print_ratios(rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
