"""The edges of an answer: full contexts, empty prompts, interruptions, progress, settings."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import llama_cpp
import pytest

from starling_local.engine.context import Context
from starling_local.engine.generation import Answer, FinishReason, LastChunk, generate
from starling_local.engine.model import Model
from starling_local.engine.pieces import pieces
from starling_local.engine.sampling import Sampler
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Limits, Sampling

SETTINGS = ContextSettings(context=256, threads=1)
QUESTION = "Count from 1 to 50."


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


@pytest.fixture
def context(model: Model) -> Iterator[Context]:
    with Context(model, SETTINGS) as made:
        yield made


def prompt(model: Model, question: str = QUESTION) -> list[int]:
    return encode(prompt_segments([Message(Role.USER, question)]), model.vocabulary)


def last(chunks: Iterator[Any]) -> LastChunk:
    *_, chunk = chunks
    assert isinstance(chunk, LastChunk)
    return chunk


# Room.


def test_a_prompt_that_fills_the_context_exactly(context: Context) -> None:
    full = [1, *[300] * (context.size - 1)]
    with pytest.raises(PromptTooLongError, match="room for 256"):
        next(generate(context, full))
    assert context.tokens() == ()
    with pytest.raises(PromptTooLongError, match="room for 256"):
        next(generate(context, full, on_full=lambda: False))
    made = last(generate(context, full[:-1]))
    assert (made.reason, made.statistics.generated_tokens) == (FinishReason.LENGTH, 2)

    def make_room() -> bool:
        context.drop(1, 100)
        return True

    endless = Sampling(logit_bias=dict.fromkeys(context.model.vocabulary.ends, -100.0))
    made = last(generate(context, full, endless, Limits(max_tokens=50), on_full=make_room))
    assert made.statistics.generated_tokens == 50


def test_an_empty_prompt_is_refused(context: Context) -> None:
    with pytest.raises(UsageError, match="no tokens"):
        next(generate(context, []))


def test_a_context_that_other_sequences_fill_ends_an_answer(model: Model) -> None:
    """It asks for room, and ends with LENGTH if there is none; nothing is lost."""
    settings = ContextSettings(context=256, sequences=2, threads=1)
    with Context(model, settings) as context:
        ids = prompt(model)
        context.prefill([1, *[300] * (context.size - len(ids) - 12)], 1)
        asked = []

        def make_room() -> bool:
            asked.append(context.length(0))
            if len(asked) > 1:
                return False
            context.keep(context.length(1) - 5, 1)
            return True

        made = last(generate(context, ids, on_full=make_room))
        assert made.reason is FinishReason.LENGTH
        assert asked == [len(ids) + 11, len(ids) + 16]
        assert made.statistics.generated_tokens == 17
        context.keep(0, 1)
        assert last(generate(context, ids)).statistics.prefilled_tokens == 1


# Interruptions.


class Raised(KeyboardInterrupt):
    """What a handler raises, to be told from others."""


@pytest.fixture
def alarm() -> Iterator[list[int]]:
    """A handler that raises, of a signal that comes often once it is asked for."""
    came: list[int] = []

    def handle(_number: int, _frame: FrameType | None) -> None:
        came.append(1)
        raise Raised

    before = signal.signal(signal.SIGALRM, handle)
    yield came
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_no_signal_leaves_a_prefill_running(model: Model, alarm: list[int]) -> None:
    """However many there are: nothing computes afterwards, and the tokens are the cache's."""
    ids = [1, *[300 + place % 50 for place in range(600)]]
    with Context(model, ContextSettings(context=1024, threads=1)) as context:
        memory = llama_cpp.llama_get_memory(context.handle)
        raised = 0
        for number in range(40):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 * (number + 1), 0.001)
                context.prefill(ids)
            except Raised:
                raised += 1
            finally:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Raised:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            assert threading.active_count() == 1
            assert not context.abort.is_set
            last_position = llama_cpp.llama_memory_seq_pos_max(memory, 0)
            assert last_position + 1 == len(context.tokens())
            context.keep(0)
        assert raised > 20
        assert len(alarm) >= raised
        with pytest.raises(Raised):
            signal.raise_signal(signal.SIGALRM)
        assert context.prefill(ids) == len(ids)


def test_a_handler_that_raises_nothing_runs_amid_a_prefill(model: Model) -> None:
    """At once, and the prefill goes on."""
    came: list[float] = []

    def hear(_number: int, _frame: FrameType | None) -> None:
        came.append(time.monotonic())

    before = signal.signal(signal.SIGALRM, hear)
    ids = [1, *[300] * 4000]
    try:
        with Context(model, ContextSettings(context=4096, batch=4096, threads=1)) as context:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            assert context.prefill(ids) == len(ids)
            assert came
            assert came[0] < time.monotonic() - 0.05
            assert signal.getsignal(signal.SIGALRM) is hear
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_prefill_in_another_thread_can_be_aborted(model: Model) -> None:
    ids = [1, *[300] * 4000]
    found: list[BaseException] = []
    with Context(model, ContextSettings(context=4096, threads=1)) as context:

        def read() -> None:
            try:
                context.prefill(ids)
            except KeyboardInterrupt as error:
                found.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(0.05)
        context.abort.set()
        thread.join()
        assert len(found) == 1
        assert not context.abort.is_set


