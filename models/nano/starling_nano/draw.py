"""Random choices of the corpus, and the border between training and evaluation.

Every choice that could make an exchange new to the model goes through a `Draw`: in training it
never returns what is kept back; in evaluation it looks for it, and remembers whether it found any.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from starling_nano.phrases import count, is_kept_back, parse, sample
from starling_nano.world import CITIES, NAMES, SYLLABLES

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
OPENINGS = ("Hey, ", "Hi, ", "Hello, ", "OK, ", "So ", "Now ", "Also, ", "And now ", "Thanks. ")
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
        text = self._expand(patterns)
        if self.chance(0.12):
            text = self.pick(OPENINGS) + text[:1].lower() + text[1:]
        return _filled(self._as_typed(text), slots)

    def courtesy(self, *patterns: str, **slots: str) -> str:
        """A phrase that is itself an opening, and gets none before it."""
        return _filled(self._as_typed(self._expand(patterns)), slots)

    def plain(self, *patterns: str, **slots: str) -> str:
        """A phrase exactly as the pattern writes it."""
        return _filled(self._expand(patterns), slots)

    def _expand(self, patterns: Sequence[str]) -> str:
        """One expansion of one of the patterns, on this draw's side of the border if it can be."""
        for _ in range(ATTEMPTS):
            pattern = parse(self.pick(patterns))
            phrase = sample(pattern, self.rng, evaluation=self.new_phrasings)
            is_new = phrase.held_out or (
                count(pattern) >= MANY_PHRASINGS
                and is_kept_back("phrasing", phrase.text.rstrip("?.! "), PHRASINGS_KEPT_BACK)
            )
            if is_new == self.new_phrasings:
                break
        if is_new and not self.new_phrasings:
            raise ValueError(f"training has no wording of {patterns}")
        self.found_new = self.found_new or is_new
        return phrase.text

    def _as_typed(self, text: str) -> str:
        """Capitals, final marks and polite words as people use them, or leave them out."""
        if self.chance(0.2):
            text = text[:1].lower() + text[1:]
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
        """A value on this draw's side of the border; `make` is asked until it gives one."""
        for _ in range(ATTEMPTS):
            value = make()
            is_new = is_kept_back(kind, value, kept_back)
            if is_new == self.new_values:
                break
        else:
            raise ValueError(f"no {kind} was found on the wanted side of the border")
        self.found_new = self.found_new or is_new
        return value

    def numbers(self, kind: str, *ranges: tuple[int, int]) -> tuple[int, ...]:
        """Whole numbers, one from each range (ends included); as a group they may be kept back."""

        def make() -> str:
            return " ".join(str(self.between(low, high)) for low, high in ranges)

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
        """A word of two to four syllables that need not exist; it may be a name."""
        parts = range(self.between(1, 3))
        word = "".join(self.pick(CONSONANTS) + self.pick(VOWELS) for _ in parts)
        word += self.pick(CONSONANTS) if self.chance(0.5) else ""
        return word.capitalize() if self.chance(0.5) else word

    def _any_name(self) -> str:
        kind = self.rng.random()
        if kind < 0.4:
            return self.pick(NAMES)
        return self._made_up_name() if kind < 0.75 else self.made_up_word().capitalize()

    def _made_up_name(self) -> str:
        starts, middles, ends = SYLLABLES
        middle = self.pick(middles) if self.chance(0.4) else ""
        return (self.pick(starts) + middle + self.pick(ends)).capitalize()


def _filled(text: str, slots: Mapping[str, str]) -> str:
    for slot, value in slots.items():
        text = text.replace("{" + slot + "}", value)
    return text
