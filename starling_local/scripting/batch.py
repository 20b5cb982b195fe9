"""Answering a file of requests: many at once, with more taken up as answers end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from time import perf_counter

from starling_local.engine.context import Context
from starling_local.engine.generation import LastChunk
from starling_local.engine.scheduler import Event
from starling_local.engine.service import Service
from starling_local.errors import BadFileError, PromptTooLongError, UsageError
from starling_local.scripting.batch_input import BatchInput
from starling_local.scripting.batch_lines import InputLine, LineKey, answered, failed
from starling_local.scripting.batch_output import BatchFile, BatchOutput
from starling_local.scripting.completion import Completion

# So many requests for each sequence are in memory: one that is answered, and one to follow it.
REQUESTS_PER_SEQUENCE = 2


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is. Lines of earlier runs are counted in `answered` and `failed`, too."""

    total: int | None = None
    """How many lines there are; None if the input is a stream, or not counted yet."""
    earlier: int = 0
    """How many of the lines earlier runs have done."""
    answered: int = 0
    failed: int = 0
    prefilled_tokens: int = 0
    """Those of prompts that were computed in this run."""
    generated_tokens: int = 0
    elapsed_s: float = 0.0
    """Since the model was ready."""

    @property
    def done(self) -> int:
        """How many lines are done."""
        return self.answered + self.failed

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens of all answers together."""
        return self.generated_tokens / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """How long the rest will take, if it is like what this run has done; None if unknown."""
        now = self.done - self.earlier
        if self.total is None or now == 0:
            return None
        return self.elapsed_s / now * max(0, self.total - self.done)


OnProgress = Callable[[BatchProgress], None]


class Batch:
    """A batch whose input is at hand, and whose output is open.

    `model` is the name that the answers give. Raises what its methods raise.

    Raises:
        BadFileError: the output is of another input or of another model.
        UsageError: the output has lines already, but the input cannot be read twice to see which.
    """

    def __init__(
        self,
        source: BatchInput,
        output: BatchOutput,
        model: str,
        *,
        is_ordered: bool = False,
        retries_failed: bool = False,
        on_progress: OnProgress = lambda _progress: None,
    ) -> None:
        self._source = source
        self._output = output
        self._model = model
        # What can be gone on with.
        self._file = output if isinstance(output, BatchFile) and source.is_file else None
        self._is_ordered = is_ordered
        self._on_progress = on_progress
        self.progress = BatchProgress()
        """How far it is."""
        if self._file is not None:
            total = self._survey(self._file)
            if retries_failed:
                self._file.drop_failed()
            self.progress = BatchProgress(
                total, len(self._file.done), self._file.answered, self._file.failed
            )
        elif isinstance(output, BatchFile) and output.done:
            raise UsageError(
                f"{output.path} has answers already, and a stream cannot go on with them",
                hint="name another file for the answers, or put the requests into a file",
            )

    @property
    def is_resumable(self) -> bool:
        """Whether another run can go on where this one ends."""
        return self._file is not None

    def run(
        self,
        engine: Callable[[], AbstractContextManager[Context]],
        is_unread: Callable[[], bool] = lambda: False,
    ) -> None:
        """Do the lines that are not done yet; with nothing to do, no model is loaded.

        It stops early if nobody reads the output any more.

        Raises:
            BadFileError: the input cannot be read.
            ConversionError: the output cannot be written.
        """
        done = self._file.done if self._file is not None else set()
        lines = (line for line in self._source.lines() if line.key not in done)
        first = next(lines, None)
        if first is not None:
            # Nobody waits for a single answer, so prompts are read in whole batches.
            with (
                engine() as context,
                Service(context, read_beside=context.batch_size) as service,
            ):
                turns = _Turns(self._output, holds_back=self._is_ordered and self._file is None)
                work = _Work(context, service, self._model, turns, self.progress)
                for progress in work.do(chain([first], lines)):
                    self.progress = progress
                    self._on_progress(progress)
                    if is_unread():
                        return
        if self._is_ordered and self._file is not None:
            self._file.put_in_order(line.key for line in self._source.lines())

    def _survey(self, file: BatchFile) -> int:
        """Count the lines, and check that the output belongs to them and to the model."""
        strangers = {key for key in file.done if isinstance(key, str)}
        total = 0
        for line in self._source.lines():
            total += 1
            if line.custom_id is not None:
                strangers.discard(line.custom_id)
        other_models = file.models - {self._model}
        if strangers:
            raise BadFileError(
                f"{file.path} has answers to other requests, as to {min(strangers)!r}",
                hint="name another file for the answers",
            )
        if other_models:
            raise BadFileError(
                f"{file.path} has answers of {min(other_models)}, not of {self._model}",
                hint="go on with that model, see -m, or name another file for the answers",
            )
        return total


class _Turns:
    """Writes output lines as they are finished, or holds them back until all before are written."""

    def __init__(self, output: BatchOutput, *, holds_back: bool) -> None:
        self._output = output
        self._holds_back = holds_back
        self._begun: deque[LineKey] = deque()
        self._held: dict[LineKey, str] = {}

    def begin(self, line: InputLine) -> None:
        """Hear of a line, in the order of the input."""
        if self._holds_back:
            self._begun.append(line.key)

    def finish(self, line: InputLine, text: str) -> None:
        """Take the output line of a line."""
        if not self._holds_back:
            self._output.append(text)
            return
        self._held[line.key] = text
        while self._begun and (held := self._held.pop(self._begun[0], "")):
            self._begun.popleft()
            self._output.append(held)


class _Work:
    """The answering of lines in the sequences of a context."""

    def __init__(
        self,
        context: Context,
        service: Service,
        model: str,
        turns: _Turns,
        progress: BatchProgress,
    ) -> None:
        self._vocabulary = context.model.vocabulary
        self._most = REQUESTS_PER_SEQUENCE * context.sequences
        self._service = service
        self._model = model
        self._turns = turns
        self._progress = progress
        self._started = perf_counter()
        # By the number of the engine's request: the line, its answers, and which of them it is.
        self._asked: dict[int, tuple[InputLine, Completion, int]] = {}

    def do(self, lines: Iterator[InputLine]) -> Iterator[BatchProgress]:
        """Answer all lines; says how far it is after each piece of an answer, and each bad line."""
        while True:
            while len(self._asked) < self._most and (line := next(lines, None)) is not None:
                self._ask(line)
                yield self._advance()
            if not self._asked:
                return
            self._take(self._service.events.get())
            yield self._advance()

    def _ask(self, line: InputLine) -> None:
        """Begin with a line; a bad one is done at once."""
        self._turns.begin(line)
        try:
            completion = Completion(line.request(), self._vocabulary, self._model)
            # The first of several that differ only in their seeds fails, or none does.
            for index, request in enumerate(completion.requests):
                self._asked[self._service.submit(request)] = (line, completion, index)
        except (UsageError, PromptTooLongError) as error:
            self._turns.finish(line, failed(line, error))
            self._advance(failed=1)

    def _take(self, event: Event | BaseException | None) -> None:
        """Take in a piece of an answer."""
        if not isinstance(event, tuple):
            raise event or RuntimeError("the engine ended before the batch")
        number, chunk = event
        line, completion, index = self._asked[number]
        completion.add(index, chunk)
        self._advance(generated_tokens=len(chunk.tokens))
        if isinstance(chunk, LastChunk):
            del self._asked[number]
            self._advance(prefilled_tokens=chunk.statistics.prefilled_tokens)
            if completion.is_complete:
                self._turns.finish(line, answered(line, completion.result()))
                self._advance(answered=1)

    def _advance(self, **more: int) -> BatchProgress:
        """Count what was done."""
        counted = {name: getattr(self._progress, name) + number for name, number in more.items()}
        self._progress = replace(
            self._progress, elapsed_s=perf_counter() - self._started, **counted
        )
        return self._progress
