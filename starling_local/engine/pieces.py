"""How a prompt is cut for reading, so that who waits for it sees how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

# Pieces take about so long. The first one is short: how fast the model is, it has to tell.
_PROGRESS_S, _FIRST_PIECE = 1.0, 32


def pieces(
    tokens: Sequence[int], batch_size: int, on_progress: Callable[[int, int], None] | None = None
) -> Iterator[Sequence[int]]:
    """Yield the tokens in pieces; each is to be decoded before the next one is asked for.

    They are as large as may be if nobody watches: `on_progress` gets tokens done and to do.
    """
    size = batch_size if on_progress is None else min(_FIRST_PIECE, batch_size)
    done = 0
    while done < len(tokens):
        if on_progress is not None:
            on_progress(done, len(tokens))
        piece = tokens[done : done + size]
        started = perf_counter()
        yield piece
        done += len(piece)
        if on_progress is not None:
            tokens_per_s = len(piece) / max(perf_counter() - started, 1e-6)
            whole = max(1, int(tokens_per_s * _PROGRESS_S / _FIRST_PIECE))
            size = min(whole * _FIRST_PIECE, batch_size)
    if on_progress is not None:
        on_progress(done, done)
