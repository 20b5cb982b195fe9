"""`starling stdio` as a program meets it: a whole process, its lines, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from starling_local.errors import ExitCode
from starling_local.scripting.json_rpc import MOST_LINE_BYTES, ErrorCode
from tests.scripting.stdio_process import STARLING, Stdio, call, chat, text_of

HELLO = "Hello! How can I help you?"
QUESTIONS = [
    "Hello", "List the days of the week.", "What is 3 + 4?", "What is your name?",
    "Hello, how are you?", "What is the capital of France?", "What is 12 + 7?", "Thank you!",
]  # fmt: skip
# Most of the built-in model's 2,048 tokens; each begins otherwise, so that nothing is shared.
LONG = [f"{word} " + "apples and pears " * 600 for word in ("One", "Two", "Three", "Four")]
COMPLETION = {"id", "object", "created", "model", "choices", "usage", "timings"}
CHOICE = {"index", "message", "logprobs", "finish_reason"}


@pytest.fixture(scope="module")
def stdio(nano_file: Path) -> Iterator[Stdio]:
    """One for all tests that leave it as it was."""
    with Stdio(nano_file) as process:
        yield process


@pytest.fixture(scope="module")
def endless(stdio: Stdio) -> dict[str, float]:
    """A logit_bias with which an answer goes on until the context is full."""
    found = stdio.ask("tokenize", messages=[{"role": "user", "content": ""}])["result"]
    end = found["ids"][found["pieces"].index("<|end_of_turn|>")]
    return {str(end): -100, "2": -100}


def test_it_says_when_it_is_ready(stdio: Stdio, nano_file: Path) -> None:
    assert stdio.ready["method"] == "ready"
    info = stdio.ready["params"]
    assert (info["protocol"], info["model"]) == (1, nano_file.stem)
    assert (info["parallel"], info["context"], info["context_per_request"]) == (4, 8192, 2048)
    assert info["size_bytes"] == nano_file.stat().st_size
    assert stdio.ask("model.info")["result"] == info


def test_an_answer_is_openai_s(stdio: Stdio) -> None:
    result = answered(stdio, "Hello", model=stdio.ready["params"]["model"])["result"]
    assert set(result) == COMPLETION
    assert set(result["choices"][0]) == CHOICE
    completion = ChatCompletion.model_validate(result)
    assert completion.choices[0].message.content == HELLO
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 8
    assert abs(completion.created - time.time()) < 60


def answered(stdio: Stdio, question: str, **fields: object) -> Any:
    """The response to a chat request, while no other is under way."""
    stdio.send(chat(0, question, **fields))
    return stdio.responses(1)[0]


def test_choices_logprobs_and_schemas(stdio: Stdio) -> None:
    result = answered(
        stdio, "Hello", n=3, logprobs=True, top_logprobs=2, temperature=1, seed=7, max_tokens=6
    )["result"]
    completion = ChatCompletion.model_validate(result)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    for choice in completion.choices:
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert all(len(one.top_logprobs) == 2 for one in choice.logprobs.content)
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"],
              "additionalProperties": False}  # fmt: skip
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    response = answered(stdio, "Hello", response_format=wanted, max_tokens=50)
    assert json.loads(text_of(response))["a"] in (1, 2)


def test_many_at_once_answer_as_one_by_one(stdio: Stdio) -> None:
    alone = [text_of(answered(stdio, question)) for question in QUESTIONS]
    assert len(set(alone)) > 4
    stdio.send(*(chat(number, question) for number, question in enumerate(QUESTIONS * 3)))
    together = stdio.responses(3 * len(QUESTIONS))
    assert [text_of(together[number]) for number in range(len(together))] == alone * 3


def test_a_stream(stdio: Stdio) -> None:
    stdio.send(chat("a", QUESTIONS[1], stream=True, stream_options={"include_usage": True}, n=2))
    messages = [stdio.next()]
    while "method" in messages[-1]:
        messages.append(stdio.next())
    response = messages.pop()
    assert {message["method"] for message in messages} == {"chat.completion.chunk"}
    assert {message["params"]["request_id"] for message in messages} == {"a"}
    chunks = [
        ChatCompletionChunk.model_validate(message["params"]["chunk"]) for message in messages
    ]
    assert [chunk.choices[0].delta.role for chunk in chunks[:3]] == ["assistant"] * 2 + [None]
    completion = ChatCompletion.model_validate(response["result"])
    for index, choice in enumerate(completion.choices):
        mine = [one for chunk in chunks for one in chunk.choices if one.index == index]
        assert "".join(one.delta.content or "" for one in mine) == choice.message.content
        assert [one.finish_reason for one in mine[:-1]] == [None] * (len(mine) - 1)
        assert mine[-1].finish_reason == choice.finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == completion.usage
    assert {chunk.id for chunk in chunks} == {completion.id}


def test_cancelling_while_prompts_are_read(stdio: Stdio, endless: dict[str, float]) -> None:
    """Those that are read, and those that wait for them; what else is asked is not harmed."""
    many = [*LONG, *(f"Again {text}" for text in LONG)]
    stdio.send(*(chat(number, text, logit_bias=endless) for number, text in enumerate(many)))
    stdio.send(chat("other", "Hello"))
    time.sleep(0.05)
    began = time.monotonic()
    stdio.send(*(call(f"c{number}", "cancel", request_id=number) for number in range(len(many))))
    responses = stdio.responses(2 * len(many) + 1)
    # To read all of them takes many times longer.
    assert time.monotonic() - began < 2
    for number in range(len(many)):
        assert responses[f"c{number}"]["result"] == {"cancelled": True}
        error = responses[number]["error"]
        assert error["code"] == ErrorCode.CANCELLED
        ChatCompletion.model_validate(error["data"]["completion"])
    assert text_of(responses["other"]) == HELLO
    assert stdio.ask("cancel", request_id=0)["result"] == {"cancelled": False}


def test_cancelling_what_waits(stdio: Stdio, endless: dict[str, float]) -> None:
    stdio.send(*(chat(number, "Hello", logit_bias=endless) for number in range(4)))
    stdio.send(chat("waits", "Hello"), call("c", "cancel", request_id="waits"))
    error = stdio.responses(2)["waits"]["error"]
    assert error["code"] == ErrorCode.CANCELLED
    # Neither has it read its prompt, nor found it read.
    usage = error["data"]["completion"]["usage"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    stdio.send(*(call(f"c{number}", "cancel", request_id=number) for number in range(4)))
    assert len(stdio.responses(8)) == 8


def test_a_cancelled_answer_is_told_as_far_as_it_came(
    stdio: Stdio, endless: dict[str, float]
) -> None:
    stdio.send(chat("long", "Hello", stream=True, logit_bias=endless))
    seen = ""
    for _ in range(8):
        seen += stdio.next()["params"]["chunk"]["choices"][0]["delta"].get("content", "")
    stdio.send({"jsonrpc": "2.0", "method": "cancel", "params": {"request_id": "long"}})
    while "method" in (message := stdio.next()):
        seen += message["params"]["chunk"]["choices"][0]["delta"].get("content", "")
    assert message["error"]["code"] == ErrorCode.CANCELLED
    assert seen.startswith("Hello!")
    assert text_of(message).startswith(seen)


def test_an_id_in_use_is_refused(stdio: Stdio, endless: dict[str, float]) -> None:
    stdio.send(chat(1.5, "Hello", logit_bias=endless), chat(1.5, "Hello"))
    refused = stdio.next()
    assert (refused["id"], refused["error"]["code"]) == (None, ErrorCode.INVALID_REQUEST)
    assert refused["error"]["data"] == {"request_id": 1.5}
    stdio.send(call("c", "cancel", request_id=1.5))
    assert set(stdio.responses(2)) == {"c", 1.5}
    stdio.send(chat(1.5, "Hello"))
    assert text_of(stdio.next()) == HELLO


BAD_CALLS: list[tuple[object, ErrorCode, str | None]] = [
    (1, ErrorCode.INVALID_REQUEST, None),
    ({}, ErrorCode.INVALID_REQUEST, None),
    ({"jsonrpc": "2.0", "id": 0}, ErrorCode.INVALID_REQUEST, None),
    ({"jsonrpc": "2.0", "method": 1}, ErrorCode.INVALID_REQUEST, None),
    ({"id": 0, "method": "model.info"}, ErrorCode.INVALID_REQUEST, None),
    ({"jsonrpc": "2.0", "id": 0, "result": 1}, ErrorCode.INVALID_REQUEST, None),
    ({**call(0, "model.info"), "params": 7}, ErrorCode.INVALID_REQUEST, None),
    (call([0], "model.info"), ErrorCode.INVALID_REQUEST, None),
    (call(True, "model.info"), ErrorCode.INVALID_REQUEST, None),
    ([], ErrorCode.INVALID_REQUEST, None),
    ([0] * 1001, ErrorCode.INVALID_REQUEST, None),
    (call(0, "model.infos"), ErrorCode.METHOD_NOT_FOUND, None),
    ({**call(0, "model.info"), "params": [1]}, ErrorCode.INVALID_PARAMS, "params"),
    (call(0, "model.info", all=True), ErrorCode.INVALID_PARAMS, "all"),
    (call(0, "shutdown", now=True), ErrorCode.INVALID_PARAMS, "now"),
    (call(0, "cancel"), ErrorCode.INVALID_PARAMS, "request_id"),
    (call(0, "cancel", request_id=[1]), ErrorCode.INVALID_PARAMS, "request_id"),
    (call(0, "tokenize"), ErrorCode.INVALID_PARAMS, "text"),
    (call(0, "tokenize", text="a", messages=[]), ErrorCode.INVALID_PARAMS, "text"),
    (call(0, "tokenize", text="a", condition="Code"), ErrorCode.INVALID_PARAMS, "condition"),
    (call(0, "tokenize", text="a" * 1_000_001), ErrorCode.INVALID_PARAMS, "text"),
    (call(0, "tokenize", messages=[], n=2), ErrorCode.INVALID_PARAMS, "n"),
    (call(0, "chat.completions.create"), ErrorCode.INVALID_PARAMS, "messages"),
    (chat(0, "a", temprature=1), ErrorCode.INVALID_PARAMS, "temprature"),
    (chat(0, "a", temperature="1"), ErrorCode.INVALID_PARAMS, "temperature"),
    (chat(0, "a", model="gpt-4"), ErrorCode.INVALID_PARAMS, "model"),
    (chat(0, "a", grammar="root = a"), ErrorCode.INVALID_PARAMS, "grammar"),
    (chat(0, "a", logit_bias={"99999": 1}), ErrorCode.INVALID_PARAMS, "logit_bias.99999"),
    (chat(0, "apple " * 2100), ErrorCode.PROMPT_TOO_LONG, None),
    (chat(0, "a" * 1_000_001), ErrorCode.PROMPT_TOO_LONG, None),
]


@pytest.mark.parametrize(("sent", "code", "field"), BAD_CALLS)
def test_what_cannot_be_is_refused(
    sent: object, code: ErrorCode, field: str | None, stdio: Stdio
) -> None:
    stdio.send(sent)
    response = stdio.next()
    assert set(response) == {"jsonrpc", "id", "error"}
    assert response["id"] == (0 if isinstance(sent, dict) and sent.get("id") == 0 else None)
    assert response["error"]["code"] == code
    assert response["error"].get("data", {}).get("field") == field


@pytest.mark.parametrize(
    "line",
    [
        b"Hello", b"{", b'{"jsonrpc": "2.0",', b"\xff\xfe", b'"\xed\xa0\x80"', b"[" * 100_000,
        b'{"a":' * 100_000, b"NaN", b"[Infinity]", b"1e999", b"1" * 5000, b"\xef\xbb\xbf1", b"\0",
    ],
    ids=lambda line: repr(line[:12]),
)  # fmt: skip
def test_what_is_not_json(line: bytes, stdio: Stdio) -> None:
    stdio.write(line + b"\r\n")
    response = stdio.next()
    assert (response["id"], response["error"]["code"]) == (None, ErrorCode.PARSE_ERROR)


def test_deep_but_readable_parameters(stdio: Stdio) -> None:
    """Python's own limit is met at different depths by reading, checking and showing a value."""
    for depth in range(100, 1000, 50):
        deep = "[" * depth + "]" * depth
        stdio.write(b'{"jsonrpc": "2.0", "id": 1, "method": "chat.completions.create", "params": '
                    b'{"messages": %s}}\n' % deep.encode())  # fmt: skip
        assert "error" in stdio.next()
        schema = '{"type": "array", "items": ' * depth + "{}" + "}" * depth
        stdio.write(
            json.dumps(chat(1, "a", response_format={
                "type": "json_schema", "json_schema": {"schema": "@"}}, max_tokens=1)
            ).replace('"@"', schema).encode() + b"\n"
        )  # fmt: skip
        assert stdio.next()["id"] in (1, None)
    assert text_of(answered(stdio, "Hello")) == HELLO


