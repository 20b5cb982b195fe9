"""Answers as they are made: chunks of text, the last with the reason it ended and what it took."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from time import perf_counter

from starling_local.engine.context import Context
from starling_local.engine.logprobs import TokenLogprob, token_logprob
from starling_local.engine.sampling import Sampler
from starling_local.engine.text import StreamedText
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.settings import Limits, Sampling


class FinishReason(Enum):
    """Why an answer ended. The values of the first two are OpenAI's."""

    STOP = "stop"
    LENGTH = "length"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Statistics:
    """What an answer took. Times are in seconds."""

    prompt_tokens: int
    prefilled_tokens: int
    """Those of the prompt that were not in the cache."""
    generated_tokens: int
    prefill_s: float
    generate_s: float


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer: text, and the tokens generated since the last one."""

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] = field(default=(), kw_only=True)
    """One for each of `tokens` if they were asked for, else none."""


@dataclass(frozen=True)
class LastChunk(Chunk):
    """The end of an answer."""

    reason: FinishReason
    stopped_by: str | None
    """The stop string that ended it, if one did."""
    statistics: Statistics
    seed: int


def generate(
    context: Context,
    prompt: Sequence[int],
    sampling: Sampling | None = None,
    limits: Limits | None = None,
    *,
    sequence: int = 0,
    on_prefill: Callable[[int, int], None] | None = None,
    on_full: Callable[[], bool] | None = None,
    is_continued: bool = False,
    logprobs: int | None = None,
) -> Generator[Chunk, None, None]:
    """Yield the answer to a prompt of token ids; the last item is a `LastChunk`.

    When the context is full `on_full` may make room; the answer ends with LENGTH if it returns
    False. `is_continued` says that the prompt ends within an answer: then a leading space is text.
    With `logprobs` each chunk says how likely its tokens were, and the so many likeliest in their
    places. With a grammar the answer is also at its end, with STOP, when no token is allowed.

    `context.abort.set()`, from a signal handler or another thread, ends the answer at once with
    INTERRUPTED; during the prefill KeyboardInterrupt is raised, for there is nothing to keep.

    Raises:
        PromptTooLongError: the prompt leaves no room for an answer.
        UsageError: the prompt is empty, a stop string is, a setting is not possible, `logprobs` is
            below 0, or the grammar cannot be used.
    """
    sampling, limits = sampling or Sampling(), limits or Limits()
    check_request(prompt, logprobs)
    if on_full is None:
        check_room(prompt, context.size)
    with closing(Sampler(sampling, context.model.vocabulary, context.size)) as sampler:
        answer = Answer(context, sampler, limits.stop, logprobs, is_continued=is_continued)
        started = perf_counter()
        prefilled = context.prefill(prompt, sequence, on_prefill)
        sampler.accept_prompt(prompt)
        if on_full is not None and context.length(sequence) >= context.size and not on_full():
            check_room(prompt, context.size)
        begun = perf_counter()
        reason = FinishReason.LENGTH
        try:
            while limits.max_tokens is None or answer.length < limits.max_tokens:
                if answer.length and not _decodes(context, answer.last_token, sequence, on_full):
                    break
                if context.abort.is_set:
                    raise KeyboardInterrupt
                if not answer.take():
                    reason = FinishReason.STOP
                    break
                if answer.has_text:
                    # Nothing is between the two assignments and the `yield` where Python might
                    # raise KeyboardInterrupt: a chunk is either sent or still to be sent.
                    chunk, answer.sent = answer.chunk(), answer.made
                    yield chunk
        except KeyboardInterrupt:
            context.abort.clear()
            answer.mend()
            reason = FinishReason.INTERRUPTED
        took = Statistics(
            len(prompt), prefilled, answer.length, begun - started, perf_counter() - begun
        )
        yield answer.last_chunk(reason, took)


def check_request(prompt: Sequence[int], logprobs: int | None) -> None:
    """Raise UsageError if the prompt is empty or `logprobs` below 0."""
    if not prompt:
        raise UsageError("the prompt has no tokens; it begins with the token <s> at least")
    if logprobs is not None and logprobs < 0:
        raise UsageError(f"logprobs must not be below 0: {logprobs}")


def check_room(prompt: Sequence[int], size: int) -> None:
    """Raise PromptTooLongError if a context of that size has no room for an answer."""
    if len(prompt) >= size:
        raise PromptTooLongError(
            f"the prompt has {len(prompt)} tokens; with the answer there is room for {size}",
            hint="shorten it, or choose a longer context with --ctx",
        )


def _decodes(
    context: Context, token: int, sequence: int, on_full: Callable[[], bool] | None
) -> bool:
    """Decode the answer's last token; False if the context is full, and stays so."""
    try:
        context.decode_next(token, sequence)
    except PromptTooLongError:
        if on_full is None or not on_full():
            return False
        context.decode_next(token, sequence)
    return True


