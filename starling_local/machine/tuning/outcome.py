"""The result of tuning for a use, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from starling_local.machine.asked import Use
from starling_local.machine.description import machine_description
from starling_local.machine.speed.bench_report import model_description
from starling_local.machine.tuned import Tuned
from starling_local.machine.tuned_store import TunedStore
from starling_local.machine.tuning.race import Outcome, Verdict
from starling_local.machine.tuning.tune import USUAL, Tuner
from starling_local.machine.tuning.workload import WORKLOADS


@dataclass(frozen=True)
class Result:
    """What was measured of one candidate last: the cost of each time, in seconds.

    `effort` is the part of a round that was really done.
    """

    tuned: Tuned
    effort: float
    costs_s: tuple[float, ...]
    failure: str | None


@dataclass(frozen=True)
class Tuning:
    """What was found for a use; `path` is where it is kept, None if nothing is sure."""

    use: Use
    outcome: Outcome[Tuned]
    results: tuple[Result, ...]
    path: Path | None


def tune(tuner: Tuner, store: TunedStore) -> Tuning:
    """Tune for a use and keep the winner, even if it is the usual settings.

    If the time was too short what was kept before stays. Raises what `Tuner.run` raises, when
    nothing is kept, and ConversionError if it cannot be.
    """
    outcome = tuner.run()
    found = results(tuner.use, outcome, tuner.failures)
    if outcome.verdict is Verdict.NO_TIME:
        return Tuning(tuner.use, outcome, found, None)
    machine = machine_description(tuner.machine.devices)
    model = model_description(tuner.header, tuner.path)
    medians = {one.tuned: round(median(one.costs_s), 3) for one in found if one.costs_s}
    measured: dict[str, Any] = {
        "gain": round(outcome.gain, 3),
        "work": WORKLOADS[tuner.use].name,
        "usual_s": medians.get(USUAL),
        "tuned_s": medians.get(outcome.winner),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": model.name,
        "file": tuner.path.name,
    }
    path = store.keep(tuner.use, tuner.header, machine, outcome.winner, measured)
    return Tuning(tuner.use, outcome, found, path)


def results(use: Use, outcome: Outcome[Tuned], failures: Mapping[Tuned, str]) -> tuple[Result, ...]:
    """Of each candidate what was measured last, with the same effort; the fastest first."""
    workload = WORKLOADS[use]
    found = []
    for tuned in dict.fromkeys(trial.candidate for trial in outcome.trials):
        trials = [trial for trial in outcome.trials if trial.candidate == tuned]
        last = trials[-1]
        samples = [
            trial.sample
            for trial in trials
            if trial.effort == last.effort and trial.is_final == last.is_final and trial.sample
        ]
        costs_s = tuple(map(workload.cost_s, samples))
        found.append(Result(tuned, last.effort, costs_s, failures.get(tuned)))
    return tuple(sorted(found, key=_rank))


def _rank(result: Result) -> tuple[bool, float]:
    return (not result.costs_s, median(result.costs_s or [0.0]))
