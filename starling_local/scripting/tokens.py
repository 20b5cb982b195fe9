"""Texts and conversations as tokens: what a tokenizer makes of them, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starling_local.engine.vocabulary import Vocabulary
from starling_local.prompt import encode, prompt_segments
from starling_local.scripting.chat_request import BadFieldError, parse_chat_request, size_bytes

_OF_MESSAGES = ("messages", "condition", "system_form")


def tokens_of(params: Mapping[str, Any], vocabulary: Vocabulary, most_bytes: int) -> dict[str, Any]:
    """Ids and pieces of `text` as it is, or of the prompt that `messages` become.

    With the messages may come `condition` and `system_form`, as in a chat request.

    Raises BadFieldError, which names the field.
    """
    if ("text" in params) == ("messages" in params):
        raise BadFieldError("text", "either text or messages are wanted")
    for name in params:
        if name != "text" and ("text" in params or name not in _OF_MESSAGES):
            raise BadFieldError(name, "there is no such field")
    if "text" in params:
        ids = vocabulary.tokenise(_text(params["text"], most_bytes))
    else:
        request = parse_chat_request(params)
        _check_size("messages", size_bytes(request.messages), most_bytes)
        ids = encode(
            prompt_segments(request.messages, request.condition, request.system_form), vocabulary
        )
    return {"ids": ids, "pieces": [vocabulary.text(token) for token in ids]}


def _text(value: object, most_bytes: int) -> str:
    if not isinstance(value, str):
        raise BadFieldError("text", "a text is wanted")
    _check_size("text", len(value.encode("utf-8", "replace")), most_bytes)
    return value


def _check_size(name: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise BadFieldError(name, f"has {size:,} bytes; {most_bytes:,} is the most")
