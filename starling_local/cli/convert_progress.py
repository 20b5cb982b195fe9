"""What a person sees while a conversion runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starling_local.cli.output import Output
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from starling_convert.conversion import ConversionEvents
    from starling_convert.plan import ConversionPlan

_STAGES = {
    "vocabulary": "checking the vocabulary",
    "kernels": "preparing the quantisers (compiled on first use)",
    "tensors": "converting",
    "flush": "flushing",
    "verify": "verifying",
    "sha256": "hashing",
}


@contextmanager
def conversion_progress(output: Output, plan: ConversionPlan) -> Iterator[ConversionEvents]:
    """A progress bar on a terminal, a line per stage elsewhere; both on stderr."""
    from starling_convert.conversion import ConversionEvents

    def stage_text(stage: str, name: str | None) -> str:
        return " ".join(filter(None, (_STAGES[stage], name and printable(name))))

    console = output.console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield ConversionEvents(
            on_stage=lambda stage, name: output.progress(stage_text(stage, name)),
            on_note=output.note,
        )
        return

    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=plan.source_bytes)
        yield ConversionEvents(
            on_stage=lambda stage, name: progress.update(task, description=stage_text(stage, name)),
            on_tensor=lambda done, name: progress.update(
                task, completed=done, description=printable(name)
            ),
            on_note=lambda text: progress.print(f"note: {printable(text)}"),
        )
