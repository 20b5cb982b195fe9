"""JSON-RPC 2.0, one message a line: what a line asks for, and how answers are written.

Source: https://www.jsonrpc.org/specification. Whatever the bytes are, a line is calls or an
`RpcError`, and what goes out is strict JSON in ASCII, which comes through under any locale.
"""

from __future__ import annotations

import json
import math
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Id = str | int | float | None
Message = Mapping[str, Any]

MOST_IN_BATCH = 1000
# The largest context is some hundred kilobytes of text; a longer line is not held in memory.
MOST_LINE_BYTES = 16 * 2**20
_BLOCK_BYTES = 65536


class ErrorCode(IntEnum):
    """The codes of errors: those of JSON-RPC, and after them this program's own."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    CANCELLED = -32001
    PROMPT_TOO_LONG = -32002
    LINE_TOO_LONG = -32003


class RpcError(Exception):
    """A call that cannot be answered with a result; `data` is what a program may want to know."""

    def __init__(self, code: ErrorCode, message: str, data: Message | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True)
class Call:
    """One request or notification; `problem` says what is wrong with it, if something is."""

    id: Id = None
    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    wants_answer: bool = True
    """False for a notification, which is never answered, not even with an error."""
    problem: RpcError | None = None


class Batch:
    """Collects the responses to a batch, and sends them together when all are there."""

    def __init__(self, send: Callable[[object], None], expected: int) -> None:
        self._send = send
        self._expected = expected
        self._responses: list[Message] = []

    def add(self, response: Message) -> None:
        """Take one of the expected responses."""
        self._responses.append(response)
        if len(self._responses) == self._expected:
            self._send(self._responses)


def parse_line(line: bytes) -> tuple[list[Call], bool]:
    """The calls of a line, and whether they are a batch.

    Raises RpcError if the line is too long or not JSON, or a batch that is empty or too large.
    """
    if len(line) > MOST_LINE_BYTES:
        raise RpcError(ErrorCode.LINE_TOO_LONG, f"a line has at most {MOST_LINE_BYTES} bytes")
    value = _parse_json(line)
    if not isinstance(value, list):
        return [_parse_call(value)], False
    if not 0 < len(value) <= MOST_IN_BATCH:
        raise RpcError(
            ErrorCode.INVALID_REQUEST,
            f"a batch has from 1 to {MOST_IN_BATCH} requests, not {len(value)}",
        )
    return [_parse_call(entry) for entry in value], True


def is_id(value: object) -> bool:
    """Whether a JSON value can be the id of a request."""
    return isinstance(value, str | int | float | None) and not isinstance(value, bool)


def success(request_id: Id, result: Message) -> Message:
    """The response to a request that is answered."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def failure(request_id: Id, error: RpcError) -> Message:
    """The response to a request that cannot be answered; the id is None if it is not known."""
    body = {"code": int(error.code), "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": request_id, "error": body}


def notification(method: str, params: Message) -> Message:
    """A message that nobody answers."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def read_lines(file: int) -> Iterator[bytes]:
    """Lines from a file descriptor until its end, each as soon as it is there, without its end.

    A line that is too long is cut to a byte more than `MOST_LINE_BYTES`. What cannot be read, such
    as a terminal that is gone, is at its end.
    """
    line = bytearray()
    while block := _read(file):
        first, *others = block.split(b"\n")
        line += first[: MOST_LINE_BYTES + 1 - len(line)]
        for other in others:
            yield bytes(line)
            line = bytearray(other)
    if line:
        yield bytes(line)


def write_line(file: int, message: object) -> None:
    """Write a message to a file descriptor as a line, at once.

    Raises OSError, such as BrokenPipeError if nobody reads there any more.
    """
    # Lone surrogates, which a request may contain, stay escaped; not-a-number cannot go out.
    rest = memoryview((json.dumps(message, allow_nan=False) + "\n").encode("ascii"))
    while rest:
        try:
            rest = rest[os.write(file, rest) :]
        except BlockingIOError:
            # Another process has set it so, for it shares the pipe or the terminal.
            select.select([], [file], [])


def wait_until_unread(file: int) -> None:
    """Wait until nobody can read any more what is written to a file descriptor.

    That is for ever with a file, for example.
    """
    poll = select.poll()
    # Without a wish it reports only what is always reported.
    poll.register(file, 0)
    while not any(found & (select.POLLERR | select.POLLHUP) for _, found in poll.poll()):
        # macOS cannot tell of a device, and says so again and again.
        time.sleep(1)


def _read(file: int) -> bytes:
    while True:
        try:
            return os.read(file, _BLOCK_BYTES)
        except BlockingIOError:
            select.select([file], [], [])
        except OSError:
            return b""


def _parse_json(line: bytes) -> object:
    try:
        return json.loads(line.decode(), parse_constant=_finite, parse_float=_finite)
    except ValueError as error:
        raise RpcError(ErrorCode.PARSE_ERROR, f"the line is not JSON: {error}") from error
    except RecursionError as error:
        raise RpcError(ErrorCode.PARSE_ERROR, "the line is nested too deeply") from error


def _finite(text: str) -> float:
    """The number that is written so; Python would read NaN, Infinity and 1e999, too."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that JSON can have")
    return number


def _parse_call(value: object) -> Call:
    """The call that a JSON value is, with its problem if it is none."""
    if not isinstance(value, dict):
        return Call(problem=_invalid("a request is an object"))
    request_id = value.get("id")
    if not is_id(request_id):
        return Call(problem=_invalid("an id is a string, a number or null"))
    problem = _problem(value)
    # What is no request at all is not a notification either.
    is_invalid = problem is not None and problem.code is ErrorCode.INVALID_REQUEST
    wants_answer = "id" in value or is_invalid
    if problem is not None:
        return Call(request_id, wants_answer=wants_answer, problem=problem)
    return Call(request_id, value["method"], value.get("params") or {}, wants_answer)


def _problem(value: Message) -> RpcError | None:
    """What is wrong with a request, apart from its id."""
    params = value.get("params")
    if value.get("jsonrpc") != "2.0":
        return _invalid('"jsonrpc": "2.0" is missing')
    if not isinstance(value.get("method"), str):
        return _invalid("a method is wanted, which is a string")
    if not isinstance(params, dict | list | None):
        return _invalid("params are an object")
    if isinstance(params, list):
        message = "params have names here: an object is wanted"
        return RpcError(ErrorCode.INVALID_PARAMS, message, {"field": "params"})
    return None


def _invalid(message: str) -> RpcError:
    return RpcError(ErrorCode.INVALID_REQUEST, message)
