"""The grammar of phrasings, and the border between training and evaluation."""

from __future__ import annotations

import random

import pytest

from starling_nano.draw import Draw
from starling_nano.phrases import Phrase, count, is_kept_back, parse, sample


def expansions(text: str, *, evaluation: bool) -> set[Phrase]:
    rng = random.Random(0)
    return {sample(parse(text), rng, evaluation=evaluation) for _ in range(500)}


def test_alternatives_nest() -> None:
    assert expansions("a[b|c[d|]]e", evaluation=True) == {
        Phrase("abe", False),
        Phrase("acde", False),
        Phrase("ace", False),
    }
    assert count(parse("a[b|c[d|]]e")) == 3


def test_marked_wordings_are_for_the_evaluation_alone() -> None:
    text = "[say|~utter [it|~them]] now"
    assert expansions(text, evaluation=False) == {Phrase("say now", False)}
    assert expansions(text, evaluation=True) == {
        Phrase("say now", False),
        Phrase("utter it now", True),
        Phrase("utter them now", True),
    }
    assert count(parse(text)) == 1


def test_shared_patterns_are_put_in() -> None:
    assert count(parse("<how-to> chat?")) == count(parse("[<how-to>] chat?")) > 5


@pytest.mark.parametrize("text", ["[a|b", "a]b", "a|b"])
def test_unequal_brackets_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        parse(text)


def test_slots_are_filled_exactly_as_given() -> None:
    for seed in range(200):
        draw = Draw(random.Random(seed))
        assert "iPhone McX" in draw.phrase("[say|tell me|write] {word}[!|.|?]", word="iPhone McX")


def test_one_in_so_many_is_kept_back() -> None:
    share = sum(is_kept_back("name", str(number), 8) for number in range(8000)) / 8000
    assert 0.11 < share < 0.14
    assert is_kept_back("name", "Ada", 8) == is_kept_back("name", "ada", 8)


def test_training_and_evaluation_share_no_name_and_no_numbers() -> None:
    rng = random.Random(0)
    known, new = Draw(rng), Draw(rng, new_values=True)
    assert not {known.name() for _ in range(3000)} & {new.name() for _ in range(3000)}
    sums = [{draw.numbers("plus", (0, 99), (0, 99)) for _ in range(3000)} for draw in (known, new)]
    assert not sums[0] & sums[1]
    assert new.found_new
    assert not known.found_new
