"""A file of requests, answered by real llama.cpp: resumed, killed, with bad lines, in pipes."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from starling_local.engine.generation import generate
from starling_local.engine.opening import opened
from starling_local.errors import ExitCode
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.scripting.batch_lines import LONGEST_LINE_BYTES
from starling_local.scripting.batch_output import BatchFile
from starling_local.settings import ContextSettings, LoadSettings
from tests.terminal import Terminal

STARLING = [sys.executable, "-m", "starling_local", "batch"]
QUESTIONS = (
    "Count from 1 to 20.",
    "List the days of the week.",
    "Hello",
    "List the months of the year.",
    "Tell me a story about a fox named Anna.",
    "What is 12 + 7?",
    "What is the capital of France?",
)
URL = "/v1/chat/completions"
Lines = Sequence[Mapping[str, Any]]


def request(custom_id: str, question: str, **fields: Any) -> dict[str, Any]:
    body = {"model": "any", "messages": [{"role": "user", "content": question}], **fields}
    return {"custom_id": custom_id, "method": "POST", "url": URL, "body": body}


def requests(count: int) -> list[dict[str, Any]]:
    return [
        request(f"r{index}", QUESTIONS[index % len(QUESTIONS)] if index % 3 else f"What is "
                f"{index % 40} + {index % 9}?")
        for index in range(count)
    ]  # fmt: skip


def written(path: Path, lines: Lines) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The output's lines; each must be whole."""
    raw = path.read_bytes()
    assert raw == b"" or raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


def texts(lines: Lines) -> dict[str, list[str]]:
    """The answers by custom_id, which must all be different."""
    found = {}
    for line in lines:
        assert line["custom_id"] not in found
        assert (line["error"], line["response"]["status_code"]) == (None, 200)
        choices = line["response"]["body"]["choices"]
        found[line["custom_id"]] = [choice["message"]["content"] for choice in choices]
    return found


class Files:
    """The input and the output of a batch."""

    def __init__(self, folder: Path, model: Path, starling: Callable[..., Any]) -> None:
        self.source, self.target = folder / "in.jsonl", folder / "out.jsonl"
        self.model = model
        self._starling = starling

    def write(self, lines: Lines) -> None:
        written(self.source, lines)

    def arguments(self, *more: object) -> list[object]:
        return [self.source, self.target, "-m", self.model, "--threads", 1, *more]

    def run(self, *more: object) -> Any:
        """In this process."""
        return self._starling("batch", *self.arguments(*more))

    def start(self, *more: object) -> subprocess.Popen[str]:
        """In a process of its own."""
        words = [*STARLING, *map(str, self.arguments(*more))]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def count(self) -> int:
        return self.target.read_bytes().count(b"\n") if self.target.exists() else 0

    def until(self, count: int, process: subprocess.Popen[str]) -> None:
        """Wait until there are so many lines, or the process has ended."""
        end = time.monotonic() + 60
        while self.count() < count and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.002)


@pytest.fixture
def files(tmp_path: Path, nano_file: Path, starling: Callable[..., Any]) -> Files:
    return Files(tmp_path, nano_file, starling)


def test_the_answers_are_those_that_single_requests_get(files: Files) -> None:
    files.write([request(question, question) for question in QUESTIONS])
    done = files.run("--parallel", 4)
    assert (done.status, done.stdout) == (ExitCode.DONE, "")
    assert done.stderr.startswith("7 answered, 0 failed; ")
    assert done.stderr.count("\n") == 1
    expected = {}
    settings = ContextSettings(threads=1)
    with opened(files.model, LoadSettings(), settings) as context:
        for question in QUESTIONS:
            segments = prompt_segments([Message(Role.USER, question)])
            ids = encode(segments, context.model.vocabulary)
            expected[question] = ["".join(chunk.text for chunk in generate(context, ids))]
    assert texts(read(files.target)) == expected


