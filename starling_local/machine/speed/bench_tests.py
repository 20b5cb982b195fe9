"""What `starling bench` measures: tests with the names of llama-bench."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev

from starling_local.errors import UsageError
from starling_local.settings import ContextSettings

DEFAULT_DEPTHS = (0, 1024, 4096)


@dataclass(frozen=True)
class SpeedTest:
    """Reading `prompt` tokens, then writing `generate`, when `depth` are in the cache already.

    All sizes are in tokens and for each of `parallel` sequences; at most `batch` of all of them are
    computed at once.
    """

    prompt: int
    generate: int
    depth: int = 0
    parallel: int = 1
    batch: int = ContextSettings.batch

    @property
    def name(self) -> str:
        """As llama-bench's `markdown_printer` has it.

        That knows no sequences side by side, and has the sizes of batches in a column.
        """
        return self.name_without_depth + (f" @ d{self.depth}" if self.depth else "")

    @property
    def name_without_depth(self) -> str:
        """What tests have in common that differ only in their depth."""
        prompt = f"pp{self.prompt}" if self.prompt else ""
        generate = f"tg{self.generate}" if self.generate else ""
        parallel = f" x{self.parallel}" if self.parallel > 1 else ""
        is_usual = not self.prompt or self.batch == ContextSettings.batch
        batch = "" if is_usual else f" b{self.batch}"
        return "+".join(filter(None, (prompt, generate))) + parallel + batch

    @property
    def tokens(self) -> int:
        """How many are read and written in all, depth excepted."""
        return (self.prompt + self.generate) * self.parallel

    @property
    def length(self) -> int:
        """The longest that one sequence becomes, in tokens."""
        return self.depth + self.prompt + self.generate


@dataclass(frozen=True)
class Measured:
    """A test and how long each of its repeats took, in seconds."""

    test: SpeedTest
    samples_s: tuple[float, ...]

    @property
    def speeds(self) -> tuple[float, ...]:
        """Tokens per second of each repeat, of all sequences together."""
        return tuple(self.test.tokens / sample for sample in self.samples_s)

    @property
    def median(self) -> float:
        """The middle one of the speeds."""
        return median(self.speeds)

    @property
    def mean(self) -> float:
        """The speed that llama-bench prints."""
        return mean(self.speeds)

    @property
    def deviation(self) -> float:
        """The standard deviation of the speeds, as llama-bench has it; 0 for one repeat."""
        return stdev(self.speeds) if len(self.speeds) > 1 else 0.0


def speed_tests(
    prompts: Sequence[int],
    generates: Sequence[int],
    both: Sequence[tuple[int, int]],
    depths: Iterable[int],
    parallels: Iterable[int],
    batches: Sequence[int],
) -> tuple[SpeedTest, ...]:
    """All combinations, in the order in which they are measured.

    A size of 0 means no such test. Raises UsageError if nothing is left to measure.
    """
    pairs = [(prompt, 0) for prompt in prompts] + [(0, generate) for generate in generates]
    pairs += both
    found = [
        SpeedTest(prompt, generate, depth, parallel, batch)
        for parallel in sorted(set(parallels))
        for batch in dict.fromkeys(batches)
        for depth in sorted(set(depths))
        for prompt, generate in dict.fromkeys(pairs)
        # Tokens that are written come one by one: their speed is the same for all batches.
        if prompt or (generate and batch == batches[0])
    ]
    if not found:
        raise UsageError(
            "there is nothing to measure: all sizes are 0", hint="starling bench -p 512"
        )
    return tuple(found)


def default_depths(longest: int, trained_context: int) -> tuple[int, ...]:
    """The usual depths at which a test of `longest` tokens stays within the model's context."""
    fitting = (depth for depth in DEFAULT_DEPTHS if depth + longest <= trained_context)
    return tuple(fitting) or (0,)


def check_length(tests: Sequence[SpeedTest], trained_context: int) -> None:
    """Raise UsageError for a test that is longer than what the model was trained for."""
    longest = max(tests, key=lambda test: test.length)
    if longest.length > trained_context:
        raise UsageError(
            f"{longest.name} needs {longest.length} tokens, the model was trained for "
            f"{trained_context}",
            hint="choose smaller sizes with -p, -n or -d",
        )
