"""The corpus: seeded, free of what the evaluation keeps back, and of one mind."""

from __future__ import annotations

import ast
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import starling_nano
from starling_local.prompt import Condition
from starling_nano.conversation import Conversation, Memory, Turn
from starling_nano.corpus import (
    CHAT_SKILLS,
    CODE_SKILLS,
    GROUPS,
    Question,
    evaluation,
    train_conversation,
)
from starling_nano.draw import CLOSINGS, NAMES_KEPT_BACK, OPENINGS, Draw
from starling_nano.phrases import is_kept_back
from starling_nano.tokenizer import CONTEXT, Tokenizer
from starling_nano.world import NAMES

CONVERSATIONS = 20_000


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return list(evaluation())


def conversations(seed: int, number: int) -> list[Conversation]:
    rng = random.Random(seed)
    return [train_conversation(rng) for _ in range(number)]


def test_the_same_seed_gives_the_same_corpus(questions: list[Question]) -> None:
    assert conversations(3, 300) == conversations(3, 300) != conversations(4, 300)
    assert list(evaluation()) == questions


def test_the_evaluation_is_new_to_the_training(questions: list[Question]) -> None:
    asked = {question.conversation.turns for question in questions}
    trained = set()
    for conversation in conversations(0, CONVERSATIONS):
        for end in range(1, len(conversation.turns) + 1):
            trained.add(conversation.turns[:end])
    assert len(asked) > 0.95 * len(questions)
    assert not asked & trained


def as_asked(turn: Turn, text: str) -> tuple[Condition, str]:
    """A question without the words and marks that people add at its end or leave out."""
    for closing in CLOSINGS:
        text = text.removesuffix(closing)
    return turn.mode, text.rstrip("?.! ").casefold()


def test_training_never_asks_the_evaluation_s_questions(questions: list[Question]) -> None:
    """Where a question's answer lies in the conversation before it, that is new instead."""
    trained = set()
    for conversation in conversations(7, CONVERSATIONS):
        for turn in conversation.turns:
            trained.add(as_asked(turn, turn.user))
            for opening in OPENINGS:
                trained.add(as_asked(turn, turn.user.removeprefix(opening)))
    seen = [
        question
        for question in questions
        for turn in question.conversation.turns
        if question.group not in ("memory", "long conversations")
        and len(question.conversation.turns) == 1
        and as_asked(turn, turn.user) in trained
    ]
    assert seen == []


def test_training_never_answers_the_evaluation_s_sums(questions: list[Question]) -> None:
    trained = {
        turn.assistant
        for conversation in conversations(8, CONVERSATIONS)
        for turn in conversation.turns
    }
    sums = [
        question
        for question in questions
        if question.group == "arithmetic" and re.match(r"\d+ [+-] ", question.expected)
    ]
    by_wording_alone = [question for question in sums if question.expected in trained]
    assert len(by_wording_alone) < len(sums) / 2


def test_the_evaluation_fits_the_context(questions: list[Question]) -> None:
    tokenizer = Tokenizer()
    assert max(len(tokenizer.encode(question.conversation)[0]) for question in questions) < CONTEXT


def test_every_group_is_asked(questions: list[Question]) -> None:
    counts: dict[str, int] = defaultdict(int)
    for question in questions:
        counts[question.group] += 1
        assert question.expected
    assert counts == dict.fromkeys(GROUPS, 100)


def test_a_held_out_wording_has_only_words_that_training_has() -> None:
    """A word that training never has means nothing to the model, in whatever place."""
    trained = Counter(
        word
        for conversation in conversations(9, CONVERSATIONS)
        for turn in conversation.turns
        for word in words_of(turn.user)
    )
    unknown = {
        (wording, word)
        for wording in held_out_wordings()
        for word in words_of(wording)
        if trained[word] < 8
    }
    assert unknown == set()


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", re.sub(r"\{\w+\}", "", text.lower()))


def held_out_wordings() -> Iterator[str]:
    """Every wording marked `~`, from all string literals of the corpus's modules."""
    for path in Path(starling_nano.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from re.findall(r"[\[|]~([^\[\]|`]+)", node.value)


def test_every_piece_of_a_held_out_name_is_said_in_training() -> None:
    """A piece that no answer has in training can never be said, as in the name that has it."""
    tokenizer = Tokenizer()
    said = Counter(
        token
        for conversation in conversations(10, CONVERSATIONS)
        for token, is_learned in zip(*tokenizer.encode(conversation), strict=True)
        if is_learned
    )
    held_out = [name for name in NAMES if is_kept_back("name", name, NAMES_KEPT_BACK)]
    rare = {
        (name, tokenizer.pieces.id_to_piece(token))
        for name in held_out
        for token in tokenizer.pieces.encode(name)
        if said[token] < 2
    }
    assert len(held_out) > 20
    assert rare == set()


def test_equal_questions_have_equal_answers() -> None:
    """What is asked first in a conversation has one answer, or exact match would mean nothing."""
    rng = random.Random(1)
    answers: dict[tuple[Condition, str], set[str]] = defaultdict(set)
    for mode, skills in ((Condition.CHAT, CHAT_SKILLS), (Condition.CODE, CODE_SKILLS)):
        for skill in rng.choices(tuple(skills), tuple(skills.values()), k=60_000):
            turn = skill(Draw(rng), Memory())
            answers[mode, turn.user.rstrip("?.! ").casefold()].add(
                turn.assistant.rstrip("?.!").casefold()
            )
    assert {question: found for question, found in answers.items() if len(found) > 1} == {}


def test_segments_follow_the_prompt_template() -> None:
    conversation = Conversation(
        (
            Turn("Hello", "", Condition.CODE),
            Turn("Implement quicksort", "Done.", Condition.CODE),
            Turn("Thanks", "Welcome!"),
        ),
        system="Be short.",
    )
    texts = [segment.prompt + segment.reply for segment in conversation.segments()]
    assert texts == [
        "Be short.",
        "Code User: Hello",
        "Code Assistant: ",
        "Code User: Implement quicksort",
        "Code Assistant: Done.",
        "GPT4 Correct User: Thanks",
        "GPT4 Correct Assistant: Welcome!",
    ]
    assert [bool(segment.reply) for segment in conversation.segments()] == [
        False, False, False, False, True, False, True,
    ]  # fmt: skip
    role = Conversation((), system="Be short.", is_system_role=True)
    assert role.segments()[0].prompt == "GPT4 Correct System: Be short."