def test_the_form_of_the_output(files: Files) -> None:
    """As OpenAI documents it, and with a file that lacks what it may lack."""
    line = json.dumps(request("größe", "Hello"), ensure_ascii=False)
    files.source.write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n\r\n \n" + line.encode())
    assert files.run().status == ExitCode.BAD_FILE
    bad, good = sorted(read(files.target), key=lambda line: line["custom_id"] or "")
    assert list(good) == list(bad) == ["id", "custom_id", "response", "error"]
    assert good["id"].startswith("batch_req_")
    assert good["custom_id"] == "größe"
    assert set(good["response"]) == {"status_code", "request_id", "body"}
    body = good["response"]["body"]
    assert body["object"] == "chat.completion"
    assert body["model"] == files.model.stem
    assert body["choices"][0]["message"]["content"] == "Hello! How can I help you?"
    assert bad["custom_id"] is None
    assert bad["response"]["status_code"] == 400
    assert bad["response"]["body"]["error"]["code"] == bad["error"]["code"]
    assert bad["error"]["code"] == "duplicate_custom_id"
    assert bad["error"]["line"] == 4


def test_several_choices_and_the_fields_of_a_request(files: Files) -> None:
    wild = {"temperature": 3.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "max_tokens": 12}
    files.write([
        request("n", QUESTIONS[4], **wild, n=3, seed=5),
        request("one", QUESTIONS[4], **wild, seed=6),
        request("stop", QUESTIONS[1], stop="Wednesday", logprobs=True),
        request("code", "Implement quicksort using C++", condition="Code", max_tokens=5),
    ])  # fmt: skip
    assert files.run("--parallel", 2).status == ExitCode.DONE
    found = texts(read(files.target))
    assert len(set(found["n"])) == 3
    assert found["n"][1] == found["one"][0]
    assert found["stop"] == ["Monday, Tuesday, "]
    assert found["code"][0].startswith("```cpp")
    with_logprobs = next(line for line in read(files.target) if line["custom_id"] == "stop")
    assert with_logprobs["response"]["body"]["choices"][0]["logprobs"]["content"]


BAD_LINES = (
    ("{bad", "invalid_json_line", None),
    ("[1]", "invalid_json_line", None),
    ("[" * 100_000, "invalid_json_line", None),
    ('{"custom_id": ' + "1" * 5000 + "}", "invalid_json_line", None),
    ("{}", "missing_required_parameter", "custom_id"),
    ('{"custom_id": 5}', "invalid_request", "custom_id"),
    ('{"custom_id": "id"}', "missing_required_parameter", "method"),
    (json.dumps({**request("id", "Hi"), "method": "GET"}), "invalid_method", "method"),
    (json.dumps({**request("id", "Hi"), "url": "/v1/embeddings"}), "invalid_url", "url"),
    (json.dumps({**request("id", "Hi"), "extra": 1}), "unknown_parameter", "extra"),
    (json.dumps({**request("id", "Hi"), "body": []}), "invalid_request", "body"),
    (json.dumps(request("id", "Hi", stream=True)), "invalid_request", "stream"),
    (json.dumps(request("id", "Hi", temperatur=1)), "invalid_request", "temperatur"),
    (json.dumps(request("id", "Hi", top_p=7)), "invalid_request", "top_p"),
    (json.dumps(request("id", "Hi", mirostat=1, seed=-1)), "invalid_request", "seed"),
    (json.dumps(request("id", "Hi", n=2, seed=2**32 - 2)), "invalid_request", "seed"),
    (
        json.dumps(request("id", "Hi", logit_bias={"999999": 1})),
        "invalid_request",
        "logit_bias.999999",
    ),
    (json.dumps(request("id", "Hi", grammar='root ::= "a')), "invalid_request", "grammar"),
    (json.dumps(request("id", "apples " * 9000)), "context_length_exceeded", None),
)


