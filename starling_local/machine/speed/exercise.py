"""Random tokens for a context, timed.

As in llama-bench, the first token of a sequence is the begin of text, and nothing is sampled or
turned into text (`test_prompt` and `test_gen` of llama-bench.cpp).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter

from starling_local.engine.context import Context

_SEED = 1


class Exercise:
    """Reads and writes in all sequences of a context, which stay equally long."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._random = random.Random(_SEED)
        self._sequences = range(context.sequences)

    @property
    def length(self) -> int:
        """How many tokens are in each sequence."""
        return self._context.length()

    def read(self, count: int, sequences: Sequence[int] | None = None) -> float:
        """Read so many more tokens in each sequence, or in these; takes so many seconds.

        Short ones are read together, in whole batches, as the scheduler does it.
        """
        context = self._context
        bos = context.model.vocabulary.bos
        added = {}
        for sequence in self._sequences if sequences is None else sequences:
            added[sequence] = [self._token() for _ in range(count)]
            if not self.length:
                added[sequence][0] = bos
        work: list[Callable[[], object]] = [
            partial(context.decode_many, batch) for batch in _packed(added, context.batch_size)
        ]
        if count >= context.batch_size or len(added) == 1:
            # This one hears Ctrl-C in the middle of a batch.
            work = [
                partial(context.prefill, [*context.tokens(sequence), *tokens], sequence)
                for sequence, tokens in added.items()
            ]
        started = perf_counter()
        for piece in work:
            piece()
        return perf_counter() - started

    def write(self, count: int) -> float:
        """Write so many more tokens in each sequence, side by side; takes so many seconds."""
        rows = [{sequence: self._token() for sequence in self._sequences} for _ in range(count)]
        if rows and not self.length:
            rows[0] = dict.fromkeys(self._sequences, self._context.model.vocabulary.bos)
        context, is_one = self._context, len(self._sequences) == 1
        started = perf_counter()
        for row in rows:
            if is_one:
                context.decode_next(row[0])
            else:
                context.decode_together(row)
        return perf_counter() - started

    def cut(self, length: int) -> None:
        """Cut each sequence to its first tokens."""
        for sequence in self._sequences:
            self._context.keep(length, sequence)

    def _token(self) -> int:
        return self._random.randrange(self._context.model.vocabulary.size)


def _packed(added: Mapping[int, Sequence[int]], size: int) -> Iterator[dict[int, Sequence[int]]]:
    """The tokens of all sequences in batches of a size."""
    batch: dict[int, Sequence[int]] = {}
    room = size
    for sequence, tokens in added.items():
        start = 0
        while start < len(tokens):
            batch[sequence] = tokens[start : start + room]
            start += len(batch[sequence])
            room -= len(batch[sequence])
            if not room:
                yield batch
                batch, room = {}, size
    if batch:
        yield batch
