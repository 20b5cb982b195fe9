"""Text for people: harmless to their terminal, and in good English."""

from __future__ import annotations

import unicodedata

# Marks that reverse the direction of text, and so can make it read as something else.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """`text` without characters that could drive a terminal; line breaks become spaces."""
    return "".join(char if char.isprintable() else " " for char in text)


def harmless(text: str) -> str:
    """A model's text without what could drive a terminal or fool its reader.

    Control characters go, line breaks and tabs excepted, and so do marks of direction; what joins
    letters and emoji stays.
    """
    return "".join(char for char in text if not _is_harmful(char))


def counted(number: int, noun: str) -> str:
    """`1 token`, `2 tokens`, `1,000 tokens`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _is_harmful(char: str) -> bool:
    return (unicodedata.category(char) == "Cc" and char not in "\n\t") or char in _BIDI_CONTROLS
