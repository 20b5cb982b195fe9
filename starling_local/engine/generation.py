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
        answer = Answer(context, sampler, text, logprobs)
        reason = FinishReason.LENGTH
        try:
            while limits.max_tokens is None or answer.length < limits.max_tokens:
                # The last token is not in the context yet.
                if context.length(sequence) + bool(answer.length) >= context.size and not on_full():
                    break
                if context.abort.is_set:
                    raise KeyboardInterrupt
                if answer.length:
                    context.decode_next(answer.last_token, sequence)
                if not answer.take():
                    reason = FinishReason.STOP
                    break
                if answer.has_text:
                    yield answer.chunk()
        except KeyboardInterrupt:
            context.abort.clear()
            reason = FinishReason.INTERRUPTED
        took = Statistics(
            len(prompt), prefilled, answer.length, begun - started, perf_counter() - begun
        )
        yield answer.last_chunk(reason, took)


class Answer:
    """The tokens and the text of an answer while it is made; who makes it does the decoding."""

    def __init__(
        self, context: Context, sampler: Sampler, text: StreamedText, logprobs: int | None
    ) -> None:
        self.length = 0
        self.last_token = -1
        self._context, self._sampler, self._text, self._top = context, sampler, text, logprobs
        # What no chunk has had yet.
        self._certain = ""
        self._unsent: list[tuple[int, TokenLogprob | None]] = []

    @property
    def has_text(self) -> bool:
        """Whether there is text that no chunk has had yet."""
        return bool(self._certain)

    def take(self, row: int = -1) -> bool:
        """Choose a token by the logits of a row of the last decode; whether the answer goes on.

        It does not with an end of turn, which is left out, nor with a stop string.
        """
        vocabulary = self._context.model.vocabulary
        token = self._sampler.sample(self._context.handle, row)
        if token is None or vocabulary.ends_answer(token):
            return False
        top = self._top
        logprob = None if top is None else _logprob(self._context, row, token, top)
        self._unsent.append((token, logprob))
        self.last_token = token
        self.length += 1
        self._certain += self._text.add(vocabulary.piece(token))
        return self._text.stopped_by is None

    def chunk(self) -> Chunk:
        """What no chunk has had yet."""
        text, tokens, logprobs = self._send()
        return Chunk(text, tokens, logprobs=logprobs)

    def last_chunk(self, reason: FinishReason, took: Statistics) -> LastChunk:
        """What is left of the answer, and how it ended."""
        self._certain += self._text.finish()
        text, tokens, logprobs = self._send()
        stopped_by, seed = self._text.stopped_by, self._sampler.seed
        return LastChunk(text, tokens, reason, stopped_by, took, seed, logprobs=logprobs)

    def _send(self) -> tuple[str, tuple[int, ...], tuple[TokenLogprob, ...]]:
        text, unsent = self._certain, self._unsent
        self._certain, self._unsent = "", []
        logprobs = tuple(logprob for _, logprob in unsent if logprob is not None)
        return text, tuple(token for token, _ in unsent), logprobs


def _logprob(context: Context, row: int, token: int, top: int) -> TokenLogprob:
    """From the logits that the last decode left in a row."""
    # numpy is slow to import, and most answers go without.
    import numpy as np

    found: Any = llama_cpp.llama_get_logits_ith(context.handle, row)
    logits = np.ctypeslib.as_array(found, (context.model.vocabulary.size,)).astype(np.float64)
    logits -= logits.max()
    logits -= np.log(np.exp(logits).sum())
    likeliest = np.argsort(-logits, kind="stable")[:top]
    return TokenLogprob(
        token,
        float(logits[token]),
        tuple((int(other), float(logits[other])) for other in likeliest),
    )
