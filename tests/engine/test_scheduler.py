"""Many answers at once, against each one by itself; what is read only once; and full contexts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_local.engine.context import Context
from starling_local.engine.generation import Chunk, FinishReason, LastChunk, generate
from starling_local.engine.model import Model
from starling_local.engine.scheduler import Request, Scheduler
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Limits, Sampling

QUESTIONS = (
    "Count from 1 to 20.",
    "List the days of the week.",
    "Hello",
    "List the months of the year.",
    "Tell me a story about a fox named Anna.",
    "What is 12 + 7?",
    "Count from 30 to 45.",
    "What is the capital of France?",
)


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


def prompt(model: Model, question: str, *, before: str = "") -> list[int]:
    messages = [Message(Role.SYSTEM, before)] if before else []
    messages.append(Message(Role.USER, question))
    return encode(prompt_segments(messages), model.vocabulary)


def alone(model: Model, request: Request) -> tuple[str, LastChunk]:
    """The answer to a request in a context of its own."""
    with Context(model, ContextSettings(context=1024, threads=1)) as context:
        chunks = list(
            generate(
                context, request.prompt, request.sampling, request.limits,
                logprobs=request.logprobs,
            )
        )  # fmt: skip
    assert isinstance(chunks[-1], LastChunk)
    return "".join(chunk.text for chunk in chunks), chunks[-1]


class Answers:
    """What a scheduler's events amount to."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.chunks: dict[int, list[Chunk]] = {}
        self.ends: dict[int, LastChunk] = {}

    def add(self, number: int, chunk: Chunk) -> None:
        assert number not in self.ends
        self.texts[number] = self.texts.get(number, "") + chunk.text
        self.chunks.setdefault(number, []).append(chunk)
        if isinstance(chunk, LastChunk):
            self.ends[number] = chunk


def finished(scheduler: Scheduler, answers: Answers | None = None) -> Answers:
    answers = answers or Answers()
    for _ in range(20_000):
        if scheduler.is_idle:
            return answers
        for number, chunk in scheduler.step():
            answers.add(number, chunk)
    raise AssertionError("it comes to no end")


def settings(context: int = 2048, sequences: int = 4) -> ContextSettings:
    return ContextSettings(context=context, sequences=sequences, threads=1)


def test_together_as_alone(model: Model) -> None:
    """More requests than sequences, of all kinds."""
    requests = [Request(prompt(model, question)) for question in QUESTIONS]
    requests += [
        Request(prompt(model, QUESTIONS[0]), limits=Limits(max_tokens=5)),
        Request(prompt(model, QUESTIONS[1]), limits=Limits(stop=("Wednesday",))),
        Request(prompt(model, QUESTIONS[3]), Sampling(temperature=0.1, seed=5)),
        Request(prompt(model, QUESTIONS[5]), logprobs=2),
    ]
    expected = [alone(model, request) for request in requests]
    with Context(model, settings()) as context, Scheduler(context) as scheduler:
        numbers = [scheduler.submit(request) for request in requests]
        assert scheduler.pending == len(requests)
        answers = finished(scheduler)
        for number, (text, last) in zip(numbers, expected, strict=True):
            found = answers.ends[number]
            assert answers.texts[number] == text
            assert (found.reason, found.stopped_by) == (last.reason, last.stopped_by)
            assert found.statistics.generated_tokens == last.statistics.generated_tokens
            assert found.statistics.prompt_tokens == last.statistics.prompt_tokens
        logprobs = [one for chunk in answers.chunks[numbers[-1]] for one in chunk.logprobs]
        assert len(logprobs) == answers.ends[numbers[-1]].statistics.generated_tokens
        assert all(len(one.top) == 2 and one.top[0][0] == one.token for one in logprobs)


