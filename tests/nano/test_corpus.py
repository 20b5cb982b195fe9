"""The corpus: seeded, free of what the evaluation keeps back, and of one mind."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

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
from starling_nano.draw import Draw

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
    asked = {(question.conversation.mode, question.conversation.turns) for question in questions}
    trained = set()
    for conversation in conversations(0, CONVERSATIONS):
        for end in range(1, len(conversation.turns) + 1):
            trained.add((conversation.mode, conversation.turns[:end]))
    assert len(asked) > 0.95 * len(questions)
    assert not asked & trained


def test_every_group_is_asked(questions: list[Question]) -> None:
    counts: dict[str, int] = defaultdict(int)
    for question in questions:
        counts[question.group] += 1
        assert question.expected
    assert counts == dict.fromkeys(GROUPS, 100)


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
        Condition.CODE,
        (Turn("Hello", ""), Turn("Implement quicksort", "Done.")),
        system="Be short.",
    )
    texts = [segment.prompt + segment.reply for segment in conversation.segments()]
    assert texts == [
        "Be short.",
        "Code User: Hello",
        "Code Assistant: ",
        "Code User: Implement quicksort",
        "Code Assistant: Done.",
    ]
    assert [bool(segment.reply) for segment in conversation.segments()] == [
        False, False, False, False, True,
    ]  # fmt: skip
    role = Conversation(Condition.CHAT, (), system="Be short.", is_system_role=True)
    assert role.segments()[0].prompt == "GPT4 Correct System: Be short."
