"""Measuring how fast a model reads and writes, as llama-bench does, but through the engine.

As there, what fills the cache up to the depth is not counted (`llama_bench` of llama-bench.cpp).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter

from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.machine.speed.bench_tests import Measured, SpeedTest
from starling_local.machine.speed.exercise import Exercise
from starling_local.settings import ContextSettings


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

    The context of the settings is made as long as the tests with the same number of sequences and
    size of batches need it. Raises what `Context` raises, and KeyboardInterrupt.
    """
    clock = _Clock(tests, repeats, on_progress)
    for together in _in_one_context(tests):
        first = together[0]
        made = replace(
            settings,
            context=first.parallel * max(test.length for test in together),
            sequences=first.parallel,
            batch=first.batch,
        )
        with Context(model, made) as context:
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
        for together in _in_one_context(tests):
            parallel = together[0].parallel
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
        self._exercise, self._clock = Exercise(context), clock

    def warm_up(self, tests: Sequence[SpeedTest]) -> None:
        """Bring the weights into memory and the threads to work: the longest prompt, and a token.

        llama-bench does it before each test; here the cache of a deeper test is filled by the
        computation that would be its warm-up, but for the token.
        """
        exercise, clock = self._exercise, self._clock
        clock.begin("warm-up")
        if prompt := _warm_up_prompt(tests):
            clock.reading.took(prompt, exercise.read(prompt, range(1)))
        exercise.cut(0)
        exercise.write(1)
        clock.writing.learn(1, exercise.write(1))
        exercise.cut(0)

    def measure(self, test: SpeedTest, repeats: int) -> Measured:
        """Measure a test, its depth reached first."""
        exercise, clock = self._exercise, self._clock
        self._fill(test)
        if test.generate and not test.prompt:
            # The first after a prompt takes longer: llama.cpp makes another graph for it.
            exercise.write(1)
            exercise.cut(test.depth)
        samples = []
        for number in range(repeats):
            clock.begin(f"{test.name}, {number + 1} of {repeats}")
            read_s = exercise.read(test.prompt) if test.prompt else 0.0
            clock.reading.took(test.prompt * test.parallel, read_s)
            write_s = exercise.write(test.generate)
            clock.writing.took(test.generate, write_s)
            samples.append(read_s + write_s)
            exercise.cut(test.depth)
        return Measured(test, tuple(samples))

    def _fill(self, test: SpeedTest) -> None:
        missing = test.depth - self._exercise.length
        if missing > 0:
            self._clock.begin(f"reading up to {test.depth} tokens for {test.name}")
            elapsed_s = self._exercise.read(missing)
            self._clock.reading.took(missing * test.parallel, elapsed_s)


def _in_one_context(tests: Sequence[SpeedTest]) -> Iterator[list[SpeedTest]]:
    """Tests that follow each other and need no context of their own."""
    for _, group in groupby(tests, key=lambda test: (test.parallel, test.batch)):
        yield list(group)


def _warm_up_prompt(tests: Sequence[SpeedTest]) -> int:
    return max(test.prompt for test in tests)
