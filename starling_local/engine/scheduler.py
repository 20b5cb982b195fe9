"""Many answers at once: one token of each in every computation, new ones as soon as there is room.

A request waits until a sequence is free, then reads its prompt beside the others' answers. What a
prompt has in common with tokens that any sequence holds is not read again, also if that sequence is
still in use. This is the continuous batching of Orca (OSDI 2022), and the preemption by reading
again of vLLM (SOSP 2023), on llama.cpp's unified cache, in which sequences share cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter

from starling_local.engine.context import Context, common_length
from starling_local.engine.generation import (
    Answer,
    Chunk,
    FinishReason,
    LastChunk,
    Statistics,
    check_request,
    check_room,
)
from starling_local.engine.resource import Resource
from starling_local.engine.sampling import Sampler
from starling_local.errors import PromptTooLongError
from starling_local.settings import Limits, Sampling

READ_BESIDE_ANSWERS = 128
# For so many tokens a request waits until another one has read them for both.
WORTH_WAITING_FOR = 16


@dataclass(frozen=True)
class Request:
    """A prompt of token ids, and how it is to be answered; see `generation.generate`."""

    prompt: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)
    is_continued: bool = False
    logprobs: int | None = None


Event = tuple[int, Chunk]
"""A piece of the answer to the request of that number; its last one is a `LastChunk`."""


class Scheduler(Resource):
    """Answers requests in the sequences of a context, which it has for itself.

    `submit` requests, then call `step` until it `is_idle`. It belongs to one thread; from another
    one, or a signal handler, `context.abort.set()` makes a step that is computing return at once.

    A prompt and its answer have at most `longest` tokens; None means as many as the model was
    trained for, which may be less than what the context holds for all. `read_beside` tokens of
    prompts are read in a computation beside answers, which have to wait for them: with more, each
    answer comes later, and all together come sooner.

    The answer to a request does not depend on what else is answered, up to the rounding of sums
    that ggml computes in another order for other numbers of tokens.
    """

    def __init__(
        self,
        context: Context,
        longest: int | None = None,
        read_beside: int = READ_BESIDE_ANSWERS,
    ) -> None:
        self._context = context
        self._waiting: list[Job] = []
        self._running: dict[int, Job] = {}
        # The sequences that no request has, the longest unused first. They keep their tokens.
        self._free = list(range(context.sequences))
        self._numbers = count(1)
        self._read_beside = read_beside
        self._longest = longest or min(context.size, context.model.trained_context)
        # Whether a request had to be set back, and no other one has ended since.
        self._is_crowded = False

    @property
    def is_idle(self) -> bool:
        """Whether every request is answered."""
        return not self._waiting and not self._running

    @property
    def pending(self) -> int:
        """How many requests are not answered yet."""
        return len(self._waiting) + len(self._running)

    def submit(self, request: Request) -> int:
        """Take a request; returns the number by which its events are known.

        Raises what `prepare` raises.
        """
        return self.add(self.prepare(request))

    def prepare(self, request: Request) -> Job:
        """Check a request and make what it needs; any thread may do that.

        Raises:
            PromptTooLongError: the prompt leaves no room for an answer.
            UsageError: what `generate` raises it for.
        """
        check_request(request.prompt, request.logprobs)
        check_room(request.prompt, self._longest)
        return Job(next(self._numbers), request, self._context)

    def add(self, job: Job) -> int:
        """Take a request that is prepared; returns its number."""
        self._waiting.append(job)
        return job.number

    def cancel(self, number: int) -> LastChunk | None:
        """End a request now; returns what is left of its answer, None if it has ended already."""
        for job in (*self._waiting, *self._running.values()):
            if job.number == number:
                return self._end(job, FinishReason.INTERRUPTED)
        return None

    def step(self) -> list[Event]:
        """Do one computation; returns what it brought, which may be nothing.

        It brings nothing if it is aborted, and clears `context.abort` then. KeyboardInterrupt that
        is not of an abort goes on; nothing is lost by it.
        """
        self._admit()
        try:
            rows = self._context.decode_many(self._plan())
        except PromptTooLongError:
            return list(self._with_more_room())
        except KeyboardInterrupt:
            if not self._context.abort.is_set:
                raise
            self._context.abort.clear()
            return []
        return list(self._chosen(rows))

    def _plan(self) -> dict[int, Sequence[int]]:
        """The tokens to decode next: the last one of each answer, and then of prompts."""
        missing = {
            sequence: job.tokens[self._context.length(sequence) :]
            for sequence, job in self._running.items()
        }
        plan: dict[int, Sequence[int]] = {
            sequence: tokens for sequence, tokens in missing.items() if len(tokens) == 1
        }
        room = self._context.batch_size - len(plan)
        if plan:
            room = min(room, self._read_beside)
        for sequence, tokens in missing.items():
            if len(tokens) > 1 and room > 0:
                plan[sequence] = tokens[:room]
                room -= len(plan[sequence])
        return plan

    def _chosen(self, rows: dict[int, int]) -> Iterator[Event]:
        """Choose the next token of every sequence whose tokens are all decoded."""
        for sequence, row in rows.items():
            job = self._running[sequence]
            if self._context.length(sequence) < len(job.tokens):
                continue
            if not job.take(row):
                yield job.number, self._end(job, FinishReason.STOP)
            elif job.is_at_limit or len(job.tokens) >= self._longest:
                yield job.number, self._end(job, FinishReason.LENGTH)
            elif job.answer.has_text:
                yield job.number, job.answer.send()

    def _admit(self) -> None:
        """Give free sequences to waiting requests, oldest first."""
        for job in tuple(self._waiting):
            if not self._free or self._is_crowded:
                return
            source, common = self._most_in_common(job)
            if not self._is_being_read(job, common):
                self._waiting.remove(job)
                self._start(job, source, common)

    def _most_in_common(self, job: Job) -> tuple[int, int]:
        """The sequence that holds most of what the request's tokens begin with, and how many."""
        context = self._context
        common = {
            sequence: common_length(context.tokens(sequence), job.tokens)
            for sequence in (*self._free, *self._running)
        }
        source = max(common, key=lambda sequence: common[sequence])
        return source, common[source]

    def _is_being_read(self, job: Job, common: int) -> bool:
        """Whether another request is reading more of the same tokens just now."""
        return any(
            common_length(other.tokens, job.tokens[:-1])
            >= max(common, self._context.length(sequence)) + WORTH_WAITING_FOR
            for sequence, other in self._running.items()
            if len(other.tokens) - self._context.length(sequence) > 1
        )

    def _start(self, job: Job, source: int, common: int) -> None:
        """Let a request have a free sequence, with the tokens that it has in common with another.

        The other's sequence itself, if it is free and little else is in it.
        """
        context = self._context
        # The last token is decoded in any case, for its logits.
        common = min(common, len(job.tokens) - 1)
        is_taken_over = source in self._free and 2 * common >= context.length(source)
        sequence = source if is_taken_over else self._free[0]
        self._free.remove(sequence)
        context.copy(source, sequence, common)
        self._running[sequence] = job
        job.start(common)

    def _with_more_room(self) -> Iterator[Event]:
        """Give up something: what free sequences keep, or else the youngest request's tokens.

        That one is set back: it waits, and reads its tokens again.
        """
        kept = [sequence for sequence in self._free if self._context.length(sequence)]
        if kept:
            self._context.keep(0, kept[0])
            return
        youngest = max(self._running.values(), key=lambda job: job.number)
        if len(self._running) == 1:
            yield youngest.number, self._end(youngest, FinishReason.LENGTH)
            return
        self._context.keep(0, self._release(youngest))
        self._waiting.insert(0, youngest)
        self._is_crowded = True

    def _end(self, job: Job, reason: FinishReason) -> LastChunk:
        if job in self._waiting:
            self._waiting.remove(job)
        else:
            self._release(job)
        self._is_crowded = False
        return job.end(reason)

    def _release(self, job: Job) -> int:
        """Take the request's sequence away from it; returns it."""
        sequence = next(number for number, other in self._running.items() if other is job)
        del self._running[sequence]
        self._free.append(sequence)
        return sequence

    def close(self) -> None:
        """End every request and free the samplers; the context stays."""
        for job in (*self._waiting, *self._running.values()):
            self._end(job, FinishReason.INTERRUPTED)