def test_a_lone_surrogate_is_a_letter_that_cannot_be_shown(stdio: Stdio) -> None:
    stdio.send(chat("\ud800", "a\udfffb", max_tokens=1))
    response = stdio.next()
    assert response["id"] == "\ud800"
    assert response["result"]["usage"]["completion_tokens"] == 1
    assert answered(stdio, "a", stop="\ud800")["result"]


def test_notifications_and_batches(stdio: Stdio) -> None:
    unheard = [
        {"jsonrpc": "2.0", "method": method, "params": params}
        for method, params in [("model.info", {"a": 1}), ("nothing", {}), ("tokenize", []),
                               ("chat.completions.create", chat(0, "Hello")["params"])]
    ]  # fmt: skip
    stdio.send(*unheard, unheard)
    stdio.send([chat(1, "Hello"), *unheard, 7, call(2, "cancel", request_id=1), chat(3, "Hello")])
    batch = stdio.next()
    assert [response["id"] for response in batch[:2]] == [None, 2]
    by_id = {response["id"]: response for response in batch}
    assert by_id[1]["error"]["code"] == ErrorCode.CANCELLED
    assert text_of(by_id[3]) == HELLO
    assert len(batch) == 4


def test_a_null_id_is_an_id(stdio: Stdio) -> None:
    stdio.send(chat(None, "Hello"))
    assert text_of(stdio.next()) == HELLO


