"""The engine against llama.cpp used plainly: same tokens, what is decoded anew, stopping."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_local.engine.context import Context
from starling_local.engine.generation import Chunk, FinishReason, LastChunk, generate
from starling_local.engine.model import Model
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.prompt import (
    CARD_VECTORS,
    Condition,
    Message,
    Role,
    Segment,
    encode,
    prompt_segments,
)
from starling_local.settings import ContextSettings, KvType, Limits, Sampling
from tests import llama
from tests.checkpoints import Shape, write_checkpoint


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


@pytest.fixture
def context(model: Model) -> Iterator[Context]:
    with Context(model, ContextSettings(context=2048)) as made:
        yield made


def prompt(model: Model, *texts: str, condition: Condition = Condition.CHAT) -> list[int]:
    """Ids of user and assistant texts in turn."""
    roles = (Role.USER, Role.ASSISTANT)
    messages = [Message(roles[index % 2], text) for index, text in enumerate(texts)]
    return encode(prompt_segments(messages, condition), model.vocabulary)


def finished(chunks: Iterator[Chunk]) -> tuple[str, LastChunk]:
    """The whole text, and the last chunk."""
    made = list(chunks)
    assert isinstance(made[-1], LastChunk)
    assert not any(isinstance(chunk, LastChunk) for chunk in made[:-1])
    return "".join(chunk.text for chunk in made), made[-1]


QUESTIONS = (
    "Hello, how are you?",
    "Count from 1 to 20.",
    "Send me a heart emoji.",
    "How do you say hello in Japanese?",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_llama_cpps_own(model: Model, context: Context, question: str) -> None:
    text, last = finished(generate(context, prompt(model, question)))
    written = f"GPT4 Correct User: {question}<|end_of_turn|>GPT4 Correct Assistant:"
    ids = llama.tokenise(model.handle, written, special=True)
    assert text == llama.greedy(model.handle, ids, limit=300).removeprefix(" ")
    assert last.reason is FinishReason.STOP
    assert last.statistics.prompt_tokens == len(ids)


def test_the_cards_ids(tmp_path: Path) -> None:
    """A file with Mistral's vocabulary is proven on loading."""
    write_checkpoint(tmp_path / "in", Shape(layers=1, hidden=32, ffn=32, heads=2, kv_heads=1))
    plan = plan_conversion(tmp_path / "in", [FileType.F16], tmp_path)
    [written] = run_conversion(plan, ConversionSettings(verify=False))
    with Model(written.planned.path) as model:
        assert model.identity.has_mistral_vocabulary
        assert model.identity.end_of_turn == 32000
        for vector in CARD_VECTORS:
            *closed, last = vector.segments
            segments = [*map(Segment, closed), Segment(last, is_open=True)]
            assert encode(segments, model.vocabulary) == list(vector.ids)


def test_a_new_turn_decodes_only_what_is_new(model: Model, context: Context) -> None:
    asked = "My name is Jorinde."
    answer, first = finished(generate(context, prompt(model, asked)))
    assert first.statistics.prefilled_tokens == first.statistics.prompt_tokens
    whole = prompt(model, asked, answer, "What is 2 + 3?")
    _, second = finished(generate(context, whole))
    known = first.statistics.prompt_tokens + first.statistics.generated_tokens
    assert second.statistics.prefilled_tokens == len(whole) - known


def test_regenerating_decodes_one_token(model: Model, context: Context) -> None:
    ids = prompt(model, "Count from 1 to 20.")
    text, _ = finished(generate(context, ids))
    again, last = finished(generate(context, ids))
    assert again == text
    assert last.statistics.prefilled_tokens == 1


def test_a_cut_cache_gives_the_same_answer(model: Model, context: Context) -> None:
    """Undo and another question, against the same question asked straight."""
    straight = prompt(model, "What is 17 + 25?")
    with Context(model, ContextSettings(context=2048)) as fresh:
        expected, _ = finished(generate(fresh, straight))
    finished(generate(context, prompt(model, "What is 1 + 1?", "1 + 1 = 2.", "Tell me a joke.")))
    text, last = finished(generate(context, straight))
    assert text == expected
    assert last.statistics.prefilled_tokens < last.statistics.prompt_tokens


def test_dropping_old_tokens_moves_the_rest(model: Model, context: Context) -> None:
    ids = prompt(model, "My name is Jorinde.", "Nice to meet you, Jorinde!", "Count to 9.")
    context.prefill(ids)
    first_turn = len(prompt(model, "My name is Jorinde.", "Nice to meet you, Jorinde!", "x")) - len(
        prompt(model, "x")
    )
    context.drop(1, 1 + first_turn)
    assert list(context.tokens()) == prompt(model, "Count to 9.")
    text, last = finished(generate(context, prompt(model, "Count to 9.")))
    assert text.startswith("1, 2, 3")
    assert last.statistics.prefilled_tokens == 1


