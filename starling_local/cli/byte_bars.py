"""Bars for files that are read or come byte by byte: one line each, however narrow the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# Columns of a terminal in which there is room for a bar, too.
_WIDE = 70


def byte_bars(console: Console) -> Progress:
    """How much, how fast and how long, then as much of the name as there is room for."""
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