@pytest.mark.parametrize("length", [MOST_LINE_BYTES + 1, 4 * MOST_LINE_BYTES])
def test_a_line_without_end_is_not_held_in_memory(length: int, stdio: Stdio) -> None:
    before = psutil.Process(stdio.process.pid).memory_info().rss
    stdio.write(b"[" * length + b"\n")
    assert stdio.next()["error"]["code"] == ErrorCode.LINE_TOO_LONG
    assert psutil.Process(stdio.process.pid).memory_info().rss - before < 3 * MOST_LINE_BYTES
    stdio.write(b" " * MOST_LINE_BYTES + b"\n")
    stdio.write(json.dumps(call(0, "model.info")).encode().ljust(MOST_LINE_BYTES) + b"\n")
    assert "result" in stdio.next()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
METHODS = ["chat.completions.create", "cancel", "model.info", "tokenize", "shutdown!", ""]
FIELDS = ["messages", "n", "stop", "temperature", "stream", "text", "request_id", "logit_bias"]
# Each of these is answered by exactly one line, whatever it is.
LINES = st.one_of(
    st.binary(min_size=1, max_size=200).filter(lambda raw: b"\n" not in raw and bool(raw.strip())),
    VALUES.filter(lambda value: not isinstance(value, str)).map(json.dumps).map(str.encode),
    st.fixed_dictionaries(
        {
            "jsonrpc": st.just("2.0"),
            "id": VALUES,
            "method": st.sampled_from(METHODS),
            "params": st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4) | VALUES,
        }
    )
    .map(json.dumps)
    .map(str.encode),
    st.integers(1, 100).map(lambda length: json.dumps(chat(1, "Hello")).encode()[:length]),
    st.integers(1000, 300_000).map(lambda length: b'"' * length),
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(LINES, max_size=10))
def test_whatever_comes_is_answered(lines: list[bytes], stdio: Stdio) -> None:
    stdio.write(b"".join(line + b"\n" for line in lines))
    stdio.send(chat("good", "Hello"))
    responses = [stdio.next() for _ in range(len(lines) + 1)]
    [good] = [one for one in responses if isinstance(one, dict) and one["id"] == "good"]
    assert text_of(good) == HELLO
    stdio.send(call("last", "model.info"))
    assert stdio.next()["id"] == "last"


