"""The lines of a batch: requests in OpenAI's Batch format, and the lines that answer them.

See https://platform.openai.com/docs/guides/batch and OpenAI's `BatchRequestInput` and
`BatchRequestOutput`. A line that fails says so twice, for readers of either kind: `response` has a
status and an error as OpenAI's does, and `error` is not null, as vLLM's `run-batch` writes it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from starling_local.errors import PromptTooLongError, StarlingError, UsageError
from starling_local.scripting.chat_request import BadFieldError, ChatRequest, parse_chat_request

METHOD, URL = "POST", "/v1/chat/completions"
# A line that is longer is not read into memory; no model's context holds so much.
LONGEST_LINE_BYTES = 16 * 2**20
FIRST_BYTES = b'{"id": "batch_req_'
"""How every line begins that `answered` and `failed` make."""
OK, BAD_REQUEST = 200, 400
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = ("custom_id", "method", "url", "body")

LineKey = str | int
"""What tells a line from others: its custom_id, or its number if it has none of its own."""


class BadLineError(UsageError):
    """A line cannot be answered. `reason` is OpenAI's word for it, `field` says where."""

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


@dataclass(frozen=True)
class InputLine:
    """A line of the input: a request that is not checked yet, or what is wrong with the line."""

    number: int
    """Counted from 1, as editors do."""
    custom_id: str | None
    """None if the line has none, or one that another line has had before."""
    body: object = None
    error: BadLineError | None = None

    @property
    def key(self) -> LineKey:
        """What tells the line from others."""
        return self.number if self.custom_id is None else self.custom_id

    def request(self) -> ChatRequest:
        """What the line asks for. Raises BadLineError, BadFieldError."""
        if self.error is not None:
            raise self.error
        request = parse_chat_request(self.body)
        if request.is_streamed:
            raise BadFieldError("stream", "a batch has whole answers only")
        return request


def read_lines(file: BinaryIO) -> Iterator[InputLine]:
    """Every line that is not blank, one at a time."""
    seen: set[str] = set()
    number = 0
    while raw := file.readline(LONGEST_LINE_BYTES):
        number += 1
        if len(raw) == LONGEST_LINE_BYTES and not raw.endswith(b"\n"):
            _skip_rest(file)
            message = f"the line is longer than {LONGEST_LINE_BYTES:,} bytes"
            yield InputLine(number, None, error=BadLineError("invalid_json_line", message))
        elif raw := (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).strip():
            line = _parsed(number, raw, seen)
            if line.custom_id is not None:
                seen.add(line.custom_id)
            yield line


def answered(line: InputLine, completion: Mapping[str, Any]) -> str:
    """The output line with the answer to a line."""
    return _output(line.custom_id, OK, completion, None)


def failed(line: InputLine, error: StarlingError) -> str:
    """The output line that says why a line has no answer."""
    field = error.field if isinstance(error, BadLineError | BadFieldError) else None
    reason = "invalid_request"
    if isinstance(error, BadLineError):
        reason = error.reason
    elif isinstance(error, PromptTooLongError):
        reason = "context_length_exceeded"
    said = {"code": reason, "message": error.message, "param": field}
    body = {"error": {**said, "type": "invalid_request_error"}}
    return _output(line.custom_id, BAD_REQUEST, body, {**said, "line": line.number})


def _skip_rest(file: BinaryIO) -> None:
    while raw := file.readline(LONGEST_LINE_BYTES):
        if raw.endswith(b"\n"):
            return


def _parsed(number: int, raw: bytes, seen: set[str]) -> InputLine:
    custom_id = None
    try:
        entry = _object(raw)
        found = _custom_id(entry)
        if found in seen:
            raise BadLineError(
                "duplicate_custom_id", f"another line has the custom_id {found!r} too", "custom_id"
            )
        custom_id = found
        _check(entry)
    except BadLineError as error:
        return InputLine(number, custom_id, error=error)
    return InputLine(number, custom_id, entry["body"])


def _object(raw: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadLineError("invalid_json_line", "the line is not UTF-8") from error
    except RecursionError as error:
        raise BadLineError("invalid_json_line", "the line is nested too deeply") from error
    except json.JSONDecodeError as error:
        message = f"the line is no JSON: {error.msg}, at character {error.pos + 1}"
        raise BadLineError("invalid_json_line", message) from error
    except ValueError as error:
        raise BadLineError("invalid_json_line", "a number in the line is too long") from error
    if not isinstance(entry, dict):
        raise BadLineError("invalid_json_line", "the line is no JSON object")
    return entry


def _custom_id(entry: Mapping[str, Any]) -> str:
    found = entry.get("custom_id")
    if found is None:
        raise BadLineError("missing_required_parameter", "custom_id is missing", "custom_id")
    if not isinstance(found, str) or not found:
        raise BadLineError("invalid_request", "custom_id must be a text, and not empty",
                           "custom_id")  # fmt: skip
    return found


def _check(entry: Mapping[str, Any]) -> None:
    for name in entry:
        if name not in _FIELDS:
            raise BadLineError("unknown_parameter", f"{name}: there is no such field", name)
    for name in _FIELDS:
        if entry.get(name) is None:
            raise BadLineError("missing_required_parameter", f"{name} is missing", name)
    if entry["method"] != METHOD:
        raise BadLineError("invalid_method", f"method must be {METHOD}", "method")
    if entry["url"] != URL:
        raise BadLineError("invalid_url", f"url must be {URL}", "url")


def _output(
    custom_id: str | None,
    status: int,
    body: Mapping[str, Any],
    error: Mapping[str, Any] | None,
) -> str:
    # In ASCII, as json.dumps has it: some readers take U+2028 for the end of a line.
    line = {
        "id": f"batch_req_{secrets.token_hex(12)}",
        "custom_id": custom_id,
        "response": {
            "status_code": status, "request_id": f"req_{secrets.token_hex(12)}", "body": body,
        },
        "error": error,
    }  # fmt: skip
    return json.dumps(line, allow_nan=False) + "\n"