class Job:
    """A request, and its answer as far as it is made."""

    def __init__(self, number: int, request: Request, context: Context) -> None:
        self.number = number
        self.tokens = list(request.prompt)
        """The prompt, and the answer so far."""
        self._request = request
        self._sampler = Sampler(request.sampling, context.model.vocabulary, context.size)
        self._sampler.accept_prompt(request.prompt)
        self.answer = Answer(
            context, self._sampler, request.limits.stop, request.logprobs,
            is_continued=request.is_continued,
        )  # fmt: skip
        self._prefilled = 0
        self._started = self._begun = perf_counter()

    @property
    def is_at_limit(self) -> bool:
        """Whether the answer may have no more tokens."""
        most = self._request.limits.max_tokens
        return most is not None and self.answer.length >= most

    def start(self, common: int) -> None:
        """Begin to read the tokens; so many need not be read."""
        self._prefilled += len(self.tokens) - common
        if not self.answer.length:
            self._started = perf_counter()

    def take(self, row: int) -> bool:
        """Choose the next token; whether the answer goes on."""
        if not self.answer.length:
            self._begun = perf_counter()
        goes_on = self.answer.take(row)
        if goes_on:
            self.tokens.append(self.answer.last_token)
        return goes_on

    def end(self, reason: FinishReason) -> LastChunk:
        """What is left of the answer."""
        now = perf_counter()
        begun = self._begun if self.answer.length else now
        took = Statistics(
            len(self._request.prompt), self._prefilled, self.answer.length,
            begun - self._started, now - begun,
        )  # fmt: skip
        chunk = self.answer.last_chunk(reason, took)
        self._sampler.close()
        return chunk
