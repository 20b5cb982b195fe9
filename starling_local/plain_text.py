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


def whole(text: str) -> str:
    """`text` with the halves of characters that UTF-16 knows joined, or else replaced.

    Python takes such halves for what was no UTF-8, and cannot write them.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def counted(number: int, noun: str) -> str:
    """`1 token`, `2 tokens`, `1,000 tokens`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sized(size_bytes: int) -> str:
    """`4.37 GB`, `2.96 MB`, `57.12 kB`, `12 bytes`; in powers of ten, as disks are sold."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.2f} {name}"
    return counted(size_bytes, "byte")


def in_short(text: str, most: int = 60) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _is_harmful(char: str) -> bool:
    return (unicodedata.category(char) == "Cc" and char not in "\n\t") or char in _BIDI_CONTROLS
