"""Requests in OpenAI's shape: what is understood, and that everything else is named and refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starling_local.prompt import Condition, Message, Role, SystemForm
from starling_local.scripting.chat_request import (
    BadFieldError,
    ChatRequest,
    parse_chat_request,
    parse_messages,
)
from starling_local.settings import Limits, Sampling

HELLO = [{"role": "user", "content": "Hello"}]


def parse(**fields: Any) -> ChatRequest:
    return parse_chat_request({"messages": HELLO, **fields})


def test_the_least_that_can_be_asked() -> None:
    assert parse() == ChatRequest((Message(Role.USER, "Hello"),))
    # Null is as if it were not there, as OpenAI has it.
    assert parse(temperature=None, stop=None, n=None, stream=None, model=None) == parse()


def test_every_field() -> None:
    request = parse(
        model="starling", condition="Code", system_form="role", temperature=1, top_p=0.5,
        top_k=7, min_p=0.1, seed=3, frequency_penalty=0.25, presence_penalty=-1,
        repeat_penalty=1.1, mirostat=2, max_tokens=9, stop=["a", "b"], n=2, stream=True,
        stream_options={"include_usage": True}, logprobs=True, top_logprobs=5,
        logit_bias={"15": -100, "16": 1.5}, user="me", metadata={"a": "b"},
    )  # fmt: skip
    assert request.model == "starling"
    assert request.condition is Condition.CODE
    assert request.system_form is SystemForm.ROLE
    assert request.limits == Limits(9, ("a", "b"))
    assert (request.choices, request.logprobs) == (2, 5)
    assert request.is_streamed
    assert request.streams_usage
    assert request.sampling == Sampling(
        temperature=1.0, top_p=0.5, top_k=7, min_p=0.1, seed=3, frequency_penalty=0.25,
        presence_penalty=-1.0, repeat_penalty=1.1, mirostat=2,
        logit_bias={15: -math.inf, 16: 1.5},
    )  # fmt: skip
    assert isinstance(request.sampling.temperature, float)


def test_messages() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    found = parse_messages(
        [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": parts, "name": "me"},
            # As our own answers have it.
            {"role": "assistant", "content": "c", "refusal": None, "tool_calls": []},
            {"role": "assistant", "content": None},
        ]
    )
    assert found == (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "ab"),
        Message(Role.ASSISTANT, "c"),
        Message(Role.ASSISTANT, ""),
    )


def test_one_stop_string_and_either_name_of_the_limit() -> None:
    assert parse(stop="x").limits.stop == ("x",)
    assert parse(max_completion_tokens=5).limits.max_tokens == 5
    assert parse(max_completion_tokens=5, max_tokens=5).limits.max_tokens == 5
    assert parse(logprobs=True).logprobs == 0
    assert parse(logprobs=False).logprobs is None


def test_the_form_of_the_answer() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    assert '"\\"age\\""' in parse(response_format=wanted).sampling.grammar
    assert parse(response_format={"type": "json_object"}).sampling.grammar
    assert not parse(response_format={"type": "text"}).sampling.grammar
    grammar = 'root ::= "yes" | "no"'
    assert parse(grammar=grammar).sampling.grammar == grammar


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"temprature": 1}, "temprature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": 1.0}, "top_k"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_"),
        ({"stop": 5}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a", 5]}, "stop"),
        ({"n": 0}, "n"),
        ({"n": 10**9}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
        ({"logprobs": 5}, "logprobs"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 99}, "top_logprobs"),
        ({"logit_bias": {"x": 1}}, "logit_bias.x"),
        ({"logit_bias": {"5": 101}}, "logit_bias.5"),
        ({"logit_bias": {"5": None}}, "logit_bias.5"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"condition": "GPT3"}, "condition"),
        ({"condition": []}, "condition"),
        ({"system_form": "jinja"}, "system_form"),
        ({"tools": []}, "tools"),
        ({"model": 5}, "model"),
        ({"user": 5}, "user"),
        ({"metadata": 5}, "metadata"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}},
            "response_format.json_schema.schema",
        ),
        ({"grammar": "root = x"}, "grammar"),
        ({"grammar": 'root ::= "a"', "response_format": {"type": "json_object"}}, "response_"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": [], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (
            {"messages": [*HELLO, {"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[1].content[0].type",
        ),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]}, "messages[0].tool_"),
        ({"messages": [{"role": "user", "content": "x", "mood": 1}]}, "messages[0].mood"),
    ],
)
def test_what_is_refused_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(BadFieldError) as caught:
        parse(**fields)
    assert caught.value.field.startswith(named)
    assert caught.value.message.startswith(named)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
NAMES = st.sampled_from(
    ["messages", "model", "temperature", "stop", "n", "seed", "logit_bias", "response_format",
     "logprobs", "top_logprobs", "stream", "stream_options", "max_tokens", "condition", "x"]
)  # fmt: skip


@given(JSON)
def test_any_json_at_all(body: Any) -> None:
    with pytest.raises(BadFieldError):
        parse_chat_request(body)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_values_of_known_fields(fields: dict[str, Any]) -> None:
    """They give a request, or an error that names a field; never another exception."""
    try:
        parse_chat_request({"messages": HELLO, **fields})
    except BadFieldError as error:
        json.dumps([error.field, error.message])