def test_stop_strings_and_limits(model: Model, context: Context) -> None:
    ids = prompt(model, "Count from 1 to 20.")
    text, last = finished(generate(context, ids, limits=Limits(stop=("1, 12",))))
    assert text == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1"
    assert (last.reason, last.stopped_by) == (FinishReason.STOP, "1, 12")
    text, last = finished(generate(context, ids, limits=Limits(max_tokens=5)))
    assert (last.reason, last.statistics.generated_tokens) == (FinishReason.LENGTH, 5)
    whole, _ = finished(generate(context, ids))
    assert whole.startswith(text)
    with pytest.raises(UsageError, match="stop string"):
        finished(generate(context, ids, limits=Limits(stop=("",))))


SAMPLINGS = (
    Sampling(temperature=1.5, seed=7),
    Sampling(temperature=1.5, seed=7, top_k=0, top_p=1, min_p=0, typical=0.9),
    Sampling(temperature=1.5, seed=7, repeat_penalty=1.2, presence_penalty=0.3),
    Sampling(temperature=1.5, seed=7, dry_multiplier=0.8, xtc_probability=0.5),
    Sampling(temperature=1.5, seed=7, mirostat=1),
    Sampling(temperature=1.5, seed=7, mirostat=2),
)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_same_seed_gives_the_same_text(
    model: Model, context: Context, sampling: Sampling
) -> None:
    ids = prompt(model, "Tell me a story about a fox named Linnea.")
    texts = {finished(generate(context, ids, sampling))[0] for _ in range(3)}
    assert len(texts) == 1


def test_without_a_seed_texts_differ_and_name_theirs(model: Model, context: Context) -> None:
    ids = prompt(model, "purple clock seven")
    hot = Sampling(temperature=3.0, top_k=0, top_p=1, min_p=0)
    limits = Limits(max_tokens=40)
    first, last = finished(generate(context, ids, hot, limits))
    second, _ = finished(generate(context, ids, hot, limits))
    assert first != second
    again = Sampling(temperature=3.0, top_k=0, top_p=1, min_p=0, seed=last.seed)
    assert finished(generate(context, ids, again, limits))[0] == first


def test_grammar_and_logit_bias(model: Model, context: Context) -> None:
    ids = prompt(model, "What is the capital of France?")
    grammar = 'root ::= " yes" | " no"'
    text, last = finished(generate(context, ids, Sampling(grammar=grammar)))
    assert text in ("yes", "no")
    assert last.reason is FinishReason.STOP
    with pytest.raises(UsageError, match="grammar"):
        finished(generate(context, ids, Sampling(grammar="root ::= (")))
    banned = model.vocabulary.tokenise("The")[0]
    text, _ = finished(generate(context, ids, Sampling(logit_bias={banned: -100.0})))
    assert not text.startswith("The ")


def test_a_prompt_that_does_not_fit(model: Model) -> None:
    with Context(model, ContextSettings(context=256)) as small:
        with pytest.raises(PromptTooLongError, match="256"):
            finished(generate(small, prompt(model, "word " * 400)))
        _, last = finished(generate(small, prompt(model, "Count from 1 to 50. " + "a " * 200)))
        assert last.statistics.prompt_tokens + last.statistics.generated_tokens <= 256
        assert finished(generate(small, prompt(model, "Hello")))[0]


@pytest.mark.parametrize("kv_type", KvType)
def test_the_types_of_the_cache(model: Model, kv_type: KvType) -> None:
    with Context(model, ContextSettings(context=512, kv_type=kv_type)) as made:
        text, _ = finished(generate(made, prompt(model, "Hello, how are you?")))
    assert text == "Hello! I am fine, thank you. How can I help you?"


def interrupt_after(seconds: float) -> None:
    """Ctrl-C for this process, soon."""
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_ctrl_c_stops_a_prefill_at_once(model: Model) -> None:
    """The context is as good as new afterwards."""
    ids = prompt(model, "apples and pears " * 3000)
    with Context(model, ContextSettings(context=len(ids) + 64, batch=len(ids), threads=1)) as made:
        interrupt_after(0.1)
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            made.prefill(ids)
        stopped_after_s = time.monotonic() - started
        made.keep(0)
        started = time.monotonic()
        made.prefill(ids)
        whole_s = time.monotonic() - started
        assert stopped_after_s < whole_s / 2
        text, _ = finished(generate(made, prompt(model, "Hello, how are you?")))
        assert text == "Hello! I am fine, thank you. How can I help you?"


def test_an_abort_ends_an_answer_and_keeps_it(model: Model, context: Context) -> None:
    ids = prompt(model, "Count from 1 to 50.")
    texts: list[str] = []
    for chunk in generate(context, ids):
        texts.append(chunk.text)
        if len(texts) == 5:
            context.abort.set()
        last = chunk
    assert isinstance(last, LastChunk)
    assert last.reason is FinishReason.INTERRUPTED
    assert "".join(texts).startswith("1, 2")
    assert context.tokens()[: len(ids)] == tuple(ids)
    assert finished(generate(context, prompt(model, "Hello")))[1].reason is FinishReason.STOP


def test_sequences_are_apart(model: Model) -> None:
    with Context(model, ContextSettings(context=2048, sequences=2)) as made:
        first, second = prompt(model, "Count to 9."), prompt(model, "Hello, how are you?")
        made.prefill(first, 0)
        text, _ = finished(generate(made, second, sequence=1))
        assert made.tokens(0) == tuple(first)
        assert text == "Hello! I am fine, thank you. How can I help you?"