def test_answers_come_side_by_side(model: Model) -> None:
    """None waits until another one ends, and all go on in each step."""
    with Context(model, settings()) as context, Scheduler(context) as scheduler:
        for index in (0, 1, 3, 4):
            scheduler.submit(Request(prompt(model, QUESTIONS[index])))
        scheduler.step()
        seen = [{number for number, _ in scheduler.step()} for _ in range(8)]
        assert set().union(*seen) == {1, 2, 3, 4}


def test_what_requests_have_in_common_is_read_once(model: Model) -> None:
    """Also if they come at the same time, and while the first one is still in use."""
    before = "The user has a dog and a cat. " * 20
    requests = [Request(prompt(model, question, before=before)) for question in QUESTIONS]
    shared = len(prompt(model, "", before=before)) - 12
    with Context(model, settings(4096, 8)) as context, Scheduler(context) as scheduler:
        numbers = [scheduler.submit(request) for request in requests]
        ends = finished(scheduler).ends
        read = [ends[number].statistics.prefilled_tokens for number in numbers]
        assert shared > 150
        assert read[0] == len(requests[0].prompt)
        assert all(
            count < len(one.prompt) - shared
            for count, one in zip(read[1:], requests[1:], strict=True)
        )


def test_samples_of_one_prompt_read_it_once(model: Model) -> None:
    ids = prompt(model, "Tell me a story about a fox named Anna.")
    with Context(model, settings()) as context, Scheduler(context) as scheduler:
        numbers = [
            scheduler.submit(Request(ids, Sampling(temperature=0.9, seed=seed)))
            for seed in range(4)
        ]
        answers = finished(scheduler)
        read = [answers.ends[number].statistics.prefilled_tokens for number in numbers]
        assert read == [len(ids), 1, 1, 1]


def test_a_conversation_goes_on_where_it_was(model: Model) -> None:
    first = Request(prompt(model, QUESTIONS[0]))
    with Context(model, settings()) as context, Scheduler(context) as scheduler:
        number = scheduler.submit(first)
        answers = finished(scheduler)
        answer = [token for chunk in answers.chunks[number] for token in chunk.tokens]
        end = model.vocabulary.end_of_turn
        more = [*first.prompt, *answer, end, *prompt(model, "And now?")[1:]]
        # Others in between take other sequences.
        for question in QUESTIONS[1:3]:
            scheduler.submit(Request(prompt(model, question)))
        finished(scheduler)
        number = scheduler.submit(Request(more))
        read = finished(scheduler).ends[number].statistics.prefilled_tokens
        assert read == len(more) - len(first.prompt) - len(answer)


def test_cancelling(model: Model) -> None:
    expected = alone(model, Request(prompt(model, QUESTIONS[1])))[0]
    with Context(model, settings(sequences=2)) as context, Scheduler(context) as scheduler:
        numbers = [scheduler.submit(Request(prompt(model, one))) for one in QUESTIONS[:3]]
        answers = Answers()
        for _ in range(6):
            for number, chunk in scheduler.step():
                answers.add(number, chunk)
        running = scheduler.cancel(numbers[0])
        waiting = scheduler.cancel(numbers[2])
        assert running is not None
        assert waiting is not None
        assert running.reason is waiting.reason is FinishReason.INTERRUPTED
        assert waiting.statistics.generated_tokens == 0
        assert scheduler.cancel(numbers[0]) is None
        assert finished(scheduler, answers).texts[numbers[1]] == expected
        assert "1, 2, 3, 4, 5, 6".startswith(answers.texts[numbers[0]] + running.text)


def test_an_abort_loses_nothing(model: Model) -> None:
    requests = [Request(prompt(model, question)) for question in QUESTIONS[:4]]
    expected = [alone(model, request)[0] for request in requests]
    chance = random.Random(3)
    with Context(model, settings()) as context, Scheduler(context) as scheduler:
        numbers = [scheduler.submit(request) for request in requests]

        def disturb() -> None:
            for _ in range(50):
                time.sleep(chance.uniform(0.0, 0.004))
                context.abort.set()

        thread = threading.Thread(target=disturb)
        thread.start()
        answers = finished(scheduler)
        thread.join()
        assert [answers.texts[number] for number in numbers] == expected


