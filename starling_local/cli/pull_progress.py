"""What a person sees while files come from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starling_local.cli.output import Output
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from starling_local.store.transfer import TransferEvents

_LARGE_BYTES = 1_000_000
# Columns of a terminal in which there is room for a bar, too.
_WIDE = 70


@contextmanager
def transfer_progress(output: Output) -> Iterator[TransferEvents]:
    """A bar for each file on a terminal, a line for each elsewhere; both on stderr."""
    from starling_local.plain_text import sized
    from starling_local.store.transfer import TransferEvents

    console = output.console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield TransferEvents(
            on_file=lambda name, size, what: output.progress(f"{what} {name} ({sized(size)})"),
            on_note=output.note,
        )
        return

    with _bars(console) as progress:
        # The bar of the file that comes; none for the small ones, which come in a moment.
        bar: list[TaskID] = []

        def on_file(name: str, size_bytes: int, what: str) -> None:
            bar.clear()
            if size_bytes >= _LARGE_BYTES:
                bar.append(progress.add_task(printable(f"{what} {name}"), total=size_bytes))

        def on_bytes(done: int) -> None:
            for task in bar:
                progress.update(task, completed=done)

        yield TransferEvents(
            on_file=on_file,
            on_bytes=on_bytes,
            on_note=lambda text: progress.print(f"note: {printable(text)}"),
        )


def _bars(console: Console) -> Progress:
    """One line: how much, how fast and how long, then as much of the name as there is room for."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    narrow = console.width < _WIDE
    columns = [
        DownloadColumn(table_column=Column(no_wrap=True)),
        TransferSpeedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
    ]
    bar = [] if narrow else [BarColumn(bar_width=12)]
    return Progress(*bar, *columns, console=console, transient=True, expand=True)
