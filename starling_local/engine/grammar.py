"""Grammars of answers: GBNF checked before llama.cpp sees it, and JSON schemas turned into GBNF.

llama.cpp's parser (src/llama-grammar.cpp) writes its errors to stderr, and some grammars end its
process, or never come to an end: deep brackets and long chains of rules overflow the stack; a left
recursion behind a rule that is empty only indirectly, and `{5,2}`, fill the memory; alternatives
that multiply make a stack each; a named token inside a text can be allowed and then throw.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

from starling_local.errors import UsageError

# MAX_REPETITION_THRESHOLD of llama-grammar.cpp.
_MOST_REPETITIONS = 2000
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
_NAME = re.compile("[a-zA-Z0-9-]+")
_DEFINED_AS = re.compile("::=")
_REPETITION = re.compile(
    r"[*+?]|\{[ \t]*(?P<least>[0-9]{1,9})[ \t]*(?P<range>,[ \t]*(?P<most>[0-9]{1,9})?[ \t]*)?\}"
)
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")


def check_grammar(text: str) -> None:
    """Make sure that llama.cpp can follow a GBNF grammar, from its rule `root` on.

    The language is the one of llama.cpp's grammars/README.md, without named tokens (`<...>`).

    Raises UsageError, which names the line or the rule.
    """
    _check_rules(_Parser(text).parse())


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
        name = self._expect(_NAME, "a rule's name (letters, digits, -)")[0]
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
        if _NAME.match(first):
            name = self._expect(_NAME, "a name")[0]
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
            if created > _MOST_REPETITIONS:
                raise self._error(f"more than {_MOST_REPETITIONS} repetitions")
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


# `char` is what JSON allows, without control characters and halves of surrogate pairs; numbers have
# no more digits than a float keeps; no February has 29 days.
_COMMON_RULES = r"""
space ::= ( " " | "\n" [ \t]{0,20} )?
value ::= object | array | string | number | boolean | null
object ::= "{" space ( member ( "," space member )* space )? "}"
member ::= string ":" space value
array ::= "[" space ( value ( "," space value )* space )? "]"
string ::= "\"" char* "\""
char ::= [\x20-\x21\x23-\x5B\x5D-\x7E\u00A0-\uD7FF\uE000-\U0010FFFF] | "\\" escaped
escaped ::= ["\\/bfnrt] | "u" ( [0-9a-cA-CefEF] hex{3} | [dD] [0-7] hex{2} )
hex ::= [0-9a-fA-F]
integer ::= "-"? whole
whole ::= "0" | [1-9] [0-9]{0,14}
number ::= integer fraction? ( [eE] [-+]? [0-9]{1,2} )?
fraction ::= "." [0-9]{1,6}
boolean ::= "true" | "false"
null ::= "null"
uuid ::= "\"" hex{8} ( "-" hex{4} ){3} "-" hex{12} "\""
date ::= "\"" day "\""
time ::= "\"" clock "\""
date-time ::= "\"" day "T" clock "\""
day ::= [12] [0-9]{3} "-" ( long-month | short-month | february )
long-month ::= ( "0" [13578] | "1" [02] ) "-" ( "0" [1-9] | [12] [0-9] | "3" [01] )
short-month ::= ( "0" [469] | "11" ) "-" ( "0" [1-9] | [12] [0-9] | "30" )
february ::= "02-" ( "0" [1-9] | "1" [0-9] | "2" [0-8] )
clock ::= hours ":" minutes ":" minutes ( "." [0-9]{1,6} )? ( "Z" | [-+] hours ":" minutes )
hours ::= [01] [0-9] | "2" [0-3]
minutes ::= [0-5] [0-9]
"""
_FORMATS = ("date", "time", "date-time", "uuid")
_SEPARATOR = '"," space'
_MOST_DIGITS = 15
# Up to here a float tells all numbers with six digits after the point apart.
_LARGEST_OPEN_BOUND = 10**9
# More than fits into any context.
_LARGEST_SIZE = 100 * _MOST_REPETITIONS
_DEEPEST_SCHEMA = 64

_HEADS = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
_KEYWORDS = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
_UNSUPPORTED = frozenset(
    "$dynamicRef $recursiveRef additionalItems contains dependencies dependentRequired "
    "dependentSchemas else if maxContains maxProperties minContains minProperties multipleOf not "
    "pattern patternProperties propertyNames then unevaluatedItems unevaluatedProperties".split()
)


def grammar_for_schema(schema: Mapping[str, Any]) -> str:
    """The GBNF of JSON that satisfies a schema, for `Sampling.grammar`; `{}` is any JSON at all.

    All that the grammar allows satisfies the schema (JSON Schema 2020-12), but not all that
    satisfies the schema is allowed: properties come in the schema's order, and where any are named
    there are no others; `oneOf` is read as `anyOf`; a `format` is date, time, date-time or uuid.
    What JSON Schema does not define says nothing, and is passed over. The answer may begin with a
    space, which `StreamedText` takes away.

    Raises UsageError, which names the place: the schema is not valid; it uses what cannot be held
    to (`pattern`, `not`, `uniqueItems`, several schemas in `allOf`, ...), or a `$ref` to another
    document, as nothing is ever fetched; or there is no JSON that satisfies it.
    """
    try:
        plain = json.loads(json.dumps(dict(schema), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the JSON schema is not JSON: {error}") from error
    text = _SchemaConverter(plain).convert()
    try:
        rules = _Parser(text).parse()
        endless = rules.keys() - _reachable(rules, lambda item: item.least == 0 or not item.rule)
        if endless:
            raise UsageError("it needs itself inside itself, without end")
        _check_rules(rules)
    except UsageError as error:
        raise UsageError(f"the JSON schema cannot be used: {error.message}") from error
    return text


class _SchemaConverter:
    """Writes rules for the parts of a schema. A part's place is named as `$ref` names it."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._names: dict[str, str] = {}  # of rules, by what they stand for
        self._references: dict[str, str] = {}  # names of rules, by places

    def convert(self) -> str:
        rules = {"root": f'" "? {self._value(self._schema, "#")}'}
        todo: list[tuple[str, str]] = [*self._references.items()]
        for place, name in todo:
            known = len(self._references)
            rules[name] = self._value(self._target(place), place)
            todo += [*self._references.items()][known:]
        rules |= {name: expression for expression, name in self._names.items()}
        return "\n".join(f"{name} ::= {rule}" for name, rule in rules.items()) + _COMMON_RULES

    def _rule(self, expression: str) -> str:
        """The name of a rule for the expression."""
        return self._names.setdefault(expression, f"part-{len(self._names) + 1}")

    def _union(self, expressions: list[str]) -> str:
        unique = list(dict.fromkeys(expressions))
        is_named = len(unique) == 1 and _NAME.fullmatch(unique[0])
        return unique[0] if is_named else self._rule(" | ".join(unique))

    def _value(self, schema: Any, place: str) -> str:
        """The name of the rule for a value that satisfies a schema."""
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            wrong = "nothing satisfies it" if schema is False else "a schema is an object"
            raise _wrong(place, wrong)
        if place.count("/") > _DEEPEST_SCHEMA:
            raise _wrong(place, "it is nested too deeply")
        for keyword in schema:
            if keyword in _UNSUPPORTED or (keyword == "uniqueItems" and schema[keyword]):
                raise _wrong(place, f"{keyword} is not supported")
        for head in _HEADS:
            if head in schema:
                return self._headed(schema, head, place)
        types = _types(schema, place)
        if types is None:
            types = [kind for kind, words in _KEYWORDS.items() if schema.keys() & words]
            if not types:
                return "value"
            if len(types) > 1:
                raise _wrong(place, "its type is not given")
        return self._union([self._typed(schema, kind, place) for kind in types])

    def _headed(self, schema: dict[str, Any], head: str, place: str) -> str:
        """A schema that is told by another one, or by values."""
        is_constant = head in ("const", "enum")
        for word in (*_HEADS, "type", *(word for words in _KEYWORDS.values() for word in words)):
            if word in schema and word != head and not (is_constant and word == "type"):
                raise _wrong(place, f"{word} next to {head} is not supported")
        told = schema[head]
        if head == "$ref":
            return self._reference(told, place)
        if head == "const":
            told = [told]
        if not isinstance(told, list) or not told:
            raise _wrong(place, f"{head} is a list, and not an empty one")
        if is_constant:
            return self._constants(told, _types(schema, place), place)
        if head == "allOf" and len(told) > 1:
            raise _wrong(place, "several schemas in allOf are not supported")
        return self._union(
            [self._value(one, f"{place}/{head}/{index}") for index, one in enumerate(told)]
        )

    def _constants(self, values: list[Any], types: list[str] | None, place: str) -> str:
        if types is not None:
            values = [value for value in values if any(_is_of(value, kind) for kind in types)]
        if not values:
            raise _wrong(place, "none of the values has the type")
        return self._union([_quoted(value) for value in values])

    def _reference(self, reference: Any, place: str) -> str:
        if not isinstance(reference, str) or not (reference + "/").startswith("#/"):
            raise _wrong(place, f"a $ref must be within the schema (#/...), not {reference!r}")
        word = re.sub("[^a-zA-Z0-9]+", "-", reference.rpartition("/")[2]).strip("-") or "schema"
        return self._references.setdefault(reference, f"{word}-ref-{len(self._references) + 1}")

    def _target(self, reference: str) -> Any:
        found: Any = self._schema
        for part in reference.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key in map(str, range(len(found))):
                found = found[int(key)]
            else:
                raise _wrong(reference, "there is no such place in the schema")
        return found

    def _typed(self, schema: dict[str, Any], kind: str, place: str) -> str:
        if kind == "object":
            return self._object(schema, place)
        if kind == "array":
            return self._array(schema, place)
        if kind == "string":
            return self._string(schema, place)
        if kind not in ("integer", "number") or not schema.keys() & _KEYWORDS["number"]:
            return kind
        low, high = _bounds(schema, place)
        write = _integers if kind == "integer" else _numbers
        return self._rule(write(low, high, place))

    def _object(self, schema: dict[str, Any], place: str) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        others = schema.get("additionalProperties")
        if not isinstance(properties, dict):
            raise _wrong(place, "properties is an object")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise _wrong(place, "required is a list of names")
        members = []
        unnamed = True if others is None else others
        for name in dict.fromkeys([*properties, *required]):
            escaped = name.replace("~", "~0").replace("/", "~1")
            value = self._value(properties.get(name, unnamed), f"{place}/properties/{escaped}")
            members.append((self._rule(f'{_quoted(name)} ":" space {value}'), name in required))
        if members:
            return self._rule(f'"{{" space {_members(members)} "}}"')
        if others is None or others is True:
            return "object"
        if others is False:
            return self._rule('"{" space "}"')
        value = self._value(others, f"{place}/additionalProperties")
        rule = self._rule(f'string ":" space {value}')
        return self._rule(f'"{{" space ( {rule} ( {_SEPARATOR} {rule} )* space )? "}}"')

    def _array(self, schema: dict[str, Any], place: str) -> str:
        least, most = _sizes(schema, "minItems", "maxItems", place)
        prefix, items = schema.get("prefixItems", []), schema.get("items")
        if not isinstance(prefix, list) or isinstance(items, list):
            raise _wrong(place, "prefixItems is a list of schemas, items a single one")
        if most is not None:
            prefix, most = prefix[:most], most - len(prefix[:most])
        values = [self._value(one, f"{place}/prefixItems/{n}") for n, one in enumerate(prefix)]
        least = max(least - len(values), 0)
        if items is False and least:
            raise _wrong(place, "minItems asks for more items than there may be")
        if items is False or (items is None and values):
            most = least
        if most != 0:
            value = self._value(True if items is None else items, f"{place}/items")
            more = self._rule(f"{_SEPARATOR} {value}")
            if not values and least == 0:
                most = None if most is None else most - 1
                return self._rule(f'"[" space ( {value} {self._times(more, 0, most)} space )? "]"')
            if not values:
                values, least, most = [value], least - 1, None if most is None else most - 1
            values[-1] += f" {self._times(more, least, most)}"
        return self._rule(f'"[" space {f" {_SEPARATOR} ".join(values)} space "]"')

    def _string(self, schema: dict[str, Any], place: str) -> str:
        least, most = _sizes(schema, "minLength", "maxLength", place)
        if "format" in schema:
            if schema["format"] not in _FORMATS:
                known = ", ".join(_FORMATS)
                raise _wrong(place, f"the format {schema['format']!r} is not one of {known}")
            if least or most is not None:
                raise _wrong(place, "a length next to format is not supported")
            return str(schema["format"])
        if not least and most is None:
            return "string"
        return self._rule(rf'"\"" {self._times("char", least, most)} "\""')

    def _times(self, name: str, least: int, most: int | None) -> str:
        """A rule so many times; by the hundred where llama.cpp does not count as far."""
        whole, rest = divmod(least, _MOST_REPETITIONS)
        parts = [f"{name}{{{_MOST_REPETITIONS}}}"] * whole + [f"{name}{{{rest}}}"] * (rest > 0)
        if most is None:
            return " ".join([*parts, f"{name}*"])
        optional = min(most - least, _LARGEST_SIZE)
        if optional <= _MOST_REPETITIONS:
            return " ".join([*parts, f"{name}{{0,{optional}}}"] if optional else parts)
        hundred = self._rule(f"{name}{{100}}")
        hundreds, rest = divmod(optional, 100)
        fewer = f"{hundred}{{0,{hundreds - 1}}} {name}{{0,99}}"
        return " ".join([*parts, f"( {fewer} | {hundred}{{{hundreds}}} {name}{{0,{rest}}} )"])


# A bound, and whether it is itself out of bounds.
_Bound = tuple[float, bool]


def _bounds(schema: dict[str, Any], place: str) -> tuple[_Bound | None, _Bound | None]:
    """The lower and the upper bound of a number."""
    for word in _KEYWORDS["number"]:
        if not _is_of(schema.get(word, 0), "number"):
            raise _wrong(place, f"{word} is a number")
    given = [(schema[word], word) for word in _KEYWORDS["number"] if word in schema]
    lows = [(bound, word != "minimum") for bound, word in given if word.endswith("inimum")]
    highs = [(bound, word != "maximum") for bound, word in given if word.endswith("aximum")]
    low = max(lows, default=None)
    high = min(highs, key=lambda bound: (bound[0], not bound[1]), default=None)
    if low and high and (low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1]))):
        raise _wrong(place, "no number is within the bounds")
    longest: int = 10**_MOST_DIGITS
    if (low and low[0] >= longest) or (high and high[0] <= -longest):
        raise _wrong(place, f"the bounds ask for more than {_MOST_DIGITS} digits")
    return (
        low if low and low[0] > -longest else None,
        high if high and high[0] < longest else None,
    )


