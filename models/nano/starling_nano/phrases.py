"""Phrasings: a small grammar of alternatives, and what of it is kept back for the evaluation.

A pattern is text with alternatives in square brackets, nested as wanted:
`[please |]tell me [your name|who you are]`. An alternative that starts with `~` is a wording that
training never sees and the evaluation uses. `<name>` stands for a shared pattern, `{slot}` for a
value that is filled in last, exactly as given.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

SHARED = {
    "tell": "[tell me|please tell me|can you tell me|could you tell me|do you know"
    "|I would like to know|~let me know]",
    "how-to": "[how do I|how can I|how would I|how to|how do you|tell me how to|show me how to"
    "|can you tell me how to|what is the way to|~explain how to|~I want to know how to]",
    "can-i": "[can I|is it possible to|may I|is there a way to|could I|am I able to]",
    "what-is": "[what is|what's|tell me|do you know|can you tell me|please tell me|could you say]",
    "explain": "[what is|what's|explain|please explain|what do you mean by|tell me about"
    "|can you explain|describe]",
}


@dataclass(frozen=True)
class Alternatives:
    """Branches of which one is taken; the first `trained` of them may be used in training."""

    branches: tuple[Pattern, ...]
    trained: int


Pattern = tuple["str | Alternatives", ...]


@dataclass(frozen=True)
class Phrase:
    """One expansion of a pattern, its slots still open."""

    text: str
    held_out: bool


@cache
def parse(text: str) -> Pattern:
    """Parse a pattern; shared patterns are put in first. Raises ValueError on unequal brackets."""
    expanded = re.sub(r"<([a-z-]+)>", lambda match: SHARED[match[1]], text)
    tokens = iter(re.findall(r"[\[\]|]|[^\[\]|]+", expanded))
    branches, closed = _branches(tokens)
    if closed or len(branches) != 1:
        raise ValueError(f"brackets and bars of the pattern do not match: {text}")
    return branches[0]


def _branches(tokens: Iterator[str]) -> tuple[list[Pattern], bool]:
    """Read branches up to the closing bracket, or up to the end; say which of the two it was."""
    branches: list[Pattern] = []
    parts: list[str | Alternatives] = []
    for token in tokens:
        if token == "[":
            inner, closed = _branches(tokens)
            if not closed:
                raise ValueError("a bracket of the pattern is not closed")
            trained = [branch for branch in inner if not _is_held_out(branch)]
            kept_back = [(_without_mark(branch)) for branch in inner if _is_held_out(branch)]
            parts.append(Alternatives((*trained, *kept_back), len(trained)))
        elif token in "|]":
            branches.append(tuple(parts))
            parts = []
            if token == "]":
                return branches, True
        else:
            parts.append(token)
    return [*branches, tuple(parts)], False


def _is_held_out(branch: Pattern) -> bool:
    return bool(branch) and isinstance(branch[0], str) and branch[0].startswith("~")


def _without_mark(branch: Pattern) -> Pattern:
    return (str(branch[0])[1:], *branch[1:])


@cache
def count(pattern: Pattern) -> int:
    """How many expansions training could see."""
    return math.prod(
        sum(count(branch) for branch in part.branches[: part.trained])
        for part in pattern
        if isinstance(part, Alternatives)
    )


def is_kept_back(kind: str, value: str, one_in: int) -> bool:
    """Whether a value belongs to the evaluation alone: a hash decides, the same in every run."""
    digest = sha256(f"{kind}\0{value.casefold()}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % one_in == 0


def sample(pattern: Pattern, rng: random.Random, *, evaluation: bool) -> Phrase:
    """Draw one expansion. With `evaluation`, the wordings marked `~` are drawn too."""
    parts: list[str] = []
    held_out = False
    for part in pattern:
        if isinstance(part, str):
            parts.append(part)
            continue
        index = rng.randrange(len(part.branches) if evaluation else part.trained)
        inner = sample(part.branches[index], rng, evaluation=evaluation)
        parts.append(inner.text)
        held_out = held_out or inner.held_out or index >= part.trained
    return Phrase("".join(parts), held_out)
