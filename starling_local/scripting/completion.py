"""Answers in the shape of OpenAI's chat completions: whole, or as chunks of a stream.

The shapes are those of the package `openai`, types.chat.ChatCompletion and ChatCompletionChunk;
`timings` is ours beside them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from starling_local.engine.generation import Chunk, FinishReason, LastChunk, Statistics
from starling_local.engine.scheduler import Request
from starling_local.engine.vocabulary import Vocabulary
from starling_local.prompt import Role, encode, prompt_segments
from starling_local.scripting.chat_request import BadFieldError, ChatRequest
from starling_local.settings import Sampling

LARGEST_SEED = 2**32 - 2


class Completion:
    """The answers to one chat request, while they are made.

    `model` is the name that the answer gives. `requests` are what the engine is to be asked, one
    for each choice.

    Raises BadFieldError for what depends on the model, or on how many choices there are.
    """

    def __init__(self, request: ChatRequest, vocabulary: Vocabulary, model: str) -> None:
        self._request = request
        self._vocabulary = vocabulary
        self._model = model
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        for token in request.sampling.logit_bias:
            if token >= vocabulary.size:
                raise BadFieldError(f"logit_bias.{token}", "the model has no such token")
        segments = prompt_segments(request.messages, request.condition, request.system_form)
        prompt = encode(segments, vocabulary)
        self.requests = [
            Request(
                prompt,
                _sampling(request.sampling, index),
                request.limits,
                is_continued=request.messages[-1].role is Role.ASSISTANT,
                logprobs=request.logprobs,
            )
            for index in range(request.choices)
        ]
        self._choices = [_Choice(vocabulary) for _ in self.requests]

    @property
    def is_complete(self) -> bool:
        """Whether all choices have ended."""
        return all(choice.end is not None for choice in self._choices)

    @property
    def reasons(self) -> list[FinishReason]:
        """Why the choices ended."""
        return [choice.end.reason for choice in self._choices if choice.end is not None]

    def add(self, index: int, chunk: Chunk) -> None:
        """Take a piece of the choice of that index."""
        self._choices[index].add(chunk)

    def result(self) -> dict[str, Any]:
        """A `chat.completion`, when all choices have ended."""
        return {
            **self._head("chat.completion"),
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": choice.text, "refusal": None},
                    "logprobs": choice.logprobs(self._request.logprobs),
                    "finish_reason": _finish_reason(choice.end),
                }
                for index, choice in enumerate(self._choices)
            ],
            "usage": self.usage(),
            "timings": self.timings(),
        }

    def first_chunks(self) -> list[dict[str, Any]]:
        """The `chat.completion.chunk`s that begin a stream: they say who speaks."""
        return [
            self._chunk(index, {"role": "assistant", "content": ""})
            for index in range(len(self._choices))
        ]

    def chunk(self, index: int, chunk: Chunk) -> dict[str, Any]:
        """A `chat.completion.chunk` for a piece of a choice, which `add` was given."""
        logprobs = None
        if self._request.logprobs is not None and chunk.logprobs:
            logprobs = _logprobs_to_json([chunk], self._vocabulary)
        reason = _finish_reason(chunk) if isinstance(chunk, LastChunk) else None
        delta = {"content": chunk.text} if chunk.text else {}
        return self._chunk(index, delta, logprobs, reason)

    def usage_chunk(self) -> dict[str, Any]:
        """The last `chat.completion.chunk` of a stream that is to tell its usage."""
        head = self._head("chat.completion.chunk")
        return {**head, "choices": [], "usage": self.usage(), "timings": self.timings()}

    def usage(self) -> dict[str, Any]:
        """What the choices took, in tokens, as OpenAI counts it: the prompt once."""
        statistics = self._statistics()
        prompt = statistics[0].prompt_tokens
        made = sum(one.generated_tokens for one in statistics)
        read = statistics[0].prefilled_tokens
        # The last token is always read, unless the answer was cancelled before it began.
        cached = max(0, prompt - read) if read else 0
        return {
            "prompt_tokens": prompt,
            "completion_tokens": made,
            "total_tokens": prompt + made,
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    def timings(self) -> dict[str, Any]:
        """What the choices took, in seconds, each from its own beginning; the longest counts."""
        statistics = self._statistics()
        made = sum(one.generated_tokens for one in statistics)
        generate_s = max(one.generate_s for one in statistics)
        return {
            "prefilled_tokens": sum(one.prefilled_tokens for one in statistics),
            "prefill_s": round(max(one.prefill_s for one in statistics), 6),
            "generated_tokens": made,
            "generate_s": round(generate_s, 6),
            "tokens_per_second": round(made / generate_s, 2) if generate_s > 0 else 0.0,
        }

    def _statistics(self) -> list[Statistics]:
        return [choice.end.statistics for choice in self._choices if choice.end is not None]

    def _chunk(
        self,
        index: int,
        delta: Mapping[str, Any],
        logprobs: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id, "object": kind, "created": self._created, "model": self._model,
        }  # fmt: skip


class _Choice:
    """One of the answers to a request."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._chunks: list[Chunk] = []
        self.end: LastChunk | None = None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self._chunks)

    def add(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        if isinstance(chunk, LastChunk):
            self.end = chunk

    def logprobs(self, wanted: int | None) -> dict[str, Any] | None:
        return None if wanted is None else _logprobs_to_json(self._chunks, self._vocabulary)


def _sampling(sampling: Sampling, index: int) -> Sampling:
    """The sampling of a choice: each has a seed of its own."""
    if sampling.seed is None or index == 0:
        return sampling
    if sampling.seed + index > LARGEST_SEED:
        raise BadFieldError("seed", "it is too large for so many choices: each has one of its own")
    return replace(sampling, seed=sampling.seed + index)


def _finish_reason(end: LastChunk | None) -> str:
    """As OpenAI names it, which knows no answer that was interrupted: that one is too short."""
    if end is None:
        raise ValueError("the choice has not ended")
    return "stop" if end.reason is FinishReason.STOP else "length"


def _logprobs_to_json(chunks: Sequence[Chunk], vocabulary: Vocabulary) -> dict[str, Any]:
    def entry(token: int, logprob: float) -> dict[str, Any]:
        raw = vocabulary.piece(token)
        # What is not possible at all has minus infinity, which JSON does not know.
        shown = max(logprob, -9999.0)
        return {"token": raw.decode("utf-8", "replace"), "logprob": shown, "bytes": list(raw)}

    content = [
        {
            **entry(one.token, one.logprob),
            "top_logprobs": [entry(token, logprob) for token, logprob in one.top],
        }
        for chunk in chunks
        for one in chunk.logprobs
    ]
    return {"content": content, "refusal": None}
