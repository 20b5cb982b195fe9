"""Finding the fastest settings for a use of a model on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from starling_local.engine.context_params import usable_cores
from starling_local.engine.devices import processor_features
from starling_local.engine.gguf_header import GgufHeader
from starling_local.errors import BadFileError, DoesNotFitError, StarlingError
from starling_local.machine.asked import PREFERRED, Asked, Use
from starling_local.machine.fitting.fit import Machine, plan
from starling_local.machine.fitting.footprint import Footprint, footprint
from starling_local.machine.tuned import Tuned
from starling_local.machine.tuning.candidates import candidates, combined
from starling_local.machine.tuning.race import Outcome, Race, Sample
from starling_local.machine.tuning.trial import TrialFailed, Way, run_trial
from starling_local.machine.tuning.workload import WORKLOADS

USUAL = Tuned()
# A candidate may take so many times as long as the usual settings, besides `Tuner.patience_s`.
_PATIENCE = 4


@dataclass(frozen=True)
class Tried:
    """One measurement as it is told: of what, its cost in seconds or why it failed."""

    tuned: Tuned
    cost_s: float | None
    failure: str | None
    elapsed_s: float


@dataclass
class Tuner:
    """Tunes a model for a use; `on_tried` is told of each measurement, `on_begin` before it.

    What hangs is killed after `patience_s`, and some times what the usual settings take, or the
    rest of the budget.
    """

    path: Path
    header: GgufHeader
    machine: Machine
    use: Use
    budget_s: float
    environ: Mapping[str, str]
    lossy: bool
    on_begin: Callable[[Tuned, float], None]
    on_tried: Callable[[Tried], None]
    patience_s: float = 30.0
    failures: dict[Tuned, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = perf_counter()
        self._usual_s: float | None = None
        self._footprint: Footprint = footprint(self.header, processor_features())

    def run(self) -> Outcome[Tuned]:
        """Measure until the best is known, or the budget is used up.

        Raises KeyboardInterrupt, and what stops the usual settings from working: BadFileError,
        DoesNotFitError.
        """
        workload = WORKLOADS[self.use]
        race = Race(
            USUAL,
            self.different(),
            self._measure,
            workload.cost_s,
            combined,
            perf_counter,
            self.budget_s,
        )
        return race.run()

    def way(self, tuned: Tuned) -> Way:
        """How the model is run with such settings, without what does not fit or does nothing."""
        model = self._footprint
        asked = Asked(sequences=WORKLOADS[self.use].sequences)
        preferred = tuned.applied(PREFERRED[self.use])
        if not any(model.repacked_layer_bytes) and not model.repacked_output_bytes:
            preferred = replace(preferred, repack=False)
        found = plan(model, self.machine, asked, preferred)
        return Way(self.path, found.load, found.context)

    def different(self) -> list[Tuned]:
        """The candidates that the plan for this machine does not make equal to others."""
        found = candidates(
            PREFERRED[self.use],
            WORKLOADS[self.use],
            usable_cores(),
            _physical_cores(),
            lossy=self.lossy,
        )
        ways = {self.way(USUAL): USUAL}
        for tuned in found:
            ways.setdefault(self.way(tuned), tuned)
        return [tuned for tuned in ways.values() if tuned != USUAL]

    def _measure(self, tuned: Tuned, effort: float) -> Sample | None:
        started = perf_counter()
        self.on_begin(tuned, started - self._started)
        left_s = self.budget_s - (started - self._started)
        timeout_s = max(self.budget_s, self.patience_s)
        if self._usual_s is not None:
            timeout_s = self.patience_s + min(max(0.0, left_s), _PATIENCE * self._usual_s)
        try:
            sample = run_trial(
                self.way(tuned), WORKLOADS[self.use], effort, timeout_s, self.environ
            )
        except TrialFailed as failed:
            if tuned == USUAL and not failed.is_late:
                raise _error(failed) from None
            self.failures[tuned] = str(failed)
            self.on_tried(Tried(tuned, None, str(failed), perf_counter() - self._started))
            return None
        if tuned == USUAL:
            self._usual_s = perf_counter() - started
        cost_s = WORKLOADS[self.use].cost_s(sample)
        self.on_tried(Tried(tuned, cost_s, None, perf_counter() - self._started))
        return sample


def _error(failed: TrialFailed) -> StarlingError:
    """What to say if not even the usual settings work."""
    kind = DoesNotFitError if failed.status in (DoesNotFitError.exit_code, -9) else BadFileError
    return kind(f"the model does not run with the usual settings: {failed}")


def _physical_cores() -> int:
    import psutil

    return min(psutil.cpu_count(logical=False) or usable_cores(), usable_cores())
