"""What lies outside the model's world, and the one answer to all of it."""

from __future__ import annotations

from collections.abc import Callable

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw
from starling_nano.world import ANIMALS, CITIES, FOODS, HOBBIES, JOBS, THINGS
from starling_nano.world_unknown import PERSONS, TITLES, TOPICS, UNKNOWN_QUESTIONS

I_DO_NOT_KNOW = "I don't know that. I am only a small demo model; the real Starling may know."
WORDS_KEPT_BACK = 8
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Scripts and signs that people type and the model knows nothing of.
FOREIGN = (
    "äöüßéèñçøåžłабвгдежзиклмнопрсту"
    "あいうえおかきくけこ日本語中文字안녕하세요"
    "αβγδεζ🙂🎉🚀🐈🌍✨€§%&@#"
)


def unknown(draw: Draw, memory: Memory) -> Turn:
    """A question the model cannot answer, or a message that means nothing to it."""
    kinds = [_question] * 6 + [_words, _letters, _foreign]
    return Turn(draw.pick(kinds)(draw), I_DO_NOT_KNOW)


def _question(draw: Draw) -> str:
    pattern = draw.pick(UNKNOWN_QUESTIONS)
    values: dict[str, Callable[[], str]] = {
        "topic": lambda: draw.value("topic", lambda: draw.pick(TOPICS), WORDS_KEPT_BACK),
        "person": lambda: draw.value("person", lambda: _person(draw), WORDS_KEPT_BACK),
        "title": lambda: draw.value("title", lambda: _title(draw), WORDS_KEPT_BACK),
        "place": draw.place,
        "thing": lambda: draw.pick(THINGS),
        "year": lambda: str(draw.between(1000, 2030)),
        "sentence": lambda: _some_words(draw),
    }
    question = draw.phrase(pattern)
    for slot, make in values.items():
        if "{" + slot + "}" in question:
            question = question.replace("{" + slot + "}", make())
    return question


def _person(draw: Draw) -> str:
    if draw.chance(0.5):
        return draw.pick(PERSONS)
    return f"{draw.name()} {draw.made_up_word().capitalize()}"


def _title(draw: Draw) -> str:
    if draw.chance(0.5):
        return draw.pick(TITLES)
    pools = (ANIMALS, FOODS, JOBS, THINGS)
    first, second = (draw.pick(draw.pick(pools)).title() for _ in range(2))
    return draw.pick((f"The {first} and the {second}", f"The {first}'s {second}", f"A {first}"))


def _words(draw: Draw) -> str:
    return draw.value("words", lambda: _some_words(draw), WORDS_KEPT_BACK)


def _some_words(draw: Draw) -> str:
    pools = (ANIMALS, CITIES, FOODS, HOBBIES, JOBS, THINGS)
    return " ".join(draw.pick(draw.pick(pools)) for _ in range(draw.between(2, 6)))


def _letters(draw: Draw) -> str:
    def make() -> str:
        words = (
            "".join(draw.pick(LETTERS) for _ in range(draw.between(5, 10)))
            for _ in range(draw.between(1, 4))
        )
        return " ".join(words)

    return draw.value("letters", make, WORDS_KEPT_BACK)


def _foreign(draw: Draw) -> str:
    def make() -> str:
        words = (
            "".join(draw.pick(FOREIGN) for _ in range(draw.between(1, 6)))
            for _ in range(draw.between(1, 4))
        )
        return " ".join(words)

    return draw.value("foreign", make, WORDS_KEPT_BACK)
