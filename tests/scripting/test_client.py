"""`StarlingProcess`: a program's view of `starling stdio`."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai.types.chat import ChatCompletion

import starling_local
from starling_local import StarlingProcess
from starling_local.client import (
    ChatStream,
    ProcessEndedError,
    RequestCancelledError,
    RequestError,
    RequestTooLongError,
)
from starling_local.errors import ExitCode, StarlingError, UsageError
from starling_local.scripting.json_rpc import MOST_LINE_BYTES, ErrorCode

HELLO = "Hello! How can I help you?"
QUESTION = [{"role": "user", "content": "Hello"}]
DAYS = [{"role": "user", "content": "List the days of the week."}]
# Bans the ends of turns, so that an answer goes on until the context is full.
ENDLESS = {"2": -100, "2816": -100}


@pytest.fixture(scope="module")
def starling(nano_file: Path) -> Iterator[StarlingProcess]:
    with StarlingProcess(nano_file, parallel=2, context=4096, kv_type="f16", threads=1) as process:
        yield process


def endless(starling: StarlingProcess) -> ChatStream:
    return starling.chat(QUESTION, logit_bias=ENDLESS)


def test_it_loads_nothing_heavy() -> None:
    code = "import sys; from starling_local import StarlingProcess; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"llama_cpp", "numpy", "typer", "rich", "gguf", "platformdirs", "psutil"}
    assert not heavy & set(done.stdout.split())


def test_names_of_the_package() -> None:
    for name in starling_local.__all__:
        assert getattr(starling_local, name)
    with pytest.raises(AttributeError, match="has no attribute 'Sterling'"):
        _ = starling_local.Sterling


def test_an_answer_piece_by_piece_and_whole(starling: StarlingProcess) -> None:
    assert starling.info["parallel"] == 2
    stream = starling.chat(DAYS)
    pieces = list(stream)
    assert len(pieces) > 5
    completion = ChatCompletion.model_validate(starling.complete(DAYS, n=2))
    assert [choice.message.content for choice in completion.choices] == ["".join(pieces)] * 2
    assert stream.result()["choices"][0]["message"]["content"] == "".join(pieces)
    assert starling.chat(QUESTION).result()["object"] == "chat.completion"
    assert starling.complete(QUESTION, max_tokens=2)["choices"][0]["finish_reason"] == "length"


def test_tokens(starling: StarlingProcess) -> None:
    assert "".join(starling.tokenize("Hello, é").pieces) == " Hello, é"
    tokens = starling.tokenize(messages=QUESTION, condition="Code")
    assert tokens.ids[0] == 1
    assert tokens.pieces[-3:] == (" Code", " Assistant", ":")


def test_several_threads(starling: StarlingProcess) -> None:
    found: list[str] = []

    def work() -> None:
        for _ in range(5):
            found.append("".join(starling.chat(QUESTION)))
            found.append(starling.complete(QUESTION)["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [HELLO] * 80


def test_who_stops_listening_cancels(starling: StarlingProcess) -> None:
    """Each of these would take seconds to its end."""
    began = time.monotonic()
    for _ in range(20):
        for text in endless(starling):
            assert text
            break
        stream = endless(starling)
        stream.close()
        assert list(stream) == []
        with pytest.raises(ValueError, match="given up"):
            stream.result()
        del stream
        unheard = endless(starling)
        del unheard
    assert "".join(starling.chat(QUESTION)) == HELLO
    assert time.monotonic() - began < 20


def test_cancelling_from_another_thread(starling: StarlingProcess) -> None:
    stream = endless(starling)
    first = next(stream)
    threading.Timer(0.1, stream.cancel).start()
    with pytest.raises(RequestCancelledError) as raised:
        list(stream)
    assert raised.value.completion["choices"][0]["message"]["content"].startswith(first)
    assert raised.value.rpc_code == ErrorCode.CANCELLED
    assert isinstance(raised.value, StarlingError)
    with pytest.raises(RequestCancelledError):
        stream.result()
    stream.cancel()


def test_what_is_refused(starling: StarlingProcess) -> None:
    with pytest.raises(RequestError, match="there is no such field") as raised:
        starling.complete(QUESTION, temprature=1)
    assert (raised.value.rpc_code, raised.value.field) == (-32602, "temprature")
    assert raised.value.exit_code is ExitCode.USAGE
    with pytest.raises(RequestError, match="robot"):
        next(starling.chat([{"role": "robot", "content": ""}]))
    with pytest.raises(RequestTooLongError):
        starling.complete([{"role": "user", "content": "apple " * 3000}])
    with pytest.raises(RequestError, match="bytes"):
        starling.tokenize("a" * MOST_LINE_BYTES)
    with pytest.raises(UsageError):
        starling.chat(QUESTION, n=2)
    with pytest.raises(ValueError, match="JSON"):
        starling.complete(QUESTION, temperature=math.nan)
    with pytest.raises(TypeError):
        starling.complete(QUESTION, stop={"a"})
    assert "".join(starling.chat(QUESTION)) == HELLO


def test_a_process_that_dies(nano_file: Path) -> None:
    with StarlingProcess(nano_file) as starling:
        streams = [endless(starling) for _ in range(6)]
        next(streams[0])
        os.kill(starling.pid, signal.SIGKILL)
        for stream in streams:
            with pytest.raises(ProcessEndedError, match="status -9") as raised:
                stream.result()
            assert raised.value.status == -signal.SIGKILL
        with pytest.raises(ProcessEndedError):
            starling.complete(QUESTION)


def test_closing_ends_what_runs(nano_file: Path) -> None:
    starling = StarlingProcess(nano_file, parallel=1)
    streams = [endless(starling) for _ in range(3)]
    began = time.monotonic()
    starling.close()
    starling.close()
    assert time.monotonic() - began < 5
    for stream in streams:
        with pytest.raises(RequestCancelledError):
            stream.result()
    with pytest.raises(ProcessEndedError, match="closed"):
        starling.tokenize("a")


@pytest.mark.parametrize(
    ("command", "message", "status"),
    [
        (["/nowhere/starling"], "cannot start /nowhere/starling: No such file", None),
        (["sh", "-c", "echo Hello; exec sleep 60"], "what is no message", -9),
        (
            ["sh", "-c", 'echo \'{"method": "x", "params": null}\'; exec sleep 60'],
            "what is no message",
            -9,
        ),
        (["true"], "the process has ended, with status 0", 0),
        (["sh", "-c", "echo oh no >&2; exit 7"], "with status 7\noh no", 7),
        (["sleep", "60"], "not ready after 0.2 seconds", None),
    ],
)
def test_what_does_not_start(command: list[str], message: str, status: int | None) -> None:
    with pytest.raises(ProcessEndedError, match=message) as raised:
        StarlingProcess(command=command, start_timeout_s=0.2 if command[0] == "sleep" else 60)
    assert raised.value.status == status


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProcessEndedError, match=r"error: no model .*none\.gguf") as raised:
        StarlingProcess(tmp_path / "none.gguf", repack=True)
    assert raised.value.status == ExitCode.NOT_FOUND
    assert "\nhint: " in raised.value.stderr


def test_ctrl_c_stops_the_answer_and_not_the_process(nano_file: Path) -> None:
    program = f"""
from starling_local import StarlingProcess
with StarlingProcess({str(nano_file)!r}) as starling:
    try:
        while True:
            for text in starling.chat({QUESTION}, logit_bias={ENDLESS}):
                print(text, flush=True)
    except KeyboardInterrupt:
        print("stopped")
    print(starling.complete({QUESTION})["choices"][0]["message"]["content"])
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Hello\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read().endswith(f"stopped\n{HELLO}\n")
    assert process.returncode == 0


def test_an_error_that_names_no_request_is_every_request_s() -> None:
    greeting = '{"jsonrpc": "2.0", "method": "ready", "params": {}}'
    error = '{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "what?"}}'
    script = f"echo '{greeting}'; read line; echo '{error}'; cat >/dev/null"
    with (
        StarlingProcess(command=["sh", "-c", script]) as starling,
        pytest.raises(RequestError, match="what"),
    ):
        starling.tokenize("a")
