"""Several sequences in one context, against each one alone; and what is left after failures."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from starling_local.engine.context import Context, common_length
from starling_local.engine.model import Model
from starling_local.errors import PromptTooLongError
from starling_local.prompt import Condition, Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, KvType

# Their answers are longer than what is generated here: beyond its end, where the model never was
# trained, next to nothing decides between two tokens.
QUESTIONS = (
    "Count from 1 to 20.",
    "List the days of the week.",
    "List the months of the year.",
    "Tell me a story about a fox named Anna.",
)


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


@pytest.fixture
def four(model: Model) -> Iterator[Context]:
    with Context(model, ContextSettings(context=1024, sequences=4, threads=1)) as made:
        yield made


def prompt(model: Model, question: str) -> list[int]:
    """A question after two exchanges that all prompts begin with."""
    texts = ("My name is Jorinde.", "Nice to meet you!", "What is 1 + 1?", "1 + 1 = 2.", question)
    roles = (Role.USER, Role.ASSISTANT)
    messages = [Message(roles[index % 2], text) for index, text in enumerate(texts)]
    return encode(prompt_segments(messages, Condition.CHAT), model.vocabulary)


def prefix_length(model: Model) -> int:
    """How many tokens the prompts have in common."""
    prompts = [prompt(model, question) for question in QUESTIONS]
    return min(common_length(prompts[0], other) for other in prompts[1:])


def likeliest(context: Context, row: int = -1) -> int:
    logits = llama_cpp.llama_get_logits_ith(context.handle, row)
    return int(np.ctypeslib.as_array(logits, (context.model.vocabulary.size,)).argmax())


def continued(context: Context, tokens: list[int], count: int, sequence: int = 0) -> list[int]:
    """The likeliest tokens that follow."""
    context.prefill(tokens, sequence)
    made = [likeliest(context)]
    while len(made) < count:
        context.decode_next(made[-1], sequence)
        made.append(likeliest(context))
    return made


def alone(model: Model, tokens: list[int], count: int, kv_type: KvType = KvType.F16) -> list[int]:
    """The same in a context of its own."""
    with Context(model, ContextSettings(context=1024, threads=1, kv_type=kv_type)) as fresh:
        return continued(fresh, tokens, count)


def is_exact(context: Context) -> bool:
    """Whether llama.cpp has as many tokens in each sequence as the context says."""
    memory = llama_cpp.llama_get_memory(context.handle)
    return all(
        llama_cpp.llama_memory_seq_pos_max(memory, sequence) + 1 == len(context.tokens(sequence))
        for sequence in range(context.sequences)
    )


@pytest.mark.parametrize("kv_type", KvType)
def test_together_as_alone(model: Model, kv_type: KvType) -> None:
    """Prompts with a common beginning, decoded once; then one token of each at a time."""
    prompts = [prompt(model, question) for question in QUESTIONS]
    expected = [alone(model, tokens, 12, kv_type) for tokens in prompts]
    assert len({tuple(tokens) for tokens in expected}) == 4
    common = prefix_length(model)
    settings = ContextSettings(context=512, sequences=4, threads=1, kv_type=kv_type)
    with Context(model, settings) as context:
        made: list[list[int]] = []
        for sequence, tokens in enumerate(prompts):
            context.copy(0, sequence, common)
            decoded = context.prefill(tokens, sequence)
            assert decoded == len(tokens) - (common if sequence else 0)
            made.append([likeliest(context)])
        for _ in range(11):
            rows = context.decode_together({number: made[number][-1] for number in range(4)})
            for number, row in rows.items():
                made[number].append(likeliest(context, row))
        assert made == expected
        for number in range(4):
            assert context.tokens(number) == (*prompts[number], *made[number][:-1])
        assert is_exact(context)


def test_a_few_of_several(model: Model, four: Context) -> None:
    """The rows belong to the sequences asked for, in whatever order."""
    prompts = [prompt(model, question) for question in QUESTIONS]
    expected = [alone(model, tokens, 3) for tokens in prompts]
    for sequence, tokens in enumerate(prompts):
        four.prefill(tokens, sequence)
    rows = four.decode_together({3: expected[3][0], 1: expected[1][0]})
    assert rows == {3: 0, 1: 1}
    assert [likeliest(four, rows[number]) for number in (3, 1)] == [expected[3][1], expected[1][1]]
    assert four.decode_together({}) == {}
    four.decode_next(expected[0][0], 0)
    assert likeliest(four) == expected[0][1]
    assert is_exact(four)


def test_shared_tokens_take_no_space(model: Model) -> None:
    ids = prompt(model, "apples and pears " * 80)
    with Context(model, ContextSettings(context=512, sequences=4, threads=1)) as context:
        assert len(ids) > context.size // 2
        context.prefill(ids)
        for sequence in (1, 2, 3):
            context.copy(0, sequence, len(ids))
            assert context.tokens(sequence) == tuple(ids)
        context.keep(0)
        # Still there for the others.
        assert context.prefill(ids, 3) == 1
        assert is_exact(context)


def test_the_size_is_shared(model: Model) -> None:
    """When all is full, no sequence gets a token; when one makes room, they go on."""
    ids = prompt(model, QUESTIONS[0])
    with Context(model, ContextSettings(context=256, sequences=3, threads=1)) as context:
        for sequence in range(3):
            context.prefill(ids, sequence)
        token = ids[5]
        room = (256 - 3 * len(ids)) // 3
        for _ in range(room):
            context.decode_together(dict.fromkeys(range(3), token))
        with pytest.raises(PromptTooLongError, match="256"):
            context.decode_together(dict.fromkeys(range(3), token))
        expected = (*ids, *[token] * room)
        assert [context.tokens(sequence) for sequence in range(3)] == [expected] * 3
        assert is_exact(context)
        context.keep(0, 2)
        context.decode_together({0: token, 1: token})
        assert continued(context, ids, 3, 1) == alone(model, ids, 3)


def test_an_abort_leaves_every_sequence_as_it_was(model: Model, four: Context) -> None:
    prompts = [prompt(model, question) for question in QUESTIONS]
    expected = [alone(model, tokens, 2) for tokens in prompts]
    for sequence, tokens in enumerate(prompts):
        four.prefill(tokens, sequence)
    tokens_of = {number: expected[number][0] for number in range(4)}
    four.abort.set()
    with pytest.raises(KeyboardInterrupt):
        four.decode_together(tokens_of)
    assert [four.tokens(number) for number in range(4)] == [tuple(ids) for ids in prompts]
    assert is_exact(four)
    four.abort.clear()
    rows = four.decode_together(tokens_of)
    assert [likeliest(four, row) for row in rows.values()] == [made[1] for made in expected]


def test_a_token_that_is_none_changes_nothing(model: Model, four: Context) -> None:
    ids = prompt(model, QUESTIONS[0])
    four.prefill(ids, 0)
    four.prefill(ids, 1)
    with pytest.raises(RuntimeError, match="llama_decode"):
        four.decode_together({0: ids[5], 1: model.vocabulary.size})
    assert four.tokens(0) == four.tokens(1) == tuple(ids)
    assert is_exact(four)


def test_ctrl_c_at_any_moment_keeps_the_tokens_exact(model: Model, four: Context) -> None:
    """Python raises KeyboardInterrupt after a call into C, before the next line."""
    ids = prompt(model, QUESTIONS[0])
    chance = random.Random(7)
    for _ in range(20):
        four.prefill(ids)
        four.copy(0, 1, len(ids))
        timer = threading.Timer(chance.uniform(0, 0.02), os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012, the signal may come anywhere in it
            timer.start()
            for _ in range(400):
                four.decode_together({0: ids[5], 1: ids[5]})
            time.sleep(60)
        timer.join()
        assert is_exact(four)


def test_dropping_shared_tokens_leaves_the_other_sequence_alone(
    model: Model, four: Context
) -> None:
    ids = prompt(model, "Count from 1 to 9.")
    expected = alone(model, ids, 12)
    shorter = [ids[0], *ids[prefix_length(model) :]]
    four.prefill(ids)
    four.copy(0, 1, len(ids))
    four.drop(1, prefix_length(model), 1)
    assert four.tokens(0) == tuple(ids)
    assert four.tokens(1) == tuple(shorter)
    assert is_exact(four)
    assert continued(four, ids, 12, 0) == expected
    assert continued(four, shorter, 12, 1) == alone(model, shorter, 12)


def test_dropping_behind_shared_tokens_decodes_one(model: Model, four: Context) -> None:
    """What only this sequence has is moved; the keys of the rest stay the same bytes."""
    ids = prompt(model, "Count from 1 to 9.")
    four.prefill(ids)
    four.copy(0, 1, 10)
    before = bytes(four.snapshot(1))
    four.drop(10, 20)
    assert four.tokens() == (*ids[:10], *ids[20:])
    assert bytes(four.snapshot(1)) == before
    assert is_exact(four)


def test_what_was_shared_can_be_moved_when_the_other_is_gone(model: Model, four: Context) -> None:
    ids = prompt(model, "Count from 1 to 9.")
    four.prefill(ids)
    four.copy(0, 1, len(ids))
    four.keep(0, 1)
    four.drop(10, 20)
    with Context(model, ContextSettings(context=1024, threads=1)) as context:
        context.prefill(ids)
        context.drop(10, 20)
        assert bytes(context.snapshot()) == bytes(four.snapshot())


def test_dropping_does_not_heed_an_abort(model: Model, four: Context) -> None:
    """An abort amid the turning of the keys would leave some layers turned and some not."""
    ids = prompt(model, "Count from 1 to 9.")
    for sequence in (0, 1):
        four.prefill(ids, sequence)
    four.drop(1, 20, 0)
    four.abort.set()
    four.drop(1, 20, 1)
    assert four.abort.is_set
    with pytest.raises(KeyboardInterrupt):
        four.decode_next(ids[5], 1)
    four.abort.clear()
    assert four.tokens(0) == four.tokens(1)
    assert continued(four, list(four.tokens(0)), 12, 0) == continued(
        four, list(four.tokens(1)), 12, 1
    )


def test_the_edges_of_drop_copy_and_prefill(model: Model, four: Context) -> None:
    ids = prompt(model, QUESTIONS[0])
    four.prefill(ids)
    four.drop(5, 5)
    assert four.tokens() == tuple(ids)
    four.drop(10, len(ids) + 5)
    assert four.tokens() == tuple(ids[:10])
    four.copy(0, 0, 8)
    assert four.tokens() == tuple(ids[:8])
    four.copy(0, 1, 100)
    assert four.tokens(1) == tuple(ids[:8])
    four.copy(2, 1, 5)
    assert four.tokens(1) == ()
    assert four.prefill([]) == 0
    assert four.tokens() == ()
    assert is_exact(four)
    assert continued(four, ids, 3) == alone(model, ids, 3)
