"""What a person sees while a batch runs, and what is said at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from starling_local.cli.output import Output
from starling_local.plain_text import counted

if TYPE_CHECKING:
    from rich.console import Console

    from starling_local.cli.environment import Environment
    from starling_local.scripting.batch import BatchProgress

FRAME_S = 0.1


@contextmanager
def batch_progress(output: Output, *, is_drawn: bool) -> Iterator[Callable[[BatchProgress], None]]:
    """What to tell how far the batch is: draws a bar on a terminal, once there is something."""
    with ExitStack() as stack:
        bar: _Bar | None = None

        def show(progress: BatchProgress) -> None:
            nonlocal bar
            if bar is None:
                bar = stack.enter_context(_bar(output.console()))
            bar.show(progress)

        yield show if is_drawn else lambda _progress: None


def is_drawable(environment: Environment) -> bool:
    """Whether stderr is a terminal that can show a bar."""
    is_dumb = environment.environ.get("TERM", "dumb") == "dumb"
    return environment.stderr.isatty() and not is_dumb


def summary(progress: BatchProgress) -> str:
    """The batch in a line."""
    earlier = f" ({progress.earlier:,} of them before)" if progress.earlier else ""
    lines = f"{progress.answered:,} answered, {progress.failed:,} failed{earlier}"
    if not progress.generated_tokens:
        return lines
    return (
        f"{lines}; {counted(progress.generated_tokens, 'token')} in {progress.elapsed_s:,.1f} s "
        f"({progress.tokens_per_second:,.1f} tokens/s)"
    )


def as_json(progress: BatchProgress, name: str) -> dict[str, Any]:
    """The batch as an object."""
    return {
        "output": name,
        "answered": progress.answered,
        "failed": progress.failed,
        "earlier": progress.earlier,
        "prefilled_tokens": progress.prefilled_tokens,
        "generated_tokens": progress.generated_tokens,
        "elapsed_s": round(progress.elapsed_s, 3),
        "tokens_per_second": round(progress.tokens_per_second, 2),
    }


class _Bar:
    """A progress bar of rich."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._next_s = 0.0

    def show(self, progress: BatchProgress) -> None:
        """Draw how far the batch is, now and then."""
        if progress.elapsed_s < self._next_s:
            return
        self._next_s = progress.elapsed_s + FRAME_S
        total, left = progress.total, progress.remaining_s
        words = [
            f"{progress.done:,}" if total is None else f"{progress.done:,}/{total:,}",
            f"{progress.failed:,} failed" if progress.failed else "",
            f"{progress.tokens_per_second:,.1f} tokens/s",
            "" if left is None else f"{clock(left)} left",
        ]
        text = "  ".join(filter(None, words))
        self._bar.update(self._task, total=total, completed=progress.done, description=text)


@contextmanager
def _bar(console: Console) -> Iterator[_Bar]:
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    ) as bar:
        yield _Bar(bar)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
