"""Answers as they are made: chunks of text, the last with the reason it ended and what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

from starling_local.engine.context import Context
from starling_local.engine.sampling import Sampler
from starling_local.engine.text import StreamedText
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
) -> Iterator[Chunk]:
    """Yield the answer to a prompt of token ids; the last item is a `LastChunk`.

    `context.abort.set()`, from a signal handler or another thread, ends the answer at once with
    INTERRUPTED; during the prefill KeyboardInterrupt is raised, for there is nothing to keep.

    Raises:
        PromptTooLongError: the prompt leaves no room for an answer.
        UsageError: a stop string is empty, or the grammar cannot be parsed.
    """
    sampling, limits = sampling or Sampling(), limits or Limits()
    vocabulary = context.model.vocabulary
    text = StreamedText(limits.stop)
    with Sampler(sampling, vocabulary, context.model.trained_context) as sampler:
        started = perf_counter()
        prefilled = context.prefill(prompt, sequence, on_prefill)
        begun = perf_counter()
        generated: list[int] = []
        unsent: list[int] = []
        reason = FinishReason.LENGTH
        room = context.size - len(prompt)
        most = room if limits.max_tokens is None else min(limits.max_tokens, room)
        try:
            while len(generated) < most:
                if context.abort.is_set:
                    raise KeyboardInterrupt
                if generated:
                    context.decode_next(generated[-1], sequence)
                token = sampler.sample(context.handle)
                if vocabulary.ends_answer(token):
                    reason = FinishReason.STOP
                    break
                generated.append(token)
                unsent.append(token)
                certain = text.add(vocabulary.piece(token))
                if text.stopped_by is not None:
                    reason = FinishReason.STOP
                    break
                if certain:
                    yield Chunk(certain, tuple(unsent))
                    unsent.clear()
        except KeyboardInterrupt:
            context.abort.clear()
            reason = FinishReason.INTERRUPTED
        rest = text.finish()
        took = Statistics(
            len(prompt), prefilled, len(generated), begun - started, perf_counter() - begun
        )
        yield LastChunk(rest, tuple(unsent), reason, text.stopped_by, took, sampler.seed)
