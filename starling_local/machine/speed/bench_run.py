"""A whole run of `starling bench`: the start, then the tests, with what is found kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starling_local.engine.context_params import usable_cores
from starling_local.engine.devices import devices, processor_features
from starling_local.engine.gguf_header import read_header
from starling_local.engine.model import Model
from starling_local.machine.asked import Asked, Use
from starling_local.machine.description import machine_description
from starling_local.machine.fitting.footprint import footprint
from starling_local.machine.running import Running, run_settings
from starling_local.machine.speed.bench import BenchProgress, measure
from starling_local.machine.speed.bench_report import BenchReport, BenchSettings, model_description
from starling_local.machine.speed.bench_tests import (
    Measured,
    SpeedTest,
    check_length,
    default_depths,
    speed_tests,
)
from starling_local.machine.speed.peak_memory import peak_rss_bytes
from starling_local.machine.speed.startup import first_byte_s

LONGEST = 2**20  # tokens, of a model that does not say for how many it was trained


@dataclass(frozen=True)
class BenchPlan:
    """What to measure, all sizes in tokens; `depths` None means the usual ones.

    `asked` says how the model is run; its length and sequences follow from the tests. `both` has
    pairs of tokens to read and then to write. `startup` is the command line whose start is
    measured; None for none.
    """

    path: Path
    asked: Asked
    prompts: tuple[int, ...]
    generates: tuple[int, ...]
    both: tuple[tuple[int, int], ...]
    depths: tuple[int, ...] | None
    parallels: tuple[int, ...]
    batches: tuple[int, ...]
    repeats: int
    startup: Sequence[str] | None


class BenchRun:
    """Measures a plan; after an interruption `report` has what was finished.

    Raises what `read_header` and `run_settings` raise, and UsageError for sizes that cannot be.
    Settings are the usual and those asked for: not tuned, so that figures compare.
    """

    def __init__(
        self,
        plan: BenchPlan,
        environ: Mapping[str, str],
        on_progress: Callable[[BenchProgress], None],
        note: Callable[[str], None],
    ) -> None:
        self._plan, self._environ = plan, environ
        self._on_progress, self._note = on_progress, note
        self._tests = _tests(plan)
        length = max(test.parallel * test.length for test in self._tests)
        asked = replace(
            plan.asked, context=length, sequences=max(plan.parallels), batch=max(plan.batches)
        )
        self._running: Running = run_settings(plan.path, asked, Use.ASK)
        self._startup_s: list[float] = []
        self._measured: list[Measured] = []
        self._peak_rss_bytes: int | None = None
        self._is_whole = False

    def run(self) -> None:
        """Measure all. Raises what `Model` and `Context` raise, UsageError, KeyboardInterrupt."""
        plan, running = self._plan, self._running
        for text in running.notes:
            self._note(text)
        # Before the model is here, too: the other process needs the memory.
        self._measure_startup()
        self._on_progress(BenchProgress("loading the model", 0.0, None))
        with Model(running.path, running.load, running.header) as model:
            for text in model.notes:
                self._note(text)
            settings = running.context
            for measured in measure(model, settings, self._tests, plan.repeats, self._on_progress):
                self._measured.append(measured)
                self._peak_rss_bytes = peak_rss_bytes()
        self._is_whole = True

    @property
    def has_anything(self) -> bool:
        """Whether anything is finished."""
        return bool(self._startup_s or self._measured)

    def report(self) -> BenchReport:
        """What is finished."""
        running = self._running
        settings = BenchSettings(
            threads=running.context.threads or usable_cores(),
            repack=bool(running.load.repack),
            kv_type=running.context.kv_type.value,
            flash_attention=running.context.flash_attention,
            gpu_layers=running.load.gpu_layers or 0,
            repeats=self._plan.repeats,
        )
        return BenchReport(
            model_description(running.header, running.path),
            machine_description(devices()),
            settings,
            tuple(self._measured),
            tuple(self._startup_s),
            self._peak_rss_bytes,
            self._kv_bytes,
            self._is_whole,
        )

    @property
    def _kv_bytes(self) -> int:
        header, context = self._running.header, self._running.context
        model = footprint(header, processor_features())
        return len(model.layer_bytes) * model.kv_layer_bytes(context.context, context.kv_type)

    def _measure_startup(self) -> None:
        command = self._plan.startup
        for number in range(self._plan.repeats if command else 0):
            doing = f"start of starling ask, {number + 1} of {self._plan.repeats}"
            self._on_progress(BenchProgress(doing, 0.0, None))
            self._startup_s.append(first_byte_s(command or (), self._environ))


def _tests(plan: BenchPlan) -> Sequence[SpeedTest]:
    trained = read_header(plan.path).metadata.get("llama.context_length")
    longest = max((*plan.prompts, *plan.generates, *map(sum, plan.both)), default=0)
    limit = trained if isinstance(trained, int) else LONGEST
    depths = plan.depths or default_depths(longest, limit)
    tests = speed_tests(
        plan.prompts, plan.generates, plan.both, depths, plan.parallels, plan.batches
    )
    check_length(tests, limit)
    return tests