def _integers(low: _Bound | None, high: _Bound | None, place: str) -> str:
    """What integers within bounds look like."""
    least = low and (math.floor(low[0]) + 1 if low[1] else math.ceil(low[0]))
    most = high and (math.ceil(high[0]) - 1 if high[1] else math.floor(high[0]))
    if least is not None and most is not None and least > most:
        raise _wrong(place, "no integer is within the bounds")
    signed = []
    if most is None or most >= 0:
        signed.append(_digits(max(least or 0, 0), most))
    if least is None or least < 0:
        nearest = 1 if most is None else max(-most, 1)
        signed.append(f'"-" ( {_digits(nearest, None if least is None else -least)} )')
    return " | ".join(signed)


def _numbers(low: _Bound | None, high: _Bound | None, place: str) -> str:
    """What numbers within bounds look like."""
    if any(bound and bound[0] % 1 for bound in (low, high)):
        raise _wrong(place, "the bounds of a number have to be whole, those of an integer not")
    if any(bound and bound[1] and abs(bound[0]) > _LARGEST_OPEN_BOUND for bound in (low, high)):
        raise _wrong(place, f"an exclusive bound is beyond {_LARGEST_OPEN_BOUND}")
    signed = []
    if high is None or high[0] > 0 or high == (0, False):
        signed.append(_sizes_between(low if low and low[0] >= 0 else (0, False), high))
    if low is None or low[0] < 0:
        nearest = (-high[0], high[1]) if high and high[0] <= 0 else (0, False)
        signed.append(f'"-" ( {_sizes_between(nearest, low and (-low[0], low[1]))} )')
    return " | ".join(signed)


