"""What a person sees while an importance matrix is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from starling_local.cli.batch_progress import clock
from starling_local.cli.convert_progress import conversion_progress
from starling_local.cli.output import Output

if TYPE_CHECKING:
    from starling_convert.plan import ConversionPlan
    from starling_local.quality.calibration import CalibrationEvents

# Between two lines where no terminal shows a bar.
_LINE_S = 10.0


@contextmanager
def calibration_progress(
    output: Output, plan: ConversionPlan, now: Callable[[], float] = monotonic
) -> Iterator[CalibrationEvents]:
    """The conversion's progress, then the chunks': bars on a terminal, lines elsewhere."""
    from starling_local.quality.calibration import CalibrationEvents

    with ExitStack() as stack:
        conversion = stack.enter_context(conversion_progress(output, plan))
        chunks: _Chunks | None = None

        def show(done: int, total: int) -> None:
            nonlocal chunks
            if chunks is None:
                stack.close()
                draw = stack.enter_context(_bar(output, total))
                chunks = _Chunks(output, now, draw)
            chunks.show(done, total)

        yield CalibrationEvents(conversion, show)


class _Chunks:
    """Says how far the reading of chunks is; the first one tells how long all will take."""

    def __init__(
        self, output: Output, now: Callable[[], float], draw: Callable[[int], None] | None
    ) -> None:
        self._output = output
        self._now = now
        self._draw = draw
        self._began_s = now()
        self._next_s = 0.0

    def show(self, done: int, total: int) -> None:
        """`done` of `total` chunks have been read."""
        if self._draw is not None:
            self._draw(done)
        elif done == 0:
            self._output.progress(f"calibrating on {total} chunks of text")
        else:
            self._say(done, total)

    def _say(self, done: int, total: int) -> None:
        elapsed_s = self._now() - self._began_s
        if elapsed_s >= self._next_s and done < total:
            left = clock(elapsed_s / done * (total - done))
            self._output.progress(f"calibrating: {done} of {total} chunks read, {left} left")
            self._next_s = elapsed_s + _LINE_S


@contextmanager
def _bar(output: Output, total: int) -> Iterator[Callable[[int], None] | None]:
    """What draws how many chunks are done; None where no terminal can show it."""
    console = output.console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield None
        return

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("calibrating"),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)
