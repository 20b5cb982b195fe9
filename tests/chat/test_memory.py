"""What is forgotten when the context is full, and comes back when there is room again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from starling_local.chat.conversation import Conversation
from starling_local.chat.memory import forgotten_so_far, oldest
from starling_local.engine.context import Context, common_length
from starling_local.engine.generation import FinishReason, LastChunk
from starling_local.engine.model import Model
from starling_local.errors import PromptTooLongError
from starling_local.settings import ContextSettings, Limits, Overflow, Sampling

Make = Callable[..., Conversation]


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


@pytest.fixture
def make(model: Model) -> Iterator[Make]:
    """Makes conversations, each in a context of its own."""
    contexts: list[Context] = []

    def made(size: int = 512, overflow: Overflow = Overflow.SHIFT) -> Conversation:
        contexts.append(Context(model, ContextSettings(context=size)))
        return Conversation(contexts[-1], overflow=overflow)

    yield made
    for context in contexts:
        context.close()


def questions(count: int) -> list[str]:
    return [f"What is {number} + 1?" for number in range(count)]


def ask(conversation: Conversation, question: str, limits: Limits | None = None) -> LastChunk:
    *_, last = conversation.ask(question, limits=limits)
    assert isinstance(last, LastChunk)
    return last


def test_the_oldest() -> None:
    assert oldest([3, 4, 5], 0) == 0
    assert oldest([3, 4, 5], 3) == 1
    assert oldest([3, 4, 5], 4) == 2
    assert oldest([3, 4, 5], 99) == 3


@pytest.mark.parametrize("overflow", [Overflow.SHIFT, Overflow.DROP])
def test_what_is_forgotten_can_be_worked_out(make: Make, overflow: Overflow) -> None:
    conversation = make(256, overflow)
    for number in range(12):
        ask(conversation, "Count from 60 to 79." if number % 4 == 3 else f"What is {number} + 1?")
        _, prefix = conversation.encode_question("", conversation.condition)
        worked_out = forgotten_so_far(
            [len(one.question_ids) + len(prefix) for one in conversation.exchanges],
            [one.length for one in conversation.exchanges], 1, 256, overflow,
        )  # fmt: skip
        assert worked_out == conversation.forgotten
    assert conversation.forgotten


@pytest.mark.parametrize("overflow", [Overflow.SHIFT, Overflow.DROP])
def test_undo_remembers_what_one_typed_straight_would(make: Make, overflow: Overflow) -> None:
    notes: list[str] = []
    conversation = make(512, overflow)
    conversation._on_note = notes.append
    for question in questions(30):
        ask(conversation, question)
    for _ in range(14):
        conversation.undo()
    straight = make(512, overflow)
    for question in questions(16):
        ask(straight, question)
    assert straight.forgotten == conversation.forgotten > 0
    assert straight.tokens() == conversation.tokens()
    assert "will be read again" in notes[-1]
    for question in ("What is 4 + 5?", "Repeat after me: green apple"):
        ask(straight, question)
        ask(conversation, question)
    if overflow is Overflow.DROP:
        assert straight.exchanges == conversation.exchanges
    while conversation.exchanges:
        conversation.undo()
    assert conversation.forgotten == 0


def test_an_answer_made_again_in_a_full_context_reads_little(make: Make) -> None:
    notes: list[str] = []
    conversation = make()
    for question in questions(20):
        ask(conversation, question)
    conversation._on_note = notes.append
    before = conversation.tokens()
    *_, last = conversation.ask_again(questions(20)[-1])
    assert isinstance(last, LastChunk)
    assert last.statistics.prefilled_tokens == 1
    assert conversation.tokens() == before
    assert notes == []


def test_a_longer_context_remembers_more(make: Make) -> None:
    conversation = make()
    for question in questions(30):
        ask(conversation, question)
    longer = make(2048)
    longer.take_up(conversation.exchanges, conversation.forgotten)
    assert conversation.forgotten
    assert longer.forgotten == 0


def test_an_answer_that_fills_the_context_drops_and_goes_on(make: Make) -> None:
    conversation = make(256, Overflow.DROP)
    for question in ("Hello", "Count from 1 to 20.", "Count from 20 to 30."):
        ask(conversation, question)
    last = ask(conversation, "Count from 60 to 79.")
    assert last.reason is FinishReason.STOP
    assert conversation.forgotten
    tokens = conversation.context.tokens()
    assert common_length(tokens, conversation.tokens()) == len(tokens)
    assert conversation.exchanges[-1].answer == ", ".join(map(str, range(60, 80)))


def test_an_answer_that_cannot_go_on_says_what_is_too_long(make: Make) -> None:
    conversation = make(256)
    long = "Repeat after me: " + "apple pear plum " * 30
    endless = Sampling(logit_bias={2816: -math.inf, 2: -math.inf})
    *_, last = conversation.ask(long, endless)
    assert isinstance(last, LastChunk)
    assert last.reason is FinishReason.LENGTH
    with pytest.raises(PromptTooLongError, match="the last message with its answer has"):
        list(conversation.go_on())
    assert len(conversation.exchanges) == 1


def test_text_and_ids_agree_after_a_stop_string(make: Make) -> None:
    conversation = make()
    for stop in ("5", ", 5", "4, 5, 6", "1"):
        ask(conversation, "Count from 1 to 20.", Limits(stop=(stop,)))
        (said,) = conversation.exchanges
        ids = said.answer_ids[:-1]
        written = b"".join(conversation.context.model.vocabulary.piece(one) for one in ids)
        assert written.decode().partition("Assistant:")[2].strip() == said.answer.strip()
        assert stop not in said.answer
        list(conversation.go_on())
        assert conversation.exchanges[0].answer == ", ".join(map(str, range(1, 21)))
        conversation.undo()


def test_what_is_kept_while_an_answer_is_made(make: Make) -> None:
    conversation = make()
    ask(conversation, "Hello")
    answering = conversation.ask("Count from 1 to 20.", on_prefill=lambda _done, _total: seen())
    unanswered: list[str] = []

    def seen() -> None:
        unanswered.append(conversation.unanswered)

    first = next(answering)
    assert unanswered[0] == "Count from 1 to 20."
    assert len(conversation.exchanges) == 1
    assert conversation.unanswered == ""
    hello, begun = conversation.kept
    assert begun.answer == first.text
    assert begun.reason is FinishReason.INTERRUPTED
    answering.close()
    assert conversation.kept == conversation.exchanges == [hello, begun]
    again = conversation.ask_again("Hello", on_prefill=lambda _done, _total: kept())
    whole: list[int] = []

    def kept() -> None:
        # Until there is another answer, the one before counts.
        whole.append(len(conversation.kept))
        assert conversation.kept[-1] == begun
        assert conversation.unanswered == ""

    next(again)
    assert whole
    assert conversation.kept[-1].question == "Hello"
    again.close()
