"""Where a conversion's processor time goes, stage by stage.

    python -m benchmarks.stages DIR [--types Q4_K_M,Q5_K_M,Q8_0] [--work FOLDER] [--write]

Converts the checkpoint DIR in this process and measures the processor time of each stage in the
threads that do it: other programs on the machine make the conversion slower, but these figures
hardly larger. The kernels are compiled before. Files go into a temporary folder under `--work`, by
default next to the checkpoint, and are removed. `--write` puts the table into benchmarks/README.md.
"""

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import publish
from starling_convert import conversion, outputs, pipeline, quantisers
from starling_convert.checkpoint import Checkpoint
from starling_convert.plan import plan_conversion
from starling_convert.recipe import TensorType, parse_file_type

_REST = "the rest: queues, start, headers"


class Stages:
    """Processor seconds by stage, added up over all threads."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, whose time goes to `stage`."""

        def run(*args: Any, **named: Any) -> Any:
            started = time.thread_time()
            try:
                return function(*args, **named)
            finally:
                with self._lock:
                    self.seconds[stage] += time.thread_time() - started

        return run

    def watch(self) -> None:
        """Put clocks around the stages of every conversion in this process."""
        pipeline._read_exactly = self.timed("read", pipeline._read_exactly)
        reader = pipeline._Run.read_and_submit
        pipeline._Run.read_and_submit = self.timed("reader", reader)  # type: ignore[method-assign]
        widen = pipeline._Run._floats
        pipeline._Run._floats = self.timed("widen", widen)  # type: ignore[method-assign]
        write = outputs.PartFile.write_at
        outputs.PartFile.write_at = self.timed("write", write)  # type: ignore[method-assign]
        convert = pipeline.convert_tensors

        def with_clock(
            checkpoint: Checkpoint, *args: Any, quantise: quantisers.Quantiser, **named: Any
        ) -> dict[str, str]:
            def clocked(
                kind: TensorType,
                weights: NDArray[np.float32],
                out: NDArray[np.uint8],
                importance: NDArray[np.float32] | None,
            ) -> bool:
                run = self.timed(f"quantise to {kind.name}", quantise)
                return bool(run(kind, weights, out, importance))

            return convert(checkpoint, *args, quantise=clocked, **named)

        setattr(conversion, "convert_tensors", with_clock)  # noqa: B010 - it imported the name


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages")
    parser.add_argument("checkpoint", metavar="DIR", type=Path)
    parser.add_argument("--types", default="Q4_K_M,Q5_K_M,Q8_0")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    args = parser.parse_args()
    types = [parse_file_type(name) for name in args.types.split(",")]
    stages = Stages()
    with tempfile.TemporaryDirectory(dir=args.work or args.checkpoint.resolve().parent) as folder:
        plan = plan_conversion(args.checkpoint, types, Path(folder))
        settings = conversion.ConversionSettings(verify=False, kernels=quantisers.Kernels.VECTOR)
        layouts = [file.layout for file in plan.files]
        wanted = quantisers.worthwhile_variants(settings.kernels, layouts)
        quantisers.load_vector(settings.kernels, wanted)
        stages.watch()
        started, processor_started = time.perf_counter(), time.process_time()
        conversion.run_conversion(plan, settings)
        wall_s = time.perf_counter() - started
        processor_s = time.process_time() - processor_started
    source_gb = sum(shard.path.stat().st_size for shard in plan.checkpoint.shards) / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    print(f"{source_gb:.2f} GB in {wall_s:.1f} s, peak RSS {peak_mb:.0f} MB", file=sys.stderr)
    command = f"python -m benchmarks.stages CHECKPOINT --types {args.types}"
    lines = table(stages.seconds, processor_s, source_gb)
    publish(f"stages {args.types}", lines, command, write=args.write)


def table(seconds: dict[str, float], processor_s: float, source_gb: float) -> list[str]:
    """Stages in order of their time; `processor_s` is that of the whole process."""
    stages = dict(seconds)
    stages["hash the source (sha256)"] = stages.pop("reader") - stages["read"]
    stages[_REST] = processor_s - sum(stages.values())
    lines = ["| stage | processor seconds per GB read | share |", "|---|---|---|"]
    for stage, stage_s in sorted(stages.items(), key=lambda item: -item[1]):
        lines.append(f"| {stage} | {stage_s / source_gb:.2f} | {stage_s / processor_s:.0%} |")
    return [*lines, f"| all | {processor_s / source_gb:.2f} | 100% |"]


if __name__ == "__main__":
    main()
