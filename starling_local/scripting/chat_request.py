"""Requests in the shape of OpenAI's chat completions, checked field by field.

The names and ranges are those of https://platform.openai.com/docs/api-reference/chat/create, where
this program has such a thing, and of `settings.Sampling`. What is not known is refused, never
passed over: a script that misspells a field must hear of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from starling_local.errors import UsageError
from starling_local.prompt import Condition, Message, Role, SystemForm
from starling_local.settings import Limits, Sampling

T = TypeVar("T")

MOST_CHOICES = 128
MOST_TOP_LOGPROBS = 20
MOST_STOP_CHARACTERS = 10_000
# As long as `GPT4 Correct Assistant: <|end_of_turn|>`.
BETWEEN_BYTES = 40


class BadFieldError(UsageError):
    """A request has a field that is unknown, missing or not possible; `field` is its path."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True)
class ChatRequest:
    """What is asked for: a conversation, how it is answered, and in which form."""

    messages: tuple[Message, ...]
    model: str | None = None
    condition: Condition = Condition.CHAT
    system_form: SystemForm = SystemForm.PLAIN
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)
    choices: int = 1
    logprobs: int | None = None
    """So many of the likeliest tokens in each place; None for no log-probabilities."""
    is_streamed: bool = False
    streams_usage: bool = False


def parse_chat_request(body: object) -> ChatRequest:
    """The request that a JSON value asks for; what it leaves out, or has as null, is the default.

    Raises BadFieldError, which names the field.
    """
    if not isinstance(body, Mapping):
        raise BadFieldError("body", f"an object is wanted, not {_shown(body)}")
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name in _UNSUPPORTED:
            raise BadFieldError(name, _UNSUPPORTED[name])
        if name not in _READERS and name not in _SAMPLING and name != "messages":
            raise BadFieldError(str(name), "there is no such field")
    if "messages" not in given:
        raise BadFieldError("messages", "is missing")
    request = ChatRequest(parse_messages(given.pop("messages")))
    for name, value in given.items():
        if name in _SAMPLING:
            number: Any = _number(name, value, *_SAMPLING[name])
            request = replace(request, sampling=replace(request.sampling, **{name: number}))
        else:
            request = _READERS[name](request, value, given)
    return request


def parse_messages(value: object, path: str = "messages") -> tuple[Message, ...]:
    """Messages in OpenAI's form, of text alone. Raises BadFieldError, which names the place."""
    entries = _list(path, value)
    if not entries:
        raise BadFieldError(path, "at least one message is wanted")
    return tuple(_message(f"{path}[{index}]", entry) for index, entry in enumerate(entries))


def size_bytes(messages: Sequence[Message]) -> int:
    """How large the messages are for a tokenizer: their text in UTF-8, and what stands between."""
    return sum(len(one.content.encode("utf-8", "replace")) + BETWEEN_BYTES for one in messages)


def _message(path: str, value: object) -> Message:
    entry = _object(path, value)
    for name, given in entry.items():
        # What an answer of ours has besides, so that it can be sent back as it is.
        is_empty = given is None or given == []
        if name not in ("role", "content", "name") and not is_empty:
            raise BadFieldError(f"{path}.{name}", "there is no such field, or it is not supported")
    role = entry.get("role")
    known = {one.value: one for one in Role} | {"developer": Role.SYSTEM}
    if not isinstance(role, str) or role not in known:
        raise BadFieldError(f"{path}.role", f"system, user or assistant, not {_shown(role)}")
    if "content" not in entry:
        raise BadFieldError(f"{path}.content", "is missing")
    return Message(known[role], _content(f"{path}.content", entry["content"]))


def _content(path: str, value: object) -> str:
    """A message's text, which may come in parts."""
    if isinstance(value, str):
        return _text(path, value)
    if value is None:
        return ""
    if not isinstance(value, list):
        raise BadFieldError(path, f"a text, or a list of parts, is wanted, not {_shown(value)}")
    parts = []
    for index, part in enumerate(value):
        entry = _object(f"{path}[{index}]", part)
        if entry.get("type") != "text":
            raise BadFieldError(f"{path}[{index}].type", "only text is understood")
        parts.append(_text(f"{path}[{index}].text", entry.get("text")))
    return "".join(parts)


