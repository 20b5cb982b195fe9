"""Hashing models, and what a person sees of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from starling_local.cli.byte_bars import byte_bars
from starling_local.cli.output import Output
from starling_local.plain_text import printable, sized
from starling_local.store.inventory import Entry
from starling_local.store.verification import Verification, verify


def verified(
    output: Output, entries: Iterable[Entry], models: Path, when: str
) -> list[Verification]:
    """Hash the files one after the other: a bar on a terminal, a line for each elsewhere."""
    wanted = [(entry, entry.path) for entry in entries if entry.path is not None]
    console = output.console()
    if not console.is_terminal or console.is_dumb_terminal:
        found = []
        for entry, path in wanted:
            output.progress(f"hashing {entry.name} ({sized(entry.size_bytes)})")
            found.append(verify(entry.name, path, models, when, lambda _done: None))
        return found

    with byte_bars(console) as progress:

        def bar(entry: Entry) -> Callable[[int], None]:
            task = progress.add_task(printable(entry.name), total=entry.size_bytes)
            return lambda done: progress.update(task, completed=done)

        return [verify(entry.name, path, models, when, bar(entry)) for entry, path in wanted]