def _sizes_between(low: _Bound, high: _Bound | None) -> str:
    """What numbers without a sign look like; a fraction stands where there may be one."""
    first, end = int(low[0]), None if high is None else int(high[0])
    options = []
    if low[1] and first != end:
        options.append(f'"{first}." [0-9]{{0,5}} [1-9]')
        first += 1
    if end is None or first < end:
        options.append(f"( {_digits(first, None if end is None else end - 1)} ) fraction?")
    if high is not None and not high[1]:
        options.append(f'"{end}"')
    return " | ".join(options)


def _digits(least: int, most: int | None) -> str:
    """What integers without a sign look like."""
    first = str(least)
    if most is None:
        more = f"[1-9] [0-9]{{{len(first)},{_MOST_DIGITS - 1}}}"
        return f"{_equally_long(first, '9' * len(first))} | {more}"
    options = []
    for length in range(len(first), len(str(most)) + 1):
        shortest = 10 ** (length - 1) if length > 1 else 0
        ends = str(max(least, shortest)), str(min(most, 10**length - 1))
        options.append(_equally_long(*ends))
    return " | ".join(options)


def _equally_long(first: str, last: str) -> str:
    """What the digits look like from `first` to `last`, which have the same number of them."""
    if first == last:
        return f'"{first}"'
    rest = len(first) - 1
    zeros, nines = "0" * rest, "9" * rest
    any_rest = f" [0-9]{{{rest}}}" if rest else ""
    if (first[1:], last[1:]) == (zeros, nines):
        return f"[{first[0]}-{last[0]}]{any_rest}"
    if first[0] == last[0]:
        return f'"{first[0]}" ( {_equally_long(first[1:], last[1:])} )'
    options = [f'"{first[0]}" ( {_equally_long(first[1:], nines)} )']
    if int(first[0]) + 1 < int(last[0]):
        options.append(f"[{int(first[0]) + 1}-{int(last[0]) - 1}]{any_rest}")
    return " | ".join([*options, f'"{last[0]}" ( {_equally_long(zeros, last[1:])} )'])


