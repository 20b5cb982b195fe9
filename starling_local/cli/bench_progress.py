"""What a person sees while something is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starling_local.cli.batch_progress import clock
from starling_local.cli.output import Output

if TYPE_CHECKING:
    from starling_local.machine.speed.bench import BenchProgress


@contextmanager
def bench_progress(output: Output) -> Iterator[Callable[[BenchProgress], None]]:
    """A progress bar on a terminal, a line per step elsewhere; both on stderr."""
    console = output.console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda progress: output.progress(_text(progress))
        return

    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None)

        def show(progress: BenchProgress) -> None:
            left_s = progress.left_s
            total = None if left_s is None else progress.done_s + left_s
            bar.update(task, total=total, completed=progress.done_s, description=_text(progress))

        yield show


def _text(progress: BenchProgress) -> str:
    left = "" if progress.left_s is None else f"; about {clock(progress.left_s)} left"
    return progress.doing + left