def test_bad_lines_get_error_lines(files: Files) -> None:
    lines = [line.replace('"id"', f'"id{index}"') for index, (line, *_) in enumerate(BAD_LINES)]
    lines.append(json.dumps(request("good", "Hello")))
    broken = b'{"custom_id": "\xff"}\n{"custom_id": "' + b"x" * LONGEST_LINE_BYTES + b'"}\n'
    last = json.dumps(request("last", "Hello")).encode()
    files.source.write_bytes("\n".join([*lines, ""]).encode() + broken + last)
    done = files.run()
    assert done.status == ExitCode.BAD_FILE
    assert done.stderr.startswith("2 answered, 21 failed; ")
    assert "hint: " in done.stderr
    found = read(files.target)
    errors = {line["error"]["line"]: line["error"] for line in found if line["error"]}
    for number, (_, code, field) in enumerate(BAD_LINES, 1):
        error = errors.pop(number)
        assert (number, error["code"], error["param"]) == (number, code, field)
        assert error["message"]
    assert [error["code"] for error in errors.values()] == ["invalid_json_line"] * 2
    assert texts([line for line in found if not line["error"]]).keys() == {"good", "last"}
    # Run again, nothing is done again, and it still says that something is wrong.
    before = files.target.read_bytes()
    done = files.run()
    assert done.status == ExitCode.BAD_FILE
    assert done.stderr.startswith("2 answered, 21 failed (23 of them before)\n")
    assert files.target.read_bytes() == before


def test_what_failed_is_done_again_on_request(files: Files) -> None:
    lines = requests(6)
    files.write([*lines[:2], {**lines[2], "method": "PUT"}, *lines[3:], lines[5]])
    assert files.run().status == ExitCode.BAD_FILE
    before = [line for line in read(files.target) if not line["error"]]
    files.target.chmod(0o640)
    files.write(lines)
    assert files.run().status == ExitCode.BAD_FILE
    done = files.run("--retry-errors", "--json")
    assert done.status == ExitCode.DONE
    assert (done.json["answered"], done.json["earlier"], done.json["failed"]) == (6, 5, 0)
    found = read(files.target)
    assert found[:5] == before
    assert texts(found).keys() == {line["custom_id"] for line in lines}
    assert files.target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in files.target.parent.iterdir()] == ["in.jsonl", "out.jsonl"]


def test_killed_at_any_moment_nothing_is_lost_and_nothing_doubled(files: Files) -> None:
    lines = requests(120)
    files.write(lines)
    chance = random.Random(4)
    kept, kills = b"", 0
    while True:
        process = files.start("--parallel", 4)
        with process:
            files.until(files.count() + chance.randrange(8, 30), process)
            time.sleep(chance.uniform(0, 0.01))
            process.kill()
        # What was there stays as it was.
        assert files.target.read_bytes().startswith(kept)
        if process.returncode != -signal.SIGKILL:
            break
        kills += 1
        kept = files.target.read_bytes()
        kept = kept[: kept.rfind(b"\n") + 1]
    assert process.returncode == ExitCode.DONE
    assert kills >= 4
    found = texts(read(files.target))
    files.target.unlink()
    assert files.run("--parallel", 4).status == ExitCode.DONE
    assert found == texts(read(files.target))
    assert found.keys() == {line["custom_id"] for line in lines}


