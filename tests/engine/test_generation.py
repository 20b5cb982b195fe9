"""The edges of an answer: full contexts, empty prompts, interruptions, progress, settings."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import llama_cpp
import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_local.engine.context import Context
from starling_local.engine.generation import Answer, FinishReason, LastChunk, generate
from starling_local.engine.model import Model
from starling_local.engine.sampling import Sampler
from starling_local.engine.steps import Steps
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Limits, Sampling
from tests.checkpoints import Shape, write_checkpoint

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


class Rain:
    """Signals every millisecond, whose handler raises as long as it may."""

    def __init__(self) -> None:
        self._left = 0

    def __enter__(self) -> Rain:
        self._before = signal.signal(signal.SIGALRM, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._left:
            self._left -= 1
            raise Raised

    def interrupts(self, call: Callable[[], object], after_s: float, most: int = 9) -> bool:
        """Call something; whether anything was raised by then."""
        try:
            try:
                self._left = most
                signal.setitimer(signal.ITIMER_REAL, after_s, 0.001)
                call()
            finally:
                self._left = 0
        except Raised:
            self._left = 0
            return True
        return False


def test_no_signal_leaves_a_prefill_running(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: nothing computes afterwards, and the tokens are the cache's."""
    # What is raised while Python takes an object away comes here; pytest's own would fail for it.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    ids = [1, *[300 + place % 50 for place in range(600)]]
    with Rain() as rain, Context(model, ContextSettings(context=1024, threads=1)) as context:
        memory = llama_cpp.llama_get_memory(context.handle)
        raised = 0
        for number in range(40):
            raised += rain.interrupts(lambda: context.prefill(ids), 0.0005 * (number + 1))
            assert threading.active_count() == 1
            assert not context.abort.is_set
            last_position = llama_cpp.llama_memory_seq_pos_max(memory, 0)
            assert last_position + 1 == len(context.tokens())
            context.keep(0)
        assert raised > 20
        # The handler is still there, or one that does the same.
        assert rain.interrupts(lambda: time.sleep(60), 0.001)
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


def test_progress_comes_within_one_computation(model: Model) -> None:
    """The first one, too, of which the number of steps is only guessed."""
    ids = [1, *[300] * 4000]
    heard: list[tuple[int, int]] = []
    with Context(model, ContextSettings(context=4096, batch=4096, threads=1)) as context:
        for _ in range(2):
            heard.clear()
            context.prefill(ids, on_progress=lambda done, todo: heard.append((done, todo)))
            assert heard[0] == (0, 4001)
            assert heard[-1] == (4001, 4001)
            assert len({done for done, _ in heard}) > 3
            assert heard == sorted(heard)
            assert {todo for _, todo in heard} == {4001}
            context.keep(0)


@pytest.mark.parametrize("file", ["nano", "mistral"])
def test_the_guess_of_a_computations_steps(model: Model, tmp_path: Path, file: str) -> None:
    """It holds for llama.cpp as it is; otherwise the first progress is wrong, and no more."""
    if file == "nano":
        check_steps(model)
        return
    write_checkpoint(tmp_path / "in", Shape(layers=2, hidden=32, ffn=32, heads=2, kv_heads=1))
    plan = plan_conversion(tmp_path / "in", [FileType.F16], tmp_path)
    (written,) = run_conversion(plan, ConversionSettings(verify=False))
    with Model(written.planned.path) as other:
        check_steps(other)


def check_steps(model: Model) -> None:
    layers = model.header.metadata["llama.block_count"]
    assert isinstance(layers, int)
    with Context(model, SETTINGS) as context:
        steps = Steps(context.abort, layers)
        guess = steps._expected
        with steps.watched(context.handle):
            context.decode_many({0: [1, 300, 301]})
        assert steps._expected == guess


def test_a_failure_of_who_watches_ends_the_prefill(model: Model) -> None:
    ids = [1, *[300] * 4000]
    calls: list[int] = []

    def watch(done: int, _todo: int) -> None:
        calls.append(done)
        if len(calls) == 2:
            raise BrokenPipeError

    with Context(model, ContextSettings(context=4096, batch=4096, threads=1)) as context:
        with pytest.raises(BrokenPipeError):
            context.prefill(ids, on_progress=watch)
        assert len(calls) == 2
        assert context.tokens() == ()
        assert not context.abort.is_set
        assert context.prefill([1, 300]) == 2


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
