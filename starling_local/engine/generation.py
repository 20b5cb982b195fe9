"""Answers as they are made: chunks of text, the last with the reason it ended and what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from time import perf_counter
from typing import Any

import llama_cpp

from starling_local.engine.context import Context
from starling_local.engine.sampling import Sampler
from starling_local.engine.text import StreamedText
from starling_local.errors import UsageError
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
class TokenLogprob:
    """How likely a token was in the model's own distribution, before any sampler.

    Natural logarithms. `top` has the likeliest tokens with theirs, the likeliest first, and of
    equal ones the one with the lower id.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]


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
    on_prefill: Callable[[int, int], None] = lambda _done, _total: None,
    on_full: Callable[[], bool] = lambda: False,
    is_continued: bool = False,
    logprobs: int | None = None,
) -> Iterator[Chunk]:
    """Yield the answer to a prompt of token ids; the last item is a `LastChunk`.

    When the context is full `on_full` may make room; the answer ends with LENGTH if it returns
    False. `is_continued` says that the prompt ends within an answer: then a leading space is text.
    With `logprobs` each chunk says how likely its tokens were, and the so many likeliest in their
    places. With a grammar the answer is also at its end, with STOP, when no token is allowed.

    `context.abort.set()`, from a signal handler or another thread, ends the answer at once with
    INTERRUPTED; during the prefill KeyboardInterrupt is raised, for there is nothing to keep.

    Raises:
        PromptTooLongError: the prompt leaves no room for an answer.
        UsageError: a stop string is empty, a setting is not possible, `logprobs` is below 0, or the
            grammar cannot be used.
    """
    sampling, limits = sampling or Sampling(), limits or Limits()
    if logprobs is not None and logprobs < 0:
        raise UsageError(f"logprobs must not be below 0: {logprobs}")
    text = StreamedText(limits.stop, strip_leading_space=not is_continued)
    with closing(Sampler(sampling, context.model.vocabulary, context.size)) as sampler:
        started = perf_counter()
        prefilled = context.prefill(prompt, sequence, on_prefill)
        sampler.accept_prompt(prompt)
        begun = perf_counter()
        answer = _Answer(context, sequence, sampler, text, logprobs)
        yield from answer.chunks(limits.max_tokens, on_full)
        took = Statistics(
            len(prompt), prefilled, answer.length, begun - started, perf_counter() - begun
        )
        yield answer.last_chunk(took, sampler.seed)


class _Answer:
    """An answer while it is made, to a prompt that the context holds."""

    def __init__(
        self,
        context: Context,
        sequence: int,
        sampler: Sampler,
        text: StreamedText,
        logprobs: int | None,
    ) -> None:
        self.length = 0
        self._context, self._sequence = context, sequence
        self._sampler, self._text, self._top = sampler, text, logprobs
        self._reason = FinishReason.LENGTH
        self._last_token = -1
        # What no chunk has had yet.
        self._certain = ""
        self._unsent: list[tuple[int, TokenLogprob | None]] = []

    def chunks(self, most: int | None, on_full: Callable[[], bool]) -> Iterator[Chunk]:
        """Generate until the answer ends; at most so many tokens."""
        try:
            while most is None or self.length < most:
                if self._is_full() and not on_full():
                    return
                if not self._goes_on():
                    self._reason = FinishReason.STOP
                    return
                if self._certain:
                    text, tokens, logprobs = self._send()
                    yield Chunk(text, tokens, logprobs=logprobs)
        except KeyboardInterrupt:
            self._context.abort.clear()
            self._reason = FinishReason.INTERRUPTED

    def last_chunk(self, took: Statistics, seed: int) -> LastChunk:
        """What is left of it, and how it ended."""
        self._certain += self._text.finish()
        text, tokens, logprobs = self._send()
        stopped_by = self._text.stopped_by
        return LastChunk(text, tokens, self._reason, stopped_by, took, seed, logprobs=logprobs)

    def _is_full(self) -> bool:
        """Whether the context has no room for another token; the last one is not in it yet."""
        pending = 1 if self.length else 0
        return self._context.length(self._sequence) + pending >= self._context.size

    def _goes_on(self) -> bool:
        """Generate a token; whether the answer does not end with it."""
        context = self._context
        if context.abort.is_set:
            raise KeyboardInterrupt
        if self.length:
            context.decode_next(self._last_token, self._sequence)
        token = self._sampler.sample(context.handle)
        if token is None or context.model.vocabulary.ends_answer(token):
            return False
        top = self._top
        self._unsent.append((token, None if top is None else _logprob(context, token, top)))
        self._last_token = token
        self.length += 1
        self._certain += self._text.add(context.model.vocabulary.piece(token))
        return self._text.stopped_by is None

    def _send(self) -> tuple[str, tuple[int, ...], tuple[TokenLogprob, ...]]:
        """What no chunk has had yet."""
        text, unsent = self._certain, self._unsent
        self._certain, self._unsent = "", []
        logprobs = tuple(logprob for _, logprob in unsent if logprob is not None)
        return text, tuple(token for token, _ in unsent), logprobs


def _logprob(context: Context, token: int, top: int) -> TokenLogprob:
    """From the logits that the last decode left in its last row."""
    # numpy is slow to import, and most answers go without.
    import numpy as np

    row: Any = llama_cpp.llama_get_logits_ith(context.handle, -1)
    logits = np.ctypeslib.as_array(row, (context.model.vocabulary.size,)).astype(np.float64)
    logits -= logits.max()
    logits -= np.log(np.exp(logits).sum())
    likeliest = np.argsort(-logits, kind="stable")[:top]
    return TokenLogprob(
        token,
        float(logits[token]),
        tuple((int(other), float(logits[other])) for other in likeliest),
    )
