"""What a person sees while settings are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starling_local.cli.output import Output
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from starling_local.machine.asked import Use
    from starling_local.machine.tuned import Tuned
    from starling_local.machine.tuning.tune import Tried


@dataclass(frozen=True)
class TuneEvents:
    """What is called before and after each measurement."""

    begin: Callable[[Tuned, float], None]
    tried: Callable[[Tried], None]


@contextmanager
def tune_progress(output: Output, use: Use, budget_s: float) -> Iterator[TuneEvents]:
    """A bar of the time on a terminal, with a line above it for each measurement; on stderr."""
    console = output.console()
    output.progress(f"tuning for {use.value}, for {budget_s:.0f} s at most")
    if not console.is_terminal or console.is_dumb_terminal:
        yield TuneEvents(
            begin=lambda _tuned, _elapsed_s: None, tried=lambda tried: output.progress(_text(tried))
        )
        return

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=budget_s)

        def begin(tuned: Tuned, elapsed_s: float) -> None:
            bar.update(task, completed=elapsed_s, description=tuned.words)

        def tried(tried: Tried) -> None:
            bar.print(_text(tried))
            bar.update(task, completed=tried.elapsed_s)

        yield TuneEvents(begin, tried)


def _text(tried: Tried) -> str:
    found = f"failed, {tried.failure}" if tried.cost_s is None else f"{tried.cost_s:,.2f} s"
    return printable(f"{tried.tuned.words}: {found}")