def test_a_thousand_requests_leave_memory_flat(stdio: Stdio) -> None:
    process = psutil.Process(stdio.process.pid)
    sizes = []
    for start in range(0, 1000, 50):
        numbers = range(start, start + 50)
        stdio.send(*(chat(one, f"What is {one} + 1?", max_tokens=2) for one in numbers))
        assert set(stdio.responses(50)) == set(numbers)
        sizes.append(process.memory_info().rss)
    assert sizes[-1] - sizes[3] < 4 * 2**20


def test_the_end_of_the_input_finishes_what_runs(nano_file: Path) -> None:
    with Stdio(nano_file, "--parallel", 2, "--ctx", 512, "--kv-type", "q8_0") as stdio:
        assert (stdio.ready["params"]["parallel"], stdio.ready["params"]["context"]) == (2, 512)
        stdio.send(*(chat(number, "Hello") for number in range(5)))
        # A last line need not have an end.
        stdio.write(json.dumps(chat(5, "Hello")).encode())
        status, stderr = stdio.end()
        assert (status, stderr) == (ExitCode.DONE, "")
        responses = {response["id"]: text_of(response) for response in stdio.rest()}
        assert responses == dict.fromkeys(range(6), HELLO)


def test_shutdown_cancels_what_runs(nano_file: Path, endless: dict[str, float]) -> None:
    with Stdio(nano_file, "--parallel", 1) as stdio:
        stdio.send(*(chat(number, "Hello", logit_bias=endless) for number in range(3)))
        stdio.send(call("end", "shutdown"), chat("late", "Hello"))
        assert stdio.ended() == (ExitCode.DONE, "")
        *cancelled, last = stdio.rest()
        assert {one["id"]: one["error"]["code"] for one in cancelled} == dict.fromkeys(
            range(3), ErrorCode.CANCELLED
        )
        assert last == {"jsonrpc": "2.0", "id": "end", "result": {}}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_at_once(
    number: signal.Signals, nano_file: Path, endless: dict[str, float]
) -> None:
    with Stdio(nano_file) as stdio:
        stdio.send(*(chat(one, text, logit_bias=endless) for one, text in enumerate(LONG)))
        time.sleep(0.05)
        began = time.monotonic()
        stdio.process.send_signal(number)
        assert stdio.ended() == (ExitCode.INTERRUPTED, "error: interrupted\n")
        assert time.monotonic() - began < 2
        assert stdio.rest() == []


