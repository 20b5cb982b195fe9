"""What a person sees while files come from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starling_local.cli.byte_bars import byte_bars
from starling_local.cli.output import Output
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from rich.progress import TaskID

    from starling_local.store.transfer import TransferEvents

_LARGE_BYTES = 1_000_000


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

    with byte_bars(console) as progress:
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