def test_a_full_context_sets_the_youngest_back(model: Model) -> None:
    """The answers are what they are in a large one."""
    requests = [Request(prompt(model, question)) for question in (*QUESTIONS, *QUESTIONS)]
    expected = [alone(model, request)[0] for request in requests]
    with Context(model, settings(256, 8)) as context, Scheduler(context) as scheduler:
        numbers = [scheduler.submit(request) for request in requests]
        answers = finished(scheduler)
        assert [answers.texts[number] for number in numbers] == expected
        assert {end.reason for end in answers.ends.values()} == {FinishReason.STOP}
        read = sum(end.statistics.prefilled_tokens for end in answers.ends.values())
        assert read > sum(len(request.prompt) for request in requests) / 2


def test_an_answer_that_fills_the_context_ends(model: Model) -> None:
    vocabulary = model.vocabulary
    endless = Sampling(logit_bias={vocabulary.end_of_turn: -1e9, 2: -1e9})
    with Context(model, settings(256, 2)) as context, Scheduler(context) as scheduler:
        ids = prompt(model, QUESTIONS[0])
        numbers = [scheduler.submit(Request(ids, endless)) for _ in range(2)]
        answers = finished(scheduler)
        for number in numbers:
            end = answers.ends[number]
            assert end.reason is FinishReason.LENGTH
            assert end.statistics.generated_tokens >= 256 - len(ids)


def test_an_answer_is_no_longer_than_the_model_was_trained_for(model: Model) -> None:
    endless = Sampling(logit_bias={model.vocabulary.end_of_turn: -1e9, 2: -1e9})
    longest = model.trained_context
    with Context(model, settings(2 * longest, 2)) as context, Scheduler(context) as scheduler:
        number = scheduler.submit(Request([1] * (longest - 5), endless))
        end = finished(scheduler).ends[number]
        assert (end.reason, end.statistics.generated_tokens) == (FinishReason.LENGTH, 5)
        with pytest.raises(PromptTooLongError):
            scheduler.submit(Request([1] * longest))


def test_requests_that_cannot_be(model: Model) -> None:
    with Context(model, settings(256)) as context, Scheduler(context) as scheduler:
        with pytest.raises(PromptTooLongError, match="256"):
            scheduler.submit(Request([1] * 256))
        with pytest.raises(UsageError, match="no tokens"):
            scheduler.submit(Request([]))
        with pytest.raises(UsageError, match="logprobs"):
            scheduler.submit(Request([1], logprobs=-1))
        with pytest.raises(UsageError, match="mirostat"):
            scheduler.submit(Request([1], Sampling(mirostat=7)))
        with pytest.raises(UsageError, match="stop string"):
            scheduler.submit(Request([1], limits=Limits(stop=("",))))
        assert scheduler.is_idle
        assert list(scheduler.step()) == []


def test_many_small_requests_at_random(model: Model) -> None:
    """Submitted, answered and cancelled in any order; the cache stays what the context says."""
    chance = random.Random(11)
    requests = [Request(prompt(model, question)) for question in QUESTIONS]
    expected = [alone(model, request)[0] for request in requests]
    asked: dict[int, int] = {}
    answers = Answers()
    with Context(model, settings(512, 3)) as context, Scheduler(context) as scheduler:
        for _ in range(400):
            if chance.random() < 0.15:
                index = chance.randrange(len(requests))
                asked[scheduler.submit(requests[index])] = index
            if chance.random() < 0.02 and asked:
                number = chance.choice(tuple(asked))
                if scheduler.cancel(number):
                    del asked[number]
            for number, chunk in scheduler.step():
                answers.add(number, chunk)
        finished(scheduler, answers)
        assert len(asked) > 20
        assert all(answers.texts[number] == expected[index] for number, index in asked.items())