def _members(members: list[tuple[str, bool]]) -> str:
    """The members of an object, by the names of their rules, each with whether it is required."""
    required = [index for index, (_, is_required) in enumerate(members) if is_required]
    followed = [
        f"{_SEPARATOR} {rule}" if is_required else f"( {_SEPARATOR} {rule} )?"
        for rule, is_required in members
    ]
    if required:
        first = required[0]
        before = [f"( {rule} {_SEPARATOR} )?" for rule, _ in members[:first]]
        return " ".join([*before, members[first][0], *followed[first + 1 :], "space"])
    options = [" ".join([rule, *followed[index + 1 :]]) for index, (rule, _) in enumerate(members)]
    return f"( ( {' | '.join(options)} ) space )?"


def _types(schema: dict[str, Any], place: str) -> list[str] | None:
    """The types that a schema names."""
    if "type" not in schema:
        return None
    named = schema["type"]
    types = [named] if isinstance(named, str) else named
    if not isinstance(types, list) or not types or any(kind not in [*_OF_TYPE] for kind in types):
        raise _wrong(place, f"there is no type {named!r}")
    return types


def _sizes(schema: dict[str, Any], least: str, most: str, place: str) -> tuple[int, int | None]:
    for word in (least, most):
        if not _is_of(schema.get(word, 0), "integer") or schema.get(word, 0) < 0:
            raise _wrong(place, f"{word} is a whole number, and not below 0")
    found = int(schema.get(least, 0)), int(schema[most]) if most in schema else None
    if found[0] > _LARGEST_SIZE:
        raise _wrong(place, f"{least} is above {_LARGEST_SIZE}, which fits into no context")
    if found[1] is not None and found[0] > found[1]:
        raise _wrong(place, f"{least} is above {most}")
    return found


_OF_TYPE: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: _OF_TYPE["number"](value) and value % 1 == 0,
}


def _is_of(value: Any, kind: str) -> bool:
    return _OF_TYPE[kind](value)


def _quoted(value: Any) -> str:
    """The JSON of a value, as a text of GBNF."""
    written = json.dumps(value, ensure_ascii=False).replace("\\", r"\\").replace('"', r"\"")
    return f'"{written}"'


def _wrong(place: str, what: str) -> UsageError:
    return UsageError(f"the JSON schema cannot be used, at {place}: {what}")