def test_a_half_line_is_cut_off_and_done_again(files: Files) -> None:
    files.write(requests(5))
    files.run()
    whole = files.target.read_bytes()
    *before, last = whole.splitlines(keepends=True)
    for length in (1, 5, 30, len(last) // 2, len(last) - 1):
        files.target.write_bytes(b"".join(before) + last[:length])
        with BatchFile(files.target) as output:
            assert (len(output.done), output.answered) == (4, 4)
        assert files.target.read_bytes() == b"".join(before)
    files.target.write_bytes(b"".join(before) + b"\0" * 100)
    done = files.run("--json")
    assert (done.json["answered"], done.json["earlier"]) == (5, 4)
    assert texts(read(files.target)).keys() == {f"r{index}" for index in range(5)}


def test_interrupted_it_goes_on_later(files: Files) -> None:
    files.write(requests(250))
    process = files.start("--parallel", 4)
    files.until(10, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED
    count = len(read(files.target))
    assert 10 <= count < 250
    assert stdout == ""
    assert stderr == (
        f"error: interrupted; {count} lines done\n"
        "hint: run the same command again: it goes on from there\n"
    )
    done = files.run("--json")
    assert (done.json["answered"], done.json["earlier"]) == (250, count)
    assert len(texts(read(files.target))) == 250


def test_in_the_order_of_the_input(files: Files) -> None:
    """Also if a part was done before in another order, and lines failed."""
    lines = requests(40)
    files.write(lines[10:30])
    files.run()
    out_of_order = [line["custom_id"] for line in read(files.target)]
    assert out_of_order != sorted(out_of_order, key=lambda name: int(name[1:]))
    files.write([*lines, {"custom_id": "bad"}])
    files.source.write_text("{\n" + files.source.read_text())
    assert files.run("--ordered").status == ExitCode.BAD_FILE
    expected = [None, *(line["custom_id"] for line in lines), "bad"]
    assert [line["custom_id"] for line in read(files.target)] == expected
    before = files.target.stat().st_ino, files.target.read_bytes()
    assert files.run("--ordered").status == ExitCode.BAD_FILE
    assert before == (files.target.stat().st_ino, files.target.read_bytes())


def piped(source: str, files: Files, *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*STARLING, "-", *map(str, arguments), "-m", str(files.model), "--threads", "1"]
    return subprocess.run(words, input=source, capture_output=True, text=True, timeout=60)


def test_through_pipes(files: Files) -> None:
    lines = requests(40)
    files.write(lines)
    text = files.source.read_text()
    done = piped(text, files, "-", "--ordered")
    assert done.returncode == ExitCode.DONE
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(texts(found)) == [line["custom_id"] for line in lines]
    assert done.stderr.startswith("40 answered, 0 failed; ")
    done = piped(text, files, files.target)
    assert done.returncode == ExitCode.DONE
    assert texts(read(files.target)) == texts(found)
    # A stream cannot be compared with what is there.
    done = piped(text, files, files.target)
    assert done.returncode == ExitCode.USAGE
    assert "has answers already" in done.stderr
    assert piped("", files, "-").returncode == ExitCode.DONE


def test_a_reader_that_goes_away_ends_it(files: Files) -> None:
    files.write(requests(2000))
    command = shlex.join([*STARLING, str(files.source), "-", "-m", str(files.model)])
    done = subprocess.run(
        ["sh", "-c", f"{command} | head -1"], capture_output=True, text=True, timeout=60
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_an_empty_file(files: Files) -> None:
    files.write([])
    done = files.run("--json")
    assert done.status == ExitCode.DONE
    assert (done.json["answered"], done.json["failed"]) == (0, 0)
    assert done.stderr == "0 answered, 0 failed\n"
    assert files.target.read_bytes() == b""


def test_two_processes_at_once(files: Files) -> None:
    files.write(requests(3))
    words = [*STARLING, "-", str(files.target), "-m", str(files.model)]
    first = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not files.target.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.1)
    done = files.run()
    assert done.status == ExitCode.USAGE
    assert "another process writes" in done.stderr
    first.communicate(files.source.read_text(), timeout=60)
    assert first.returncode == ExitCode.DONE
    assert len(texts(read(files.target))) == 3


def test_a_full_disk_keeps_what_is_there(files: Files) -> None:
    files.write(requests(60))
    command = shlex.join([*STARLING, *map(str, files.arguments())])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 16; exec {command}"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert f"error: cannot write {files.target}: File too large" in done.stderr
    assert "\nhint: " in done.stderr
    kept = files.target.read_bytes()
    assert 10 < len(read(files.target)) < 30
    assert files.run().status == ExitCode.DONE
    assert files.target.read_bytes().startswith(kept)
    assert len(texts(read(files.target))) == 60


def test_a_device_that_is_full(files: Files) -> None:
    files.write(requests(3))
    files.target = Path("/dev/full")
    done = files.run()
    assert done.status == ExitCode.CONVERSION_FAILED
    assert "No space left" in done.stderr


def test_files_that_do_not_belong_together(files: Files, tmp_path: Path) -> None:
    files.write(requests(6))
    assert files.run().status == ExitCode.DONE
    answers = files.target.read_bytes()
    files.write(requests(5))
    done = files.run()
    assert done.status == ExitCode.BAD_FILE
    assert "answers to other requests, as to 'r5'" in done.stderr
    assert files.target.read_bytes() == answers
    files.write(requests(7))
    files.model = files.model.rename(files.model.with_name("other.gguf"))
    try:
        done = files.run()
    finally:
        files.model.rename(files.model.with_name("Starling-Nano-Q8_0.gguf"))
    assert done.status == ExitCode.BAD_FILE
    assert "has answers of Starling-Nano-Q8_0, not of other" in done.stderr
    for content in (b"a letter", b"a letter\n", b'{"custom_id": "r1"}\n', answers + b"x\n"):
        files.target.write_bytes(content)
        files.model = files.model.with_name("Starling-Nano-Q8_0.gguf")
        done = files.run()
        assert done.status == ExitCode.BAD_FILE
        assert "no output of a batch: see line" in done.stderr
        assert files.target.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize(
    ("source", "target", "more", "code"),
    [
        ("missing.jsonl", "out.jsonl", [], ExitCode.NOT_FOUND),
        (".", "out.jsonl", [], ExitCode.BAD_FILE),
        ("in.jsonl", "missing/out.jsonl", [], ExitCode.CONVERSION_FAILED),
        ("in.jsonl", ".", [], ExitCode.CONVERSION_FAILED),
        ("in.jsonl", "in.jsonl", [], ExitCode.BAD_FILE),
        ("in.jsonl", "-", ["--json"], ExitCode.USAGE),
    ],
)
def test_files_that_cannot_be(
    files: Files, source: str, target: str, more: list[str], code: ExitCode
) -> None:
    files.write(requests(2))
    before = files.source.read_bytes()
    folder = files.source.parent
    files.source = folder / source
    files.target = Path(target) if target == "-" else folder / target
    done = files.run(*more)
    assert done.status == code
    assert "error: " in done.stderr
    assert (folder / "in.jsonl").read_bytes() == before


def test_a_person_sees_how_far_it_is(files: Files) -> None:
    files.write([*requests(300), {"custom_id": "bad"}])
    with Terminal("batch", *files.arguments()) as terminal:
        shown = terminal.until(lambda text: "tokens/s" in text and " left" in text)
        assert "/301 " in shown
        assert terminal.ended() == ExitCode.BAD_FILE
        lines = terminal.text().splitlines()
        assert lines[0].startswith("300 answered, 1 failed; ")
        assert lines[1].startswith("hint: ")


def test_the_example_of_the_page(files: Files) -> None:
    page = (Path(__file__).parents[2] / "docs" / "batch.md").read_text()
    source, expected, *_ = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    files.source.write_text(source)
    assert files.run().status == ExitCode.BAD_FILE
    found = {line["custom_id"]: line for line in read(files.target)}
    shown = {line["custom_id"]: line for line in map(json.loads, expected.splitlines())}
    assert found.keys() == shown.keys()
    for custom_id, line in found.items():
        body, shown_body = line["response"]["body"], shown[custom_id]["response"]["body"]
        assert line["error"] == shown[custom_id]["error"]
        assert body.get("error") == shown_body.get("error")
        assert body.get("choices") == shown_body.get("choices")
