"""Measuring how fast a model reads and writes, as llama-bench does, but through the engine.

As there, a test gets random tokens, the first one of a sequence is the begin of text, nothing is
sampled or turned into text, and what fills the cache up to the depth is not counted
(`test_prompt` and `test_gen` of llama-bench.cpp).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter

from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.machine.bench_tests import Measured, SpeedTest
from starling_local.settings import ContextSettings

_SEED = 1


@dataclass(frozen=True)
class BenchProgress:
    """How far the measuring is: what is done now, and seconds left, None if not known yet."""

    doing: str
    done_s: float
    left_s: float | None


def measure(
    model: Model,
    settings: ContextSettings,
    tests: Sequence[SpeedTest],
    repeats: int,
    on_progress: Callable[[BenchProgress], None],
) -> Iterator[Measured]:
    """Measure the tests, each after a warm-up, and yield each when it is finished.

    The context of the settings is made as long as the tests with the same number of sequences
    need it. Raises what `Context` raises, and KeyboardInterrupt.
    """
    clock = _Clock(tests, repeats, on_progress)
    for parallel, group in groupby(tests, key=lambda test: test.parallel):
        together = list(group)
        length = parallel * max(test.length for test in together)
        with Context(model, replace(settings, context=length, sequences=parallel)) as context:
            bench = _Bench(context, clock)
            bench.warm_up(together)
            for test in together:
                yield bench.measure(test, repeats)


@dataclass
class _Work:
    """Tokens that are still to be read, or written in each sequence, and how long one takes."""

    left: int = 0
    each_s: float | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds for what is left; None if not known yet."""
        if not self.left:
            return 0.0
        return None if self.each_s is None else self.left * self.each_s

    def learn(self, tokens: int, elapsed_s: float) -> None:
        """So many took so long."""
        self.each_s = elapsed_s / tokens if tokens else self.each_s

    def took(self, tokens: int, elapsed_s: float) -> None:
        """So many are done."""
        self.left -= tokens
        self.learn(tokens, elapsed_s)


class _Clock:
    """Says how far the measuring is, by the speeds seen so far."""

    def __init__(
        self,
        tests: Sequence[SpeedTest],
        repeats: int,
        on_progress: Callable[[BenchProgress], None],
    ) -> None:
        self._on_progress = on_progress
        self._started = perf_counter()
        self.reading, self.writing = _Work(), _Work()
        for parallel, group in groupby(tests, key=lambda test: test.parallel):
            together = list(group)
            self.reading.left += _warm_up_prompt(together)
            self.reading.left += parallel * max(test.depth for test in together)
            self.reading.left += parallel * repeats * sum(test.prompt for test in together)
            self.writing.left += repeats * sum(test.generate for test in together)

    def begin(self, doing: str) -> None:
        """Tell what is done now."""
        reading_s, writing_s = self.reading.left_s, self.writing.left_s
        left_s = None if reading_s is None or writing_s is None else reading_s + writing_s
        self._on_progress(BenchProgress(doing, perf_counter() - self._started, left_s))


class _Bench:
    """A context, and what is done in it."""

    def __init__(self, context: Context, clock: _Clock) -> None:
        self._context, self._clock = context, clock
        self._random = random.Random(_SEED)
        vocabulary = context.model.vocabulary
        self._bos, self._vocabulary_size = vocabulary.bos, vocabulary.size
        self._sequences = range(context.sequences)

    def warm_up(self, tests: Sequence[SpeedTest]) -> None:
        """Bring the weights into memory and the threads to work: the longest prompt, and a token.

        llama-bench does it before each test; here the cache of a deeper test is filled by the
        computation that would be its warm-up.
        """
        self._clock.begin("warm-up")
        if prompt := _warm_up_prompt(tests):
            self._clock.reading.took(prompt, self._read(prompt, [0]))
        self._context.keep(0)
        self._write(1)
        self._clock.writing.learn(1, self._write(1))
        self._cut(0)

    def measure(self, test: SpeedTest, repeats: int) -> Measured:
        """Measure a test, its depth reached first."""
        self._fill(test)
        samples = []
        for number in range(repeats):
            self._clock.begin(f"{test.name}, {number + 1} of {repeats}")
            read_s = self._read(test.prompt, self._sequences) if test.prompt else 0.0
            self._clock.reading.took(test.prompt * test.parallel, read_s)
            write_s = self._write(test.generate)
            self._clock.writing.took(test.generate, write_s)
            samples.append(read_s + write_s)
            self._cut(test.depth)
        return Measured(test, tuple(samples))

    def _fill(self, test: SpeedTest) -> None:
        missing = test.depth - self._context.length()
        if missing > 0:
            self._clock.begin(f"reading up to {test.depth} tokens for {test.name}")
            elapsed_s = self._read(missing, self._sequences)
            self._clock.reading.took(missing * test.parallel, elapsed_s)

    def _read(self, count: int, sequences: Sequence[int]) -> float:
        """Read so many more tokens in each sequence; how long it took, in seconds."""
        work = []
        for sequence in sequences:
            before = self._context.tokens(sequence)
            more = [self._token() for _ in range(count)]
            if not before:
                more[0] = self._bos
            work.append((sequence, [*before, *more]))
        started = perf_counter()
        for sequence, tokens in work:
            self._context.prefill(tokens, sequence)
        return perf_counter() - started

    def _write(self, count: int) -> float:
        """Write so many more tokens in each sequence; how long it took, in seconds."""
        rows = [{sequence: self._token() for sequence in self._sequences} for _ in range(count)]
        if rows and not self._context.length():
            rows[0] = dict.fromkeys(self._sequences, self._bos)
        context, is_one = self._context, len(self._sequences) == 1
        started = perf_counter()
        for row in rows:
            if is_one:
                context.decode_next(row[0])
            else:
                context.decode_together(row)
        return perf_counter() - started

    def _cut(self, length: int) -> None:
        for sequence in self._sequences:
            self._context.keep(length, sequence)

    def _token(self) -> int:
        return self._random.randrange(self._vocabulary_size)


def _warm_up_prompt(tests: Sequence[SpeedTest]) -> int:
    return max(test.prompt for test in tests)
