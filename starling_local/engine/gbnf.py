"""Grammars of answers in GBNF, checked before llama.cpp sees them.

llama.cpp's parser (src/llama-grammar.cpp) writes its errors to stderr, and some grammars end its
process, or never come to an end: deep brackets and long chains of rules overflow the stack; a left
recursion behind a rule that is empty only indirectly, and `{5,2}`, fill the memory; alternatives
that multiply make a stack each; a named token inside a text can be allowed and then throw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from starling_local.errors import UsageError

# MAX_REPETITION_THRESHOLD of llama-grammar.cpp.
MOST_REPETITIONS = 2000
# llama.cpp's stack overflows between 5,000 and 20,000 brackets, and 30,000 and 100,000 rules, with
# the 8 MB of Linux; a thread of macOS has 0.5 MB.
_DEEPEST_BRACKETS = 200
_LONGEST_CHAIN = 1000
# Each is a stack in llama.cpp, which compares it with all the others.
_MOST_ALTERNATIVES = 4096
_MOST_ELEMENTS = 1_000_000

_ESCAPE = r'\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[trn\\"\[\]-])'
_TEXT = re.compile(rf'"((?:{_ESCAPE}|[^"\\])*)"')
_CLASS = re.compile(rf"\[\^?((?:{_ESCAPE}|[^\]\\])*)\]")
_CHARACTER = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
NAME = re.compile("[a-zA-Z0-9-]+")
_DEFINED_AS = re.compile("::=")
_REPETITION = re.compile(
    r"[*+?]|\{[ \t]*(?P<least>[0-9]{1,9})[ \t]*(?P<range>,[ \t]*(?P<most>[0-9]{1,9})?[ \t]*)?\}"
)
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")


def check_grammar(text: str, *, must_end: bool = False) -> None:
    """Make sure that llama.cpp can follow a GBNF grammar, from its rule `root` on.

    The language is the one of llama.cpp's grammars/README.md, without named tokens (`<...>`). With
    `must_end`, each rule must also have a text that is finite.

    Raises UsageError, which names the line or the rule.
    """
    rules = _Parser(text).parse()
    if must_end and rules.keys() - _reachable(rules, lambda item: item.least == 0 or not item.rule):
        raise UsageError("it needs itself inside itself, without end")
    _check_rules(rules)


@dataclass(frozen=True)
class _Item:
    """Part of a sequence: characters, or a rule by its name; repeated, `most` None without end."""

    rule: str | None
    elements: int = 1
    """How many `llama_grammar_element`s it takes where it stands."""
    least: int = 1
    most: int | None = 1


_Sequence = list[_Item]
_Rules = dict[str, list[_Sequence]]


class _Parser:
    """GBNF as `llama_grammar_parser` reads it: brackets become rules with a name of their own."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._elements = 0
        # llama.cpp's limit of repetitions counts names, brackets and repetitions since a bracket.
        self._names: set[str] = set()
        self._nameless = 0
        self._rules: _Rules = {}

    def parse(self) -> _Rules:
        """The rules, those of brackets among them. A rule defined twice has its last definition."""
        if "\0" in self._text:
            raise UsageError("the grammar contains a NUL character")
        if any("\ud800" <= char <= "\udfff" for char in self._text):
            raise UsageError("the grammar contains half of a surrogate pair")
        self._skip(_LINES)
        while self._at < len(self._text):
            self._rule()
        return self._rules

    def _rule(self) -> None:
        name = self._expect(NAME, "a rule's name (letters, digits, -)")[0]
        self._names.add(name)
        self._skip(_SPACE)
        self._expect(_DEFINED_AS, "::= after the name of a rule")
        self._skip(_LINES)
        self._rules[name] = self._alternatives(0)
        if self._next() not in ("", "\r", "\n"):
            raise self._error(f"{self._next()!r} cannot be here")
        self._skip(_LINES)

    def _alternatives(self, depth: int) -> list[_Sequence]:
        found = [self._sequence(depth)]
        while self._next() == "|":
            self._at += 1
            self._skip(_LINES)
            found.append(self._sequence(depth))
        return found

    def _sequence(self, depth: int) -> _Sequence:
        items: _Sequence = []
        while True:
            symbols = len(self._names) + self._nameless
            is_open = self._next() == "("
            item = self._brackets(depth + 1) if is_open else self._item()
            if item is None:
                return items
            self._count(item.elements)
            created = len(self._names) + self._nameless - symbols if is_open else 1
            self._skip(_LINES if depth else _SPACE)
            items.append(self._repeated(item, created, depth))

    def _brackets(self, depth: int) -> _Item:
        if depth > _DEEPEST_BRACKETS:
            raise self._error(f"more than {_DEEPEST_BRACKETS} brackets are open")
        name = f"brackets in line {self._line()} #{self._nameless}"
        self._nameless += 1
        self._at += 1
        self._skip(_LINES)
        self._rules[name] = self._alternatives(depth)
        if self._next() != ")":
            raise self._error("expected )")
        self._at += 1
        return _Item(name)

    def _item(self) -> _Item | None:
        """Characters or a name; None if there is something else, or the end."""
        first = self._next()
        if first == '"':
            found = self._expect(_TEXT, 'a closing ", and only escapes that llama.cpp knows')
            elements = len(_CHARACTER.findall(found[1]))
            return _Item(None, elements, min(elements, 1))
        if first == "[":
            found = self._expect(_CLASS, "a closing ], and only escapes that llama.cpp knows")
            return _Item(None, self._class_size(found[1]))
        if first == ".":
            self._at += 1
            return _Item(None)
        if NAME.match(first):
            name = self._expect(NAME, "a name")[0]
            self._names.add(name)
            return _Item(name)
        if first and first in "<!":
            raise self._error("tokens (<...>) are not supported, only characters")
        return None

    def _class_size(self, written: str) -> int:
        """How many elements a class has; llama.cpp would take one with none for nothing at all."""
        characters = _CHARACTER.findall(written)
        if not characters:
            raise self._error("a class of characters is empty")
        at = 0
        while at < len(characters):
            if characters[at + 1 : at + 2] == ["-"] and at + 2 < len(characters):
                if _code_point(characters[at]) > _code_point(characters[at + 2]):
                    raise self._error(f"the range {''.join(characters[at : at + 3])} is empty")
                at += 2
            at += 1
        return len(characters)

    def _repeated(self, item: _Item, created: int, depth: int) -> _Item:
        """The item with what follows it of `*`, `+`, `?`, `{2,5}`."""
        while self._next() and self._next() in "*+?{":
            if not item.elements:
                raise self._error("there is nothing to repeat")
            least, most = self._bounds(self._expect(_REPETITION, "{2}, {2,} or {2,5}"))
            if most is None and item.least == 0:
                raise self._error("what can be empty is repeated without end")
            times, optional = most or least or 1, 1 if most is None else most - least
            created *= times
            if created > MOST_REPETITIONS:
                raise self._error(f"more than {MOST_REPETITIONS} repetitions")
            self._count(item.elements * times + 3 * optional)
            self._nameless += optional
            item = _Item(
                item.rule,
                0 if most == 0 else item.elements * times,
                item.least * least,
                None if most is None or item.most is None else item.most * most,
            )
            self._skip(_LINES if depth else _SPACE)
        return item

    def _bounds(self, found: re.Match[str]) -> tuple[int, int | None]:
        signs: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if found[0] in signs:
            return signs[found[0]]
        least = int(found["least"])
        if not found["range"]:
            return least, least
        most = int(found["most"]) if found["most"] else None
        if most is not None and most < least:
            raise self._error(f"the repetition {found[0]} ends before it begins")
        return least, most

    def _count(self, elements: int) -> None:
        self._elements += elements
        if self._elements > _MOST_ELEMENTS:
            raise self._error(f"it has more than {_MOST_ELEMENTS} elements by now")

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _expect(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if not found:
            raise self._error(f"expected {what}")
        self._at = found.end()
        return found

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _error(self, what: str) -> UsageError:
        return UsageError(f"the grammar cannot be used, line {self._line()}: {what}")


def _code_point(written: str) -> int:
    """Of a character as it is in a class, perhaps escaped."""
    if written[0] != "\\":
        return ord(written)
    if written[1] in "xuU":
        return int(written[2:], 16)
    return {"t": 9, "r": 13, "n": 10}.get(written[1], ord(written[1]))


def _check_rules(rules: _Rules) -> None:
    for needed in ("root", *(item.rule for item in _items(rules) if item.rule)):
        if needed not in rules:
            raise UsageError(f"the grammar has no rule {needed}")
    # To llama.cpp this is a left recursion; what is empty only through other rules is not.
    empty_itself = {
        name
        for name, sequences in rules.items()
        if not all(any(item.elements for item in sequence) for sequence in sequences)
    }
    for item in _items(rules):
        if item.most is None and item.rule in empty_itself:
            raise UsageError(f"the grammar repeats without end what can be empty: {item.rule}")
    empty = _reachable(rules, lambda item: item.least == 0)
    starts = {
        name: {item.rule for one in sequences for item in _starts(one, empty) if item.rule}
        for name, sequences in rules.items()
    }
    try:
        order = list(TopologicalSorter(starts).static_order())
    except CycleError as error:
        cycle = " → ".join(reversed(error.args[1]))
        raise UsageError(f"a rule of the grammar begins with itself: {cycle}") from error
    _check_sizes(rules, order, empty)


def _check_sizes(rules: _Rules, order: list[str], empty: set[str]) -> None:
    """Bound the ways on from any place, and the rules that lead on the longest of them.

    `order` has each rule after those that it can begin with.
    """
    ways: dict[str | None, int] = {None: 1}
    depths: dict[str | None, int] = {None: 0}

    def times(item: _Item) -> int:
        return (item.most or item.least or 1) if item.rule in empty else 1

    for name in order:
        ways[name], depths[name] = int(name in empty), 1
        for sequence in rules[name]:
            for item in _starts(sequence, empty):
                ways[name] += ways[item.rule] * times(item)
                # A repetition is a rule of its own, or so many, each in the one before.
                repetitions = 0 if (item.least, item.most) == (1, 1) else times(item)
                depths[name] = max(depths[name], depths[item.rule] + 1 + repetitions)
        if depths[name] > _LONGEST_CHAIN:
            raise UsageError(f"the grammar's rule {name} begins with too many rules in a row")
    for name, sequences in rules.items():
        for sequence in sequences:
            here = 1
            for item in reversed(sequence):
                on = here if item.least == 0 or item.rule in empty else 0
                here = ways[item.rule] * times(item) + on
                if max(here, ways[name]) > _MOST_ALTERNATIVES:
                    raise UsageError(
                        f"the grammar's rule {name} has more than {_MOST_ALTERNATIVES} "
                        "alternatives at one place"
                    )


def _items(rules: _Rules) -> Iterator[_Item]:
    return (item for sequences in rules.values() for sequence in sequences for item in sequence)


def _starts(sequence: _Sequence, empty: set[str]) -> Iterator[_Item]:
    """The items that can be the first to have text."""
    for item in sequence:
        yield item
        if item.least > 0 and item.rule not in empty:
            return


def _reachable(rules: _Rules, is_there: Callable[[_Item], bool]) -> set[str]:
    """The rules with a sequence of which all items are there, or are such rules."""
    users: dict[str | None, set[str]] = {}
    for name, sequences in rules.items():
        for sequence in sequences:
            for item in sequence:
                users.setdefault(item.rule, set()).add(name)
    found: set[str] = set()
    todo = list(rules)
    while todo:
        name = todo.pop()
        if name not in found and any(
            all(is_there(item) or item.rule in found for item in sequence)
            for sequence in rules[name]
        ):
            found.add(name)
            todo += users.get(name, ())
    return found
