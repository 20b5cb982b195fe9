"""What a person sees while files come from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starling_local.cli.output import Output
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from starling_local.store.transfer import TransferEvents


@contextmanager
def transfer_progress(output: Output) -> Iterator[TransferEvents]:
    """A bar for each file on a terminal, a line for each elsewhere; both on stderr."""
    from starling_local.cli.sizes import size_text
    from starling_local.store.transfer import TransferEvents

    console = output.console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield TransferEvents(
            on_file=lambda name, size, what: output.progress(f"{what} {name} ({size_text(size)})"),
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
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    ) as progress:

        def on_file(name: str, size_bytes: int, what: str) -> None:
            progress.add_task(printable(f"{what} {name}"), total=size_bytes)

        yield TransferEvents(
            on_file=on_file,
            on_bytes=lambda done: progress.update(progress.task_ids[-1], completed=done),
            on_note=lambda text: progress.print(f"note: {printable(text)}"),
        )