class Answer:
    """The tokens and the text of an answer while it is made; who makes it does the decoding."""

    def __init__(
        self,
        context: Context,
        sampler: Sampler,
        stop: Sequence[str],
        logprobs: int | None,
        *,
        is_continued: bool,
    ) -> None:
        self._context, self._sampler, self._top = context, sampler, logprobs
        self._vocabulary = context.model.vocabulary
        self._ends = self._vocabulary.ends
        self._stop, self._is_continued = stop, is_continued
        self._text = self._new_text()
        self._tokens: list[int] = []
        self._logprobs: list[TokenLogprob] = []
        # Text that is certain; what of it was sent may still be at its front.
        self._certain = ""
        self._characters = 0
        self.sent = (0, 0)
        """Tokens and characters that were sent in chunks."""

    @property
    def length(self) -> int:
        """How many tokens it has so far."""
        return len(self._tokens)

    @property
    def last_token(self) -> int:
        """The last of them, once there is one."""
        return self._tokens[-1]

    @property
    def has_text(self) -> bool:
        """Whether there is text that no chunk has had yet."""
        return self._characters > self.sent[1]

    @property
    def made(self) -> tuple[int, int]:
        """Tokens and certain characters so far."""
        return len(self._tokens), self._characters

    def take(self, row: int = -1) -> bool:
        """Choose a token by the logits of a row of the last decode; whether the answer goes on.

        It does not with an end of turn, which is left out, nor with a stop string.
        """
        token = self._sampler.sample(self._context.handle, row)
        if token is None or token in self._ends:
            return False
        if self._top is not None:
            self._logprobs.append(token_logprob(self._context, row, token, self._top))
        self._tokens.append(token)
        self._add(self._text.add(self._vocabulary.piece(token)))
        return self._text.stopped_by is None

    def mend(self) -> None:
        """Make the text that of the tokens, after an exception came between any two steps."""
        self._text = self._new_text()
        whole = "".join(self._text.add(self._vocabulary.piece(token)) for token in self._tokens)
        self._certain, self._characters = whole[self.sent[1] :], len(whole)

    def chunk(self) -> Chunk:
        """What was not sent yet."""
        text, tokens, logprobs = self._unsent()
        return Chunk(text, tokens, logprobs=logprobs)

    def send(self) -> Chunk:
        """What was not sent yet; it counts as sent now."""
        chunk, self.sent = self.chunk(), self.made
        return chunk

    def last_chunk(self, reason: FinishReason, took: Statistics) -> LastChunk:
        """What is left of the answer, and how it ended."""
        self._add(self._text.finish())
        text, tokens, logprobs = self._unsent()
        stopped_by, seed = self._text.stopped_by, self._sampler.seed
        return LastChunk(text, tokens, reason, stopped_by, took, seed, logprobs=logprobs)

    def _add(self, text: str) -> None:
        self._certain = self._certain + text if self.has_text else text
        self._characters += len(text)

    def _unsent(self) -> tuple[str, tuple[int, ...], tuple[TokenLogprob, ...]]:
        start = self.sent[0]
        text = self._certain if self.has_text else ""
        return text, tuple(self._tokens[start:]), tuple(self._logprobs[start : len(self._tokens)])

    def _new_text(self) -> StreamedText:
        return StreamedText(self._stop, strip_leading_space=not self._is_continued)
