"""GBNF that llama.cpp can follow, and JSON schemas as GBNF: what they allow and what not."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from starling_local.engine.context import Context
from starling_local.engine.gbnf import check_grammar
from starling_local.engine.generation import FinishReason, LastChunk, generate
from starling_local.engine.json_schema import grammar_for_schema
from starling_local.engine.model import Model
from starling_local.engine.sampling import Sampler
from starling_local.errors import UsageError
from starling_local.prompt import Condition, Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Limits, Sampling


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def context(model: Model) -> Iterator[Context]:
    with Context(model, ContextSettings(context=256, threads=1)) as made:
        yield made


def chain(length: int) -> str:
    """Rules that lead from one to the next."""
    rules = [f"rule-{index} ::= rule-{index + 1}" for index in range(length)]
    return "\n".join(["root ::= rule-0", *rules, f'rule-{length} ::= "x"'])


def doubling(depth: int) -> str:
    """Rules that each double the ways on."""
    rules = [f'rule-{n} ::= rule-{n + 1} "l" | rule-{n + 1} "r"' for n in range(depth)]
    return "\n".join(["root ::= rule-0", *rules, f'rule-{depth} ::= "x"'])


ACCEPTED = (
    'root ::= "a"',
    'root::="a"|"b"\n\n# a comment\nother ::= root root\n',
    'root ::= [a-z]+ [^\\n\\]"-] . ("x" | "y"\n | "z")* "\\x41\\u00e9\\U0001F600\\"\\\\"',
    'root ::= "a"{3} "b"{2,} "c"{0,4} "d"{ 1 , 2 } "e"?\r\n',
    'root ::= | "a" # or nothing\n',
    'root ::= "(" root ")" | ""',
    "root ::= [-a] [a-] [a\\-z] [\\x00-\\x1F]",
    "root ::= " + "(" * 200 + '"x"' + ")" * 200,
    chain(900),
    doubling(11),
    'root ::= ("a" | "b"){2000}',
    'root ::= ("a"?)* "b"*?',
)


@pytest.mark.parametrize("grammar", ACCEPTED, ids=range(len(ACCEPTED)))
def test_good_grammars(model: Model, grammar: str) -> None:
    check_grammar(grammar)
    with closing(Sampler(Sampling(grammar=grammar), model.vocabulary, 256)):
        pass


# The comment says what llama.cpp does with it.
REFUSED = {
    "": "no rule root",
    "# nothing": "no rule root",
    'x ::= "a"': "no rule root",
    "root ::= a": "no rule a",
    "root ::= (": r"line 1: expected \)",
    'root ::= "a"\nroot := "b"': "line 2: expected ::=",
    'root ::= "a': "line 1: expected a closing",
    "root ::= [a": "line 1: expected a closing",
    'root ::= "\\q"': "line 1: expected a closing",
    'root ::= "\\x4"': "line 1: expected a closing",
    "root ::= *": "'\\*' cannot be here",
    'root ::= "a" )': "'\\)' cannot be here",
    "root ::= a_b": "'_' cannot be here",
    '"a" ::= "b"': "line 1: expected a rule's name",
    'root ::= ""*': "nothing to repeat",
    'root ::= "a"{0}+ "b"': "nothing to repeat",
    'root ::= "a"{x}': r"line 1: expected \{2\}",
    'root ::= "a"{1000000}': "more than 2000 repetitions",
    'root ::= "a"{99999999999999999999}': r"line 1: expected \{2\}",
    'root ::= "a" "\0"': "NUL",  # is cut there
    'root ::= "\ud800"': "surrogate",
    "root ::= []": "class of characters is empty",  # is nothing at all
    "root ::= [^]": "class of characters is empty",
    "root ::= [z-a]": "range z-a is empty",
    'root ::= "a"{1,1000000}': "more than 2000 repetitions",  # has no limit
    'root ::= root "a" | "b"': "begins with itself: root → root",
    'root ::= a root "x" | "y"\na ::= b\nb ::= "z"?': "begins with itself",  # fills the memory
    'root ::= ("a" | )*': "repeats without end what can be empty: brackets in line 1",
    'root ::= "a"?+': "can be empty is repeated without end",
    'root ::= "a"{5,2}': "ends before it begins",  # fills the memory
    'root ::= "a" !<[5]>': "tokens",  # ends the process
    "root ::= " + "(" * 100_000 + '"a"' + ")" * 100_000: "brackets are open",  # ends the process
    chain(5_000): "too many rules in a row",  # ends the process
    doubling(30): "more than 4096 alternatives",  # does not come to an end
    'root ::= "x" ("a"?){900} ("b"?){900} ("c"?){900}': "more than 4096",  # nor does this
    "root ::= " + f'("{"x" * 50_000}"){{2}} ' + f'"{"x" * 50_000}"{{2000}}': "1000000 elements",
}


@pytest.mark.parametrize("grammar", REFUSED, ids=range(len(REFUSED)))
def test_bad_grammars(model: Model, capfd: pytest.CaptureFixture[str], grammar: str) -> None:
    """Refused before llama.cpp sees them, which would write to the terminal at best."""
    with pytest.raises(UsageError, match=REFUSED[grammar]):
        Sampler(Sampling(grammar=grammar or " "), model.vocabulary, 256)
    assert capfd.readouterr() == ("", "")


IN_A_SMALL_STACK = """
import ctypes, sys, threading
import llama_cpp
params = llama_cpp.llama_model_default_params()
params.vocab_only = True
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), params)
vocabulary = llama_cpp.llama_model_get_vocab(model)
made = []
def make(grammar):
    made.append(llama_cpp.llama_sampler_init_grammar(vocabulary, grammar, b"root"))
