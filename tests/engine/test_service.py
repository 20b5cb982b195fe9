"""The scheduler on its own thread: asking, cancelling within a computation, failing, closing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_local.engine.context import Context
from starling_local.engine.generation import FinishReason, LastChunk
from starling_local.engine.model import Model
from starling_local.engine.scheduler import Request
from starling_local.engine.service import Service
from starling_local.errors import UsageError
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Sampling


@pytest.fixture
def context(nano_file: Path) -> Iterator[Context]:
    with Model(nano_file) as model, Context(model, ContextSettings(4096, sequences=4)) as made:
        yield made


def prompt(context: Context, question: str) -> list[int]:
    segments = prompt_segments([Message(Role.USER, question)])
    return encode(segments, context.model.vocabulary)


def endless(context: Context, question: str) -> Request:
    """A question with a long prompt, whose answer does not end by itself."""
    bias = {context.model.vocabulary.end_of_turn: -math.inf, 2: -math.inf}
    return Request(prompt(context, question), Sampling(logit_bias=bias))


def answer(service: Service, number: int) -> tuple[str, LastChunk]:
    """The next answer, of which no other event comes between."""
    text = ""
    while True:
        event = service.events.get(timeout=60)
        assert isinstance(event, tuple)
        assert event[0] == number
        text += event[1].text
        if isinstance(event[1], LastChunk):
            return text, event[1]


def test_it_answers_and_waits_for_more(context: Context) -> None:
    with Service(context) as service:
        for _ in range(3):
            number = service.submit(Request(prompt(context, "Hello")))
            text, last = answer(service, number)
            assert text == "Hello! How can I help you?"
            assert last.reason is FinishReason.STOP
        with pytest.raises(UsageError):
            service.submit(Request([1], Sampling(mirostat=5)))
    assert context.prefill(prompt(context, "Hello")) == 1


def test_cancelling_while_a_prompt_is_read(context: Context) -> None:
    """What else is asked is not harmed."""
    with Service(context) as service:
        long = service.submit(endless(context, "apples and pears " * 300))
        other = service.submit(Request(prompt(context, "Hello")))
        time.sleep(0.05)
        service.cancel(long)
        service.cancel(long)
        texts = {long: "", other: ""}
        ends: dict[int, FinishReason] = {}
        while len(ends) < 2:
            event = service.events.get(timeout=60)
            assert isinstance(event, tuple)
            texts[event[0]] += event[1].text
            if isinstance(event[1], LastChunk):
                ends[event[0]] = event[1].reason
        assert ends == {long: FinishReason.INTERRUPTED, other: FinishReason.STOP}
        assert texts[other] == "Hello! How can I help you?"
        service.cancel(other)
        assert answer(service, service.submit(Request(prompt(context, "Hello"))))[0]
        assert service.events.empty()


def test_closing_stops_what_is_computed(context: Context) -> None:
    service = Service(context)
    service.submit(endless(context, "apples and pears " * 300))
    time.sleep(0.05)
    service.close()
    service.close()
    while (event := service.events.get(timeout=60)) is not None:
        assert isinstance(event, tuple)
        assert not isinstance(event[1], LastChunk)
    assert not context.abort.is_set
    assert context.prefill(prompt(context, "Hello"))


def test_a_failure_is_heard_of(context: Context) -> None:
    with Service(context) as service:
        service.submit(Request([1, context.model.vocabulary.size]))
        event = service.events.get(timeout=60)
        assert isinstance(event, RuntimeError)
        assert "llama_decode" in str(event)