def test_a_reader_that_goes_away_is_no_failure(nano_file: Path) -> None:
    request = json.dumps(chat(1, "Hello"))
    done = subprocess.run(
        ["bash", "-c", f"(yes '{request}' | head -20; sleep 0.2; echo '{request}'; sleep 0.2; "
         f"echo '{request}') | ({' '.join(STARLING)} -m {nano_file}; echo $? >&2) | head -1"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout)["method"] == "ready"
    assert done.stderr == "0\n"


def test_nothing_is_computed_for_nobody(nano_file: Path, endless: dict[str, float]) -> None:
    """Also when nothing is written meanwhile that would meet a closed pipe."""
    many = [json.dumps(chat(number, "Hello", logit_bias=endless)) for number in range(40)]
    with subprocess.Popen(
        [*STARLING, "-m", str(nano_file), "--parallel", "1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdin.write("\n".join(many) + "\n")
        process.stdin.flush()
        process.stdout.close()
        assert process.wait(10) == ExitCode.DONE
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("streams", "status"), [("<&-", 0), (">&-", 0), (">/dev/full", 7), ("2>&-", 0)]
)
def test_odd_streams(streams: str, status: int, nano_file: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(STARLING)} -m {nano_file} {streams}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == status
    assert len(done.stdout.splitlines()) == (0 if streams[0] == ">" else 1)


def test_nothing_else_is_on_stdout(nano_file: Path) -> None:
    """What a library prints there, as C or as Python, goes to stderr."""
    noisy = (
        "import builtins, os, threading, starling_local.scripting.json_rpc as rpc\n"
        "read = rpc.read_lines\n"
        "def noise(file):\n"
        "    for line in read(file):\n"
        "        os.write(1, b'noise from C\\n'); print('noise from Python', flush=True)\n"
        "        yield line\n"
        "rpc.read_lines = noise\n"
        "from starling_local.__main__ import entry_point; entry_point()"
    )
    with Stdio(nano_file, command=[sys.executable, "-c", noisy, "stdio"]) as stdio:
        assert text_of(answered(stdio, "Hello")) == HELLO
        assert stdio.end() == (0, "noise from C\nnoise from Python\n")
        assert stdio.rest() == []


def test_letters_under_any_locale(nano_file: Path) -> None:
    environ = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    with Stdio(nano_file, environ=environ) as stdio:
        stdio.write(
            '{"jsonrpc":"2.0","id":"é","method":"tokenize","params":{"text":"é"}}\n'.encode()
        )
        response = stdio.next()
        assert (response["id"], "".join(response["result"]["pieces"])) == ("é", " é")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [*STARLING, "-m", str(tmp_path / "none.gguf")], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (ExitCode.NOT_FOUND, "")
    assert done.stderr.startswith("error: no model")
