"""Random choices of the corpus, and the border between training and evaluation.

Every choice that could make an exchange new to the model goes through a `Draw`: in training it
never returns what is kept back; in evaluation it looks for it, and remembers whether it found any.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from starling_nano.phrases import count, is_kept_back, parse, sample
from starling_nano.world import (
    ANIMALS,
    CAPITALS,
    CITIES,
    COLOURS,
    FOODS,
    HOBBIES,
    JOBS,
    MONTHS,
    NAMES,
    PAST_TENSES,
    SPORTS,
    SYLLABLES,
    THINGS,
)
from starling_nano.world_unknown import PERSONS, TITLES, TOPICS

T = TypeVar("T")

# Of the phrasings that a pattern can make, one in eight is kept back, if it can make this many.
MANY_PHRASINGS = 24
PHRASINGS_KEPT_BACK = 8
NAMES_KEPT_BACK = 6
NUMBERS_KEPT_BACK = 8
ATTEMPTS = 1000

CONSONANTS = (
    *"bcdfghjklmnprstvwz", "br", "ch", "cl", "cr", "dr", "fl", "fr", "gr", "kr", "ll", "nn", "ph",
    "qu", "rr", "sh", "sk", "sl", "st", "sv", "th", "tr", "x", "y", "z",
)  # fmt: skip
VOWELS = (*"aeiouaeio", "ae", "ai", "au", "ea", "ee", "ei", "eo", "ia", "ie", "io", "oo", "ou", "y")
_WORDS = tuple(
    word
    for entry in (
        *ANIMALS, *CAPITALS, *CAPITALS.values(), *CITIES, *COLOURS, *FOODS, *HOBBIES, *JOBS,
        *MONTHS, *PAST_TENSES.values(), *SPORTS, *THINGS, *PERSONS, *TITLES, *TOPICS,
    )
    for word in entry.lower().split()
    if word.isascii() and word.isalpha() and len(word) > 2
)  # fmt: skip
# Rows of three letters, at the start of words and anywhere, of which new words are joined. Between
# them they have nearly every row that the tokenizer knows as one piece: a piece that no answer has
# in training can never be said.
STARTS = tuple(sorted({word[:3] for word in _WORDS}))
TRIPLES = tuple(
    sorted({word[index : index + 3] for word in _WORDS for index in range(len(word) - 2)})
)
HARD_TO_SAY = re.compile("[^aeiouy]{4}|[aeiou]{3}")
# Syllables that would join to words with a meaning of their own.
UNWANTED = (
    "shit", "fuck", "cunt", "dick", "cock", "tit", "piss", "slut", "whor", "rape", "nazi", "fag",
    "nig", "puss", "sex", "porn", "arse", "bitch", "good", "fine", "well", "sad", "bad", "sick",
)  # fmt: skip
OPENINGS = (
    "Hey, ", "Hi, ", "Hello, ", "Okay, ", "Ok, ", "Thanks. ", "Great. ", "One question: ",
    "Question: ", "Quick question: ", "Please: ", "So, ", "Well, ", "Now, ", "Actually, ",
    "And now: ", "By the way, ", "Just curious, ", "Sorry, ", "Hmm, ", "Nano, ", "Tell me, ",
)  # fmt: skip
CLOSINGS = (" Thanks!", " Please.", " Thank you.")


class Draw:
    """Seeded choices for one exchange.

    `new_phrasings` and `new_values` say whether wordings, and names and numbers, come from what
    is kept back for the evaluation. `found_new` tells whether any did.
    """

    def __init__(
        self, rng: random.Random, *, new_phrasings: bool = False, new_values: bool = False
    ) -> None:
        self.rng = rng
        self.new_phrasings = new_phrasings
        self.new_values = new_values
        self.found_new = False

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; none is kept back."""
        return self.rng.choice(options)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return self.rng.randint(low, high)

    def phrase(self, *patterns: str, **slots: str) -> str:
        """One expansion of one of the patterns, as people type it, its slots filled in.

        Letter case, an opening or closing word and the final mark vary; the values in the slots
        are never changed.
        """
        return _filled(self._as_typed(self._expand(patterns, may_open=True)), slots)

    def courtesy(self, *patterns: str, **slots: str) -> str:
        """A phrase that is itself an opening, and gets none before it."""
        return _filled(self._as_typed(self._expand(patterns)), slots)

    def plain(self, *patterns: str, **slots: str) -> str:
        """A phrase exactly as the pattern writes it."""
        return _filled(self._expand(patterns), slots)

    def _expand(self, patterns: Sequence[str], *, may_open: bool = False) -> str:
        """One expansion of one of the patterns, on this draw's side of the border if it can be.

        Training also leaves out what would be a kept-back wording of another pattern once an
        opening stands before it.
        """
        for _ in range(ATTEMPTS):
            pattern = parse(self.pick(patterns))
            phrase = sample(pattern, self.rng, evaluation=self.new_phrasings)
            is_new = phrase.held_out or (
                count(pattern) >= MANY_PHRASINGS and _is_wording_kept_back(phrase.text)
            )
            text = phrase.text
            is_clash = False
            if may_open and self.chance(0.15):
                text = self.pick(OPENINGS) + _lowered(text)
                is_clash = not self.new_phrasings and _is_wording_kept_back(text)
            if is_new == self.new_phrasings and not is_clash:
                break
        if is_new and not self.new_phrasings:
            raise ValueError(f"training has no wording of {patterns}")
        self.found_new = self.found_new or is_new
        return text

    def _as_typed(self, text: str) -> str:
        """Capitals, final marks and polite words as people use them, or leave them out."""
        if self.chance(0.2):
            text = _lowered(text)
        elif self.chance(0.05) and "{" not in text:
            text = text.lower()
        else:
            text = text[:1].upper() + text[1:]
        if text[-1:] in "?.!":
            if self.chance(0.2):
                text = text[:-1]
            elif self.chance(0.05):
                text += self.pick(CLOSINGS)
        return text

    def value(self, kind: str, make: Callable[[], str], kept_back: int) -> str:
        """A value on this draw's side of the border; `make` is asked until it gives one.

        In the evaluation it may be a known one, if there is no other.
        """
        for _ in range(ATTEMPTS):
            value = make()
            is_new = is_kept_back(kind, value, kept_back)
            if is_new == self.new_values:
                break
        if is_new and not self.new_values:
            raise ValueError(f"training has no {kind}")
        self.found_new = self.found_new or is_new
        return value

    def numbers(
        self,
        kind: str,
        *ranges: tuple[int, int],
        arrange: Callable[[list[int]], list[int]] = lambda numbers: numbers,
    ) -> tuple[int, ...]:
        """Whole numbers, one from each range (ends included); as a group they may be kept back.

        `arrange` brings them into the form in which they are used, before that is decided.
        """

        def make() -> str:
            drawn = [self.between(low, high) for low, high in ranges]
            return " ".join(map(str, arrange(drawn)))

        return tuple(int(number) for number in self.value(kind, make, NUMBERS_KEPT_BACK).split())

    def name(self) -> str:
        """A first name, known or made up."""
        return self.value("name", self._any_name, NAMES_KEPT_BACK)

    def place(self) -> str:
        """A city, known or made up."""
        return (
            self.pick(CITIES)
            if self.chance(0.5)
            else self.value("place", self._made_up_name, NAMES_KEPT_BACK)
        )

    def made_up_word(self) -> str:
        """A word that need not exist, of syllables or of rows of letters; it may be a name."""
        word = self._of_syllables() if self.chance(0.4) else self._of_triples()
        if any(part in word for part in UNWANTED):
            return self.made_up_word()
        return word.capitalize() if self.chance(0.5) else word

    def _of_syllables(self) -> str:
        parts = range(self.between(1, 3))
        word = "".join(self.pick(CONSONANTS) + self.pick(VOWELS) for _ in parts)
        return word + (self.pick(CONSONANTS) if self.chance(0.5) else "")

    def _of_triples(self) -> str:
        word = self.pick(STARTS) + self.pick(TRIPLES)
        word += self.pick(VOWELS) if self.chance(0.3) else ""
        return self._of_triples() if HARD_TO_SAY.search(word) else word

    def _any_name(self) -> str:
        kind = self.rng.random()
        if kind < 0.35:
            return self.pick(NAMES)
        return self._made_up_name() if kind < 0.5 else self.made_up_word().capitalize()

    def _made_up_name(self) -> str:
        starts, middles, ends = SYLLABLES
        middle = self.pick(middles) if self.chance(0.4) else ""
        return (self.pick(starts) + middle + self.pick(ends)).capitalize()


def _filled(text: str, slots: Mapping[str, str]) -> str:
    for slot, value in slots.items():
        text = text.replace("{" + slot + "}", value)
    return text


def _lowered(text: str) -> str:
    """The text as it goes on after a word, or as a hurried person begins it: `I` stays large."""
    is_i = text[:2] in ("I ", "I'")
    return text if is_i else text[:1].lower() + text[1:]


def _is_wording_kept_back(text: str) -> bool:
    return is_kept_back("phrasing", text.rstrip("?.! "), PHRASINGS_KEPT_BACK)