@pytest.mark.parametrize("step", range(6))
def test_an_interruption_between_two_steps_keeps_text_and_tokens_together(
    model: Model, context: Context, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Wherever Python raises it, also when a token is chosen and its text not yet added."""
    from starling_local.engine.text import StreamedText

    whole = "".join(chunk.text for chunk in generate(context, prompt(model)))
    calls = []

    def once(original: Any, after: bool) -> Any:
        def wrapped(*args: Any, **named: Any) -> Any:
            calls.append(original)
            if len(calls) != 20:
                return original(*args, **named)
            if after:
                original(*args, **named)
            raise KeyboardInterrupt

        return wrapped

    owner, name = ((StreamedText, "add"), (Answer, "take"), (Context, "decode_next"))[step // 2]
    monkeypatch.setattr(owner, name, once(getattr(owner, name), bool(step % 2)))
    chunks = list(generate(context, prompt(model)))
    monkeypatch.undo()
    end = chunks[-1]
    assert isinstance(end, LastChunk)
    assert end.reason is FinishReason.INTERRUPTED
    tokens = [token for chunk in chunks for token in chunk.tokens]
    assert len(tokens) == end.statistics.generated_tokens
    text = "".join(chunk.text for chunk in chunks)
    assert text == b"".join(map(model.vocabulary.piece, tokens)).decode().removeprefix(" ")
    assert whole.startswith(text)
    assert text
    known = context.tokens()[len(prompt(model)) :]
    assert list(known) in (tokens, tokens[:-1])


def test_what_was_sent_is_not_sent_again(model: Model, context: Context) -> None:
    with Context(model, SETTINGS) as fresh:
        fresh.prefill(prompt(model))
        sampler = Sampler(Sampling(), model.vocabulary, fresh.size)
        answer = Answer(fresh, sampler, (), None, is_continued=False)
        sent = []
        for number in range(12):
            assert answer.take()
            fresh.decode_next(answer.last_token)
            answer.mend()
            if number % 3 == 2:
                sent.append(answer.send())
                assert not answer.has_text
        sampler.close()
    limits = Limits(max_tokens=12)
    expected = "".join(chunk.text for chunk in generate(context, prompt(model), limits=limits))
    assert "".join(chunk.text for chunk in sent) == expected
    assert sum(len(chunk.tokens) for chunk in sent) == 12


# Progress.


def test_progress_comes_in_steps_of_the_models_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """About one a second, whatever the speed; and larger pieces for nobody."""
    clock = [0.0]
    monkeypatch.setattr("starling_local.engine.pieces.perf_counter", lambda: clock[0])

    def read(tokens_per_s: float) -> tuple[list[int], list[tuple[int, int]]]:
        heard: list[tuple[int, int]] = []
        sizes = []
        for piece in pieces(range(1000), 512, lambda done, todo: heard.append((done, todo))):
            sizes.append(len(piece))
            clock[0] += len(piece) / tokens_per_s
        return sizes, heard

    assert read(20)[0] == [32] * 31 + [8]
    assert read(100)[0] == [32, *[96] * 10, 8]
    sizes, heard = read(10_000)
    assert sizes == [32, 512, 456]
    assert heard == [(0, 1000), (32, 1000), (544, 1000), (1000, 1000)]
    assert [len(piece) for piece in pieces(range(1000), 512)] == [512, 488]
    assert [len(piece) for piece in pieces(range(10), 4, lambda *_: None)] == [4, 4, 2]


def test_progress_changes_no_answer(model: Model, context: Context) -> None:
    question = "apples and pears " * 12 + QUESTION
    heard: list[tuple[int, int]] = []
    plain = [chunk.text for chunk in generate(context, prompt(model, question))]
    context.keep(0)
    ids = prompt(model, question)
    watched = generate(context, ids, on_prefill=lambda *both: heard.append(both))
    assert [chunk.text for chunk in watched] == plain
    assert heard[0] == (0, len(ids))
    assert heard[-1] == (len(ids), len(ids))
    assert len(heard) > 2


# Settings.


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ContextSettings(context=0), "length of the context"),
        (ContextSettings(context=-5), "length of the context"),
        (ContextSettings(context=2**40), "length of the context"),
        (ContextSettings(batch=0), "batch"),
        (ContextSettings(sequences=0), "sequences"),
        (ContextSettings(sequences=257), "sequences must be from 1 to 256, not 257"),
        (ContextSettings(threads=0), "threads"),
        (ContextSettings(threads=100_000), "threads"),
    ],
)
def test_settings_that_are_not_possible(model: Model, settings: ContextSettings, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Context(model, settings)
