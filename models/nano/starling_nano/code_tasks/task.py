"""What a programming task is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Language(Enum):
    """A language of the answers: how people call it, and the tag of its code fence."""

    PYTHON = ("Python", "python")
    CPP = ("C++", "cpp")
    JAVASCRIPT = ("JavaScript", "javascript")
    SHELL = ("shell", "bash")

    def __init__(self, spoken_name: str, fence_tag: str) -> None:
        self.spoken_name = spoken_name
        self.fence_tag = fence_tag


class Slot(Enum):
    """A value that a request names and its answer repeats; `{key}` in requests, `@key@` in code.

    The example stands in answers to requests that name no value. No value may hold a quote, a
    backslash or an @; only TEXT may hold spaces.
    """

    LOW = ("low", "1")  # a whole number, not above HIGH
    HIGH = ("high", "10")  # a whole number
    NUMBER = ("number", "5")  # a whole number, not negative
    TEXT = ("text", "good morning")  # words to print
    WORD = ("word", "apple")  # one word to search for
    FILE = ("file", "notes.txt")  # a file name with its extension
    NAME = ("name", "project")  # a file name without its extension
    FOLDER = ("folder", "backup")  # a folder name without a slash
    EXTENSION = ("extension", "txt")  # a file extension without its dot

    def __init__(self, key: str, example: str) -> None:
        self.key = key
        self.example = example


@dataclass(frozen=True)
class CodeTask:
    """One thing people ask for, and its answer in each language.

    `requests` and `bare_requests` are patterns as in `phrases`, and hold all the slots. Where
    there are `bare_requests`, the `requests` hold `{language}` too, and a bare request, which names
    no language, is answered in Python.
    """

    name: str
    requests: tuple[str, ...]
    code: Mapping[Language, str]
    bare_requests: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()


def fill(code: str, values: Mapping[Slot, str]) -> str:
    """The code with its slots replaced by these values."""
    for slot, value in values.items():
        code = code.replace(f"@{slot.key}@", value)
    return code
