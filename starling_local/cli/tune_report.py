"""What tuning has found, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Any

from starling_local.cli.bench_report import WIDE
from starling_local.machine.tuned import tuned_as_json
from starling_local.machine.tuning.race import Verdict
from starling_local.machine.tuning.workload import WORKLOADS
from starling_local.plain_text import in_short, printable

if TYPE_CHECKING:
    from rich.table import Table

    from starling_local.machine.description import MachineDescription
    from starling_local.machine.tuned_store import Kept
    from starling_local.machine.tuning.outcome import Result, Tuning

_STAYS = {
    Verdict.WITHIN_NOISE: "the usual settings stay: others were not faster by more than the noise",
    Verdict.NONE_BETTER: "the usual settings stay: no others were faster",
}
_FAILURE_CHARACTERS = 50
_SAID_CHARACTERS = 60


def as_table(found: Sequence[Tuning], width: int) -> Table:
    """What was tried, for each use, with the seconds that its work takes; the fastest first."""
    names = ("seconds", "lowest", "highest", "times")[: 4 if width >= WIDE else 1]
    table = _table("for", "settings", *names)
    for tuning in found:
        for result in tuning.results:
            figures = _figures(result)[: len(names)]
            table.add_row(tuning.use.value, result.tuned.words, *figures)
        for tuned in tuning.outcome.untried:
            table.add_row(tuning.use.value, tuned.words, "no time")
        table.add_section()
    return table


def summary(found: Sequence[Tuning]) -> list[str]:
    """What was decided, a line for each use."""
    lines = []
    for tuning in found:
        outcome, work = tuning.outcome, WORKLOADS[tuning.use].name
        if outcome.verdict is Verdict.FASTER:
            what = f"{outcome.winner.words}: {outcome.gain:.2f} times as fast as usual, and kept"
        elif outcome.verdict is Verdict.NO_TIME:
            minutes = ceil(outcome.needed_s / 60)
            what = f"too little time to be sure, so nothing changes: --budget {minutes}m"
        else:
            what = _STAYS[outcome.verdict]
        lines.append(f"{tuning.use.value} ({work}): {what}")
    return lines


def as_json(found: Sequence[Tuning]) -> dict[str, Any]:
    """The same and more, for `--json`."""
    return {"uses": [_tuning(tuning) for tuning in found]}


def kept_as_table(kept: Sequence[Kept], here: MachineDescription) -> Table:
    """The files that are kept."""
    table = _table("for", "model", "settings", "gain", "machine")
    for one in kept:
        record = one.record
        words = one.tuned.words if one.tuned else "damaged: starling tune makes it again"
        said = (str(record.get(name, "?")) for name in ("use", "file", "gain"))
        use, file, gain = (in_short(printable(text), _SAID_CHARACTERS) for text in said)
        table.add_row(
            use,
            file,
            words,
            gain,
            "this" if _is_here(one, here) else "another",
        )
    return table


def kept_as_json(kept: Sequence[Kept], here: MachineDescription) -> dict[str, Any]:
    """The same, for `--json`."""
    return {
        "kept": [
            {
                **one.record,
                "path": str(one.path),
                "is_usable": one.tuned is not None,
                "is_this_machine": _is_here(one, here),
            }
            for one in kept
        ]
    }


def _is_here(kept: Kept, here: MachineDescription) -> bool:
    found = kept.record.get("machine")
    return isinstance(found, dict) and found == {**here._asdict(), "gpus": list(here.gpus)}


def _tuning(tuning: Tuning) -> dict[str, Any]:
    outcome = tuning.outcome
    return {
        "use": tuning.use.value,
        "work": WORKLOADS[tuning.use].name,
        "settings": tuned_as_json(outcome.winner),
        "verdict": outcome.verdict.name.lower(),
        "gain": round(outcome.gain, 4),
        "tried": [
            {
                "settings": tuned_as_json(result.tuned),
                "effort": result.effort,
                "samples_s": [round(cost_s, 4) for cost_s in result.costs_s],
                "median_s": round(median(result.costs_s), 4) if result.costs_s else None,
                "failure": result.failure,
            }
            for result in tuning.results
        ],
        "untried": [tuned_as_json(tuned) for tuned in outcome.untried],
        "path": str(tuning.path) if tuning.path else None,
    }


def _figures(result: Result) -> tuple[str, ...]:
    if not result.costs_s:
        return (printable(in_short(result.failure or "failed", _FAILURE_CHARACTERS)), "", "", "")
    costs_s = result.costs_s
    middle, low, high = (f"{cost:,.2f}" for cost in (median(costs_s), min(costs_s), max(costs_s)))
    return middle, low, high, str(len(costs_s))


def _table(*names: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        is_text = name in ("for", "model", "settings", "machine")
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table