threading.stack_size(512 * 1024)
for grammar in sys.argv[2:]:
    thread = threading.Thread(target=make, args=[grammar.encode()])
    thread.start()
    thread.join()
print(len(made), all(made))
"""


def test_the_deepest_grammars_fit_a_thread_of_macos(nano_file: Path) -> None:
    deepest = ["root ::= " + "(" * 200 + '"x"' + ")" * 200, chain(997)]
    for grammar in deepest:
        check_grammar(grammar)
    command = [sys.executable, "-c", IN_A_SMALL_STACK, str(nano_file), *deepest]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2 True\n"), done.stderr


# JSON schemas


def allows(model: Model, grammar: str, text: str) -> bool:
    """Whether the text, after a space as the models put it, is a whole answer to a grammar."""
    vocabulary = model.vocabulary
    sampler = llama_cpp.llama_sampler_init_grammar(vocabulary.handle, grammar.encode(), b"root")
    single = (llama_cpp.llama_token_data * 1)()
    try:
        for token in [*vocabulary.tokenise(text), vocabulary.end_of_turn]:
            single[0] = (token, 1.0, 0.0)
            one = llama_cpp.llama_token_data_array(single, 1, -1, False)
            llama_cpp.llama_sampler_apply(sampler, one)
            if single[0].logit == -math.inf:
                return False
            llama_cpp.llama_sampler_accept(sampler, token)
        return True
    finally:
        llama_cpp.llama_sampler_free(sampler)


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "likes": {"type": "array", "items": {"enum": ["cats", "dogs", 'a "b\\c', 3]}},
    },
    "required": ["age"],
    "additionalProperties": False,
}
TREE = {
    "$ref": "#/$defs/no~1de",
    "$defs": {
        "no/de": {
            "type": ["object", "null"],
            "properties": {"value": {"type": "integer"}, "left": {"$ref": "#/$defs/no~1de"}},
            "required": ["value"],
        }
    },
}
# A schema, with what its grammar allows and what it does not.
SCHEMAS: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {},
        ['{"a": [1, {}, [], null]}', "-0.5e10", '"x"', '{\n  "a": true\n}', "[ ]"],
        ["{", "01", "1.", '"\n"', "{'a': 1}", "[1,]", "+1", '"\\ud800"', '"\\x"', "nul", ""],
    ),
    ({"type": "object"}, ["{}", '{"a": 1, "b": {"c": "ü€😀\\u00e9"}}'], ["[]", "1", "null"]),
    (
        PERSON,
        ['{"age": 7}', '{"name": "Jo", "age":120,"likes": ["cats", "a \\"b\\\\c", 3]}',
         '{"age": 0, "likes": []}'],
        ["{}", '{"age": 121}', '{"age": -1}', '{"name": "1234567890123", "age": 1}',
         '{"name": "Jo"}', '{"age": 7, "more": 1}', '{"age": 7, "likes": ["birds"]}',
         '{"age": 7,}'],
    ),
    (
        {"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}},
        ["{}", '{"a": 1}', '{"b": 2}', '{"a": 1, "c": 3}', '{"a": 1, "b": 2, "c": 3}'],
        ['{"b": 2, "a": 1}', '{, "b": 2}', '{"a": 1 "b": 2}', '{"d": 1}'],
    ),
    (
        {"additionalProperties": {"type": "boolean"}},
        ["{}", '{"x": true, "y": false}'],
        ['{"x": 1}', '{"x"}'],
    ),
    ({"type": "object", "additionalProperties": False}, ["{}"], ['{"a": 1}']),
    ({"required": ["a"]}, ['{"a": [1]}'], ["{}"]),
    (
        {"items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
        ["[1, 2]", "[1, 2, 3]"],
        ["[]", "[1]", "[1, 2, 3, 4]", "[1.5, 2]"],
    ),
    ({"type": "array", "maxItems": 1}, ["[]", "[{}]"], ["[1, 2]"]),
    (
        {"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": {"type": "null"}},
        ['["a", 1]', '["a", 1, null, null]'],
        ["[]", '["a"]', '["a", 1, 2]'],
    ),
    ({"prefixItems": [{"type": "null"}], "minItems": 2}, ["[null, 7]"], ["[null]", "[null, 1, 2]"]),
    (
        {"type": "string", "minLength": 2, "maxLength": 2100},
        ['"ab"', '"\\u00e9\\n"', f'"{"x" * 2100}"', f'"{"x" * 1999}"', f'"{"x" * 2001}"'],
        ['"a"', f'"{"x" * 2101}"', '"\\n"'],
    ),
    ({"minLength": 4100}, [f'"{"x" * 4100}"', f'"{"x" * 5000}"'], [f'"{"x" * 4099}"']),
    ({"format": "date"}, ['"2024-02-28"'], ['"2024-02-30"', '"2024-13-01"', '"2024-06-31"']),
    ({"format": "date-time"}, ['"1999-12-31T23:59:59Z"'], ['"1999-12-31 23:59:59Z"']),
    ({"format": "time"}, ['"23:59:00.5+01:00"'], ['"24:00:00Z"', '"12:00Z"']),
    ({"format": "uuid"}, [f'"{uuid.UUID(int=7)}"'], ['"7"']),
    ({"type": "string", "format": "email", "maxLength": 3}, ['"a@b"', '"no"'], ['"a@bc"', "1"]),
    ({"type": "integer", "multipleOf": 1}, ["7", "-12"], ["1.5"]),
    ({"type": "integer"}, ["0", "-17", "123456789012345"], ["1.0", "00", "- 1"]),
    (
        {"type": "integer", "exclusiveMinimum": -13, "maximum": 2050},
        ["-12", "-1", "0", "999", "2049", "2050"],
        ["-13", "2051", "3000", "10000", "007"],
    ),
    ({"minimum": 0, "maximum": 1.7e308}, ["0.5", "123456789012345.5"], ["-1", "1234567890123456"]),
    ({"type": "integer", "minimum": -(2**63), "maximum": 2**32 - 1}, ["4294967295", "-9999999999"],
     ["4294967296", "9999999999"]),
    ({"minimum": 18}, ["18", "18.5", "99", "100.25"], ["17.9", "-18", "1.8"]),
    (
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ["0.5", "0.001"],
        ["0", "0.0", "1", "1.0", "-0.5"],
    ),
    ({"minimum": -1, "maximum": 1}, ["-1", "-0.25", "0", "0.999", "1"], ["-1.5", "1.001", "2"]),
    ({"type": ["string", "null"], "maxLength": 1}, ["null", '""', '"x"'], ['"xy"', "1"]),
    ({"anyOf": [{"type": "null"}, {"enum": [1.5, [], {"a": 1}]}]}, ["[]", '{"a": 1}'], ["{}"]),
    ({"enum": ["a", 1, 2], "type": "integer"}, ["1", "2"], ['"a"', "3"]),
    ({"allOf": [{"type": "boolean"}], "title": "x", "default": 7}, ["true"], ["1"]),
    (
        TREE,
        ["null", '{"value": 1, "left": {"value": 2, "left": null}}'],
        ['{"left": null}', '{"value": 1, "left": 1}'],
    ),
    ({"items": {"$ref": "#"}}, ["[]", "[[], [[]]]"], ["[1]"]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "good", "bad"), SCHEMAS)
def test_what_the_grammar_of_a_schema_allows(
    model: Model, schema: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    grammar = grammar_for_schema(schema)
    assert [text for text in good if not allows(model, grammar, text)] == []
    assert [text for text in bad if allows(model, grammar, text)] == []
    assert all(satisfies(json.loads(text), schema, schema) for text in good)


LOOP: dict[str, Any] = {"type": "object"}
LOOP["properties"] = {"a": LOOP}


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"$ref": "https://example.org/schema.json"}, "#: a \\$ref must be within the schema"),
        ({"$ref": "other.json#/a"}, "within the schema"),
        ({"$ref": "#/$defs/none"}, "#/\\$defs/none: there is no such place"),
        ({"$ref": 3}, "within the schema"),
        ({"$ref": "#"}, "inside itself"),
        ({"properties": {"a": {"$ref": "#/x"}}, "x": {"items": {"$ref": "#/x"}, "minItems": 1}},
         "inside itself"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "begins with itself"),
        ({"required": ["a"], "properties": {"a": {"$ref": "#"}}}, "inside itself"),
        ({"properties": {"a/b": {"type": "text"}}}, "#/properties/a~1b: there is no type 'text'"),
        ({"type": []}, "no type"),
        ({"type": [["string"]]}, "no type"),
        ({"properties": {"a": 1}}, "#/properties/a: a schema is an object"),
        ({"properties": []}, "properties is an object"),
        ({"required": "a"}, "required is a list"),
        ({"required": ["a"], "additionalProperties": False}, "#/properties/a: nothing satisfies"),
        ({"items": [{}]}, "items a single one"),
        ({"items": False, "minItems": 1}, "more items than there may be"),
        ({"type": "string", "minLength": -1}, "minLength is a whole number"),
        ({"type": "string", "minLength": 2, "maxLength": 1}, "minLength is above maxLength"),
        ({"type": "array", "minItems": True}, "minItems is a whole number"),
        ({"type": "integer", "multipleOf": 2}, "multipleOf is not supported"),
        ({"type": "integer", "multipleOf": True}, "multipleOf is not supported"),
        ({"type": "number", "multipleOf": 1}, "multipleOf is not supported"),
        ({"format": "date", "minLength": 3}, "length next to format"),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "no integer is within"),
        ({"type": "number", "minimum": 3, "exclusiveMaximum": 3}, "no number is within"),
        ({"type": "number", "minimum": 0.5}, "have to be whole"),
        ({"type": "integer", "minimum": 10**15}, "more than 15 digits"),
        ({"type": "number", "exclusiveMaximum": 10**12}, "beyond 1000000000"),
        ({"type": "string", "minLength": 10**12}, "fits into no context"),
        ({"type": "integer", "exclusiveMinimum": True}, "exclusiveMinimum is a number"),
        ({"enum": []}, "enum is a list"),
        ({"enum": ["a"], "type": "integer"}, "none of the values has the type"),
        ({"anyOf": [{}], "type": "string"}, "type next to anyOf"),
        ({"allOf": [{}, {}]}, "several schemas in allOf"),
        ({"minLength": 1, "minimum": 1}, "its type is not given"),
        ({"type": "string", "pattern": "^a$"}, "pattern is not supported"),
        ({"not": {}}, "not is not supported"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems is not supported"),
        ({"const": math.nan}, "is not JSON"),
        ({"const": {1, 2}}, "is not JSON"),
        ({"const": "\ud800"}, "surrogate"),
        (LOOP, "is not JSON"),
        (json.loads('{"items":' * 300 + "{}" + "}" * 300), "nested too deeply"),
    ],
)  # fmt: skip
def test_bad_schemas(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        grammar_for_schema(schema)


def satisfies(value: Any, schema: Any, root: Any) -> bool:
    """As far as the schemas of this file go."""
    if schema is True:
        return True
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].split("/")[1:]:
            target = target[part.replace("~1", "/")]
        return satisfies(value, target, root)
    for head in ("anyOf", "allOf"):
        if head in schema:
            return any(satisfies(value, one, root) for one in schema[head])
    if not fits_type(value, schema.get("type", "any")):
        return False
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", [])) <= set(value) and all(
            (name in properties or others is not False)
            and satisfies(inner, properties.get(name, others), root)
            for name, inner in value.items()
        )
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        schemas = [*first, *[schema.get("items", True)] * (len(value) - len(first))]
        counts = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return bool(counts) and all(map(satisfies, value, schemas, [root] * len(value)))
    if isinstance(value, str):
        counts = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return counts and fits_format(value, schema.get("format"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and schema.get("exclusiveMinimum", -math.inf) < value
            and value < schema.get("exclusiveMaximum", math.inf)
        )
    return True


def fits_type(value: Any, kind: str | list[str]) -> bool:
    if isinstance(kind, list):
        return any(fits_type(value, one) for one in kind)
    types: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
        "integer": int, "number": (int, float), "any": object,
    }  # fmt: skip
    is_number = kind in ("integer", "number")
    return isinstance(value, types[kind]) and not (is_number and isinstance(value, bool))


def fits_format(value: str, name: str | None) -> bool:
    if name not in ("date", "time", "date-time", "uuid"):
        return True
    # Without what Python 3.10 cannot read.
    plain = re.sub(r"\.[0-9]+", "", value).replace("Z", "+00:00")
    readers: dict[str, Any] = {
        "date": date.fromisoformat, "time": time.fromisoformat, "uuid": uuid.UUID,
        "date-time": datetime.fromisoformat,
    }  # fmt: skip
    return bool(str(readers[name](plain)))


@pytest.mark.parametrize("schema", [schema for schema, _, _ in SCHEMAS])
def test_answers_satisfy_their_schema(context: Context, schema: dict[str, Any]) -> None:
    grammar = grammar_for_schema(schema)
    question = [Message(Role.USER, "Describe Jorinde as JSON.")]
    ids = encode(prompt_segments(question, Condition.CHAT), context.model.vocabulary)
    ended = 0
    for seed in range(12):
        # The longest texts that have to be would not end.
        most = 8 if schema.get("minLength", 0) > 1000 else 60
        sampling = Sampling(temperature=1.5, top_p=1, min_p=0, seed=seed, grammar=grammar)
        chunks = list(generate(context, ids, sampling, Limits(max_tokens=most)))
        last = chunks[-1]
        assert isinstance(last, LastChunk)
        text = "".join(chunk.text for chunk in chunks)
        if last.reason is FinishReason.STOP:
            ended += 1
            assert satisfies(json.loads(text), schema, schema), text
    assert ended or schema.get("minLength", 0) > 1000