def _model(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    return replace(request, model=_text("model", value))


def _condition(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    return replace(request, condition=_one_of("condition", value, Condition))


def _system_form(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    return replace(request, system_form=_one_of("system_form", value, SystemForm))


def _max_tokens(name: str) -> Callable[[ChatRequest, object, Mapping[str, Any]], ChatRequest]:
    def read(request: ChatRequest, value: object, given: Mapping[str, Any]) -> ChatRequest:
        most = _number(name, value, int, 1, 2**31 - 1)
        if len({given[one] for one in ("max_tokens", "max_completion_tokens") if one in given}) > 1:
            raise BadFieldError(name, "max_tokens and max_completion_tokens differ")
        return replace(request, limits=replace(request.limits, max_tokens=most))

    return read


def _stop(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    texts = [value] if isinstance(value, str) else _list("stop", value)
    stop = tuple(_text("stop", text) for text in texts)
    if "" in stop:
        raise BadFieldError("stop", "a stop string is empty")
    if sum(map(len, stop)) > MOST_STOP_CHARACTERS:
        raise BadFieldError("stop", f"at most {MOST_STOP_CHARACTERS:,} characters in all")
    return replace(request, limits=replace(request.limits, stop=stop))


def _choices(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    return replace(request, choices=_number("n", value, int, 1, MOST_CHOICES))


def _stream(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    return replace(request, is_streamed=_flag("stream", value))


def _stream_options(request: ChatRequest, value: object, given: Mapping[str, Any]) -> ChatRequest:
    options = _object("stream_options", value)
    for name in options:
        if name != "include_usage":
            raise BadFieldError(f"stream_options.{name}", "there is no such field")
    if not given.get("stream"):
        raise BadFieldError("stream_options", "is only for stream: true")
    wanted = _flag("stream_options.include_usage", options.get("include_usage", False))
    return replace(request, streams_usage=wanted)


def _logprobs(request: ChatRequest, value: object, given: Mapping[str, Any]) -> ChatRequest:
    if not _flag("logprobs", value):
        return replace(request, logprobs=None)
    return replace(
        request, logprobs=_number("top_logprobs", given.get("top_logprobs", 0), int, 0,
                                  MOST_TOP_LOGPROBS)
    )  # fmt: skip


def _top_logprobs(request: ChatRequest, value: object, given: Mapping[str, Any]) -> ChatRequest:
    _number("top_logprobs", value, int, 0, MOST_TOP_LOGPROBS)
    if not given.get("logprobs"):
        raise BadFieldError("top_logprobs", "is only for logprobs: true")
    return request


def _logit_bias(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    biases = {}
    for token, bias in _object("logit_bias", value).items():
        path = f"logit_bias.{token}"
        if not (isinstance(token, str) and token.isascii() and token.isdecimal()):
            raise BadFieldError(path, "the id of a token is wanted")
        biases[int(token)] = _number(path, bias, float, -100.0, 100.0)
    # As OpenAI has it, -100 bans a token.
    banned = {token: -math.inf if bias == -100 else bias for token, bias in biases.items()}
    return replace(request, sampling=replace(request.sampling, logit_bias=banned))


def _response_format(request: ChatRequest, value: object, given: Mapping[str, Any]) -> ChatRequest:
    from starling_local.engine.json_schema import grammar_for_schema

    entry = _object("response_format", value)
    kind = entry.get("type")
    if kind == "text":
        return request
    if "grammar" in given:
        raise BadFieldError("response_format", "there is a grammar too")
    schema: Mapping[str, Any] = {"type": "object"}
    path = "response_format"
    if kind == "json_schema":
        path = "response_format.json_schema"
        described = _object(path, entry.get("json_schema"))
        path += ".schema"
        schema = _object(path, described.get("schema"))
    elif kind != "json_object":
        raise BadFieldError(
            "response_format.type", f"text, json_object or json_schema, not {_shown(kind)}"
        )
    try:
        grammar = grammar_for_schema(schema)
    except UsageError as error:
        raise BadFieldError(path, error.message) from error
    return replace(request, sampling=replace(request.sampling, grammar=grammar))


def _grammar(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
    from starling_local.engine.gbnf import check_grammar

    grammar = _text("grammar", value)
    try:
        check_grammar(grammar)
    except UsageError as error:
        raise BadFieldError("grammar", error.message) from error
    return replace(request, sampling=replace(request.sampling, grammar=grammar))


def _passed_over(name: str) -> Callable[[ChatRequest, object, Mapping[str, Any]], ChatRequest]:
    """A field that says who asks or what for, and changes no answer."""

    def read(request: ChatRequest, value: object, _all: Mapping[str, Any]) -> ChatRequest:
        if name == "metadata":
            _object(name, value)
        else:
            _text(name, value)
        return request

    return read


_READERS: Mapping[str, Callable[[ChatRequest, object, Mapping[str, Any]], ChatRequest]] = {
    "model": _model,
    "condition": _condition,
    "system_form": _system_form,
    "max_tokens": _max_tokens("max_tokens"),
    "max_completion_tokens": _max_tokens("max_completion_tokens"),
    "stop": _stop,
    "n": _choices,
    "stream": _stream,
    "stream_options": _stream_options,
    "logprobs": _logprobs,
    "top_logprobs": _top_logprobs,
    "logit_bias": _logit_bias,
    "response_format": _response_format,
    "grammar": _grammar,
    "user": _passed_over("user"),
    "metadata": _passed_over("metadata"),
}
# Fields that are those of `Sampling`, with their kinds and ranges.
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "typical": (0, 1),
    "top_k": (0, 2**31 - 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "repeat_penalty": (1e-3, 1e3),
    "seed": (0, 2**32 - 2),
    "mirostat": (0, 2),
}
_SAMPLING: Mapping[str, tuple[type, float, float]] = {
    one.name: (
        float if one.type == "float" else int,
        *_RANGES.get(one.name, (-(2**31), 2**31 - 1)),
    )
    for one in fields(Sampling)
    if one.name not in ("logit_bias", "grammar")
}
_UNSUPPORTED = dict.fromkeys(
    ("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
    "tools are not supported: the models were not trained to call any",
)


def _object(path: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadFieldError(path, f"an object is wanted, not {_shown(value)}")
    return value


def _list(path: str, value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise BadFieldError(path, f"a list is wanted, not {_shown(value)}")
    return value


def _text(path: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadFieldError(path, f"a text is wanted, not {_shown(value)}")
    return value


def _flag(path: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadFieldError(path, f"true or false is wanted, not {_shown(value)}")
    return value


def _number(path: str, value: object, kind: type[T], low: float, high: float) -> T:
    """A number within bounds, both included; a float may be written as a whole number."""
    kinds = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        what = "a number" if kind is float else "a whole number"
        raise BadFieldError(path, f"{what} is wanted, not {_shown(value)}")
    if not low <= value <= high:
        bounds = f"from {low:,} to {high:,}" if kind is int else f"from {low:g} to {high:g}"
        raise BadFieldError(path, f"{bounds}, not {_shown(value)}")
    return kind(value)  # type: ignore[call-arg]


def _one_of(path: str, value: object, kind: type[T]) -> T:
    """A member of an enum by its value."""
    try:
        return kind(value)  # type: ignore[call-arg]
    except ValueError:
        known = ", ".join(repr(one.value) for one in kind)  # type: ignore[attr-defined]
        raise BadFieldError(path, f"one of {known}, not {_shown(value)}") from None


def _shown(value: object, most: int = 60) -> str:
    """A JSON value for a message, shortened."""
    import json

    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= most else text[: most - 1] + "…"
