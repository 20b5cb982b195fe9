"""JSON schemas turned into GBNF."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from starling_local.engine.gbnf import MOST_REPETITIONS, NAME, check_grammar
from starling_local.engine.number_rules import MOST_DIGITS, Bound, integers, numbers
from starling_local.errors import UsageError

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
# More than fits into any context.
_LARGEST_SIZE = 100 * MOST_REPETITIONS
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
    "pattern patternProperties propertyNames then unevaluatedItems unevaluatedProperties "
    "uniqueItems".split()
)


def grammar_for_schema(schema: Mapping[str, Any]) -> str:
    """The GBNF of JSON that satisfies a schema, for `Sampling.grammar`; `{}` is any JSON at all.

    All that the grammar allows satisfies the schema (JSON Schema 2020-12), but not all that
    satisfies the schema is allowed: properties come in the schema's order, and where any are named
    there are no others; `oneOf` is read as `anyOf`. Of the values of `format` it holds to date,
    time, date-time and uuid; the others say nothing, which is how JSON Schema has them all. What
    JSON Schema does not define says nothing, and is passed over. The answer may begin with a
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
        check_grammar(text, must_end=True)
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
        is_named = len(unique) == 1 and NAME.fullmatch(unique[0])
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
            if keyword in _UNSUPPORTED and not _says_nothing(schema, keyword):
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
        write = integers if kind == "integer" else numbers
        try:
            return self._rule(write(low, high))
        except ValueError as error:
            raise _wrong(place, str(error)) from error

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
            return self._rule(f'"{{" space {self._members(members)} "}}"')
        if others is None or others is True:
            return "object"
        if others is False:
            return self._rule('"{" space "}"')
        value = self._value(others, f"{place}/additionalProperties")
        rule = self._rule(f'string ":" space {value}')
        return self._rule(f'"{{" space ( {rule} ( {_SEPARATOR} {rule} )* space )? "}}"')

    def _members(self, members: list[tuple[str, bool]]) -> str:
        """The members of an object by their rules, each with whether it is required."""
        required = [index for index, (_, is_required) in enumerate(members) if is_required]
        if not required:
            return self._optional_members([rule for rule, _ in members])
        first = required[0]
        before = [f"( {rule} {_SEPARATOR} )?" for rule, _ in members[:first]]
        after = [
            f"{_SEPARATOR} {rule}" if is_required else f"( {_SEPARATOR} {rule} )?"
            for rule, is_required in members[first + 1 :]
        ]
        return " ".join([*before, members[first][0], *after, "space"])

    def _optional_members(self, rules: list[str]) -> str:
        """Any of the members, in order; a rule for each says what may follow it."""
        options, tail = [], ""
        for rule in reversed(rules):
            options.append(f"{rule} {tail}".rstrip())
            tail = self._rule(f"( {_SEPARATOR} {rule} )? {tail}".rstrip())
        return f"( ( {' | '.join(reversed(options))} ) space )?"

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
        if schema.get("format") in _FORMATS:
            if least or most is not None:
                raise _wrong(place, "a length next to format is not supported")
            return str(schema["format"])
        if not least and most is None:
            return "string"
        return self._rule(rf'"\"" {self._times("char", least, most)} "\""')

    def _times(self, name: str, least: int, most: int | None) -> str:
        """A rule so many times; by the hundred where llama.cpp does not count as far."""
        whole, rest = divmod(least, MOST_REPETITIONS)
        parts = [f"{name}{{{MOST_REPETITIONS}}}"] * whole + [f"{name}{{{rest}}}"] * (rest > 0)
        if most is None:
            return " ".join([*parts, f"{name}*"])
        optional = min(most - least, _LARGEST_SIZE)
        if optional <= MOST_REPETITIONS:
            return " ".join([*parts, f"{name}{{0,{optional}}}"] if optional else parts)
        hundred = self._rule(f"{name}{{100}}")
        hundreds, rest = divmod(optional, 100)
        fewer = f"{hundred}{{0,{hundreds - 1}}} {name}{{0,99}}"
        return " ".join([*parts, f"( {fewer} | {hundred}{{{hundreds}}} {name}{{0,{rest}}} )"])


def _says_nothing(schema: dict[str, Any], keyword: str) -> bool:
    """Whether a keyword that cannot be held to, asks for nothing as it is used here."""
    if keyword == "uniqueItems":
        return not schema[keyword]
    is_one = _is_of(schema[keyword], "integer") and schema[keyword] == 1
    return keyword == "multipleOf" and is_one and schema.get("type") == "integer"


def _bounds(schema: dict[str, Any], place: str) -> tuple[Bound | None, Bound | None]:
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
    longest: int = 10**MOST_DIGITS
    if (low and low[0] >= longest) or (high and high[0] <= -longest):
        raise _wrong(place, f"the bounds ask for more than {MOST_DIGITS} digits")
    return (
        low if low and low[0] > -longest else None,
        high if high and high[0] < longest else None,
    )


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
