"""`starling ask` as scripts call it: whole processes, pipes, files, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from starling_local.errors import ExitCode

STARLING = [sys.executable, "-m", "starling_local"]
LONG = "Tell me a story about a fox named Anna. " * 40


@pytest.fixture
def environ(nano_file: Path, tmp_path: Path) -> dict[str, str]:
    cache = str(tmp_path / "cache")
    return {**os.environ, "STARLING_MODEL": str(nano_file), "STARLING_CACHE_DIR": cache}


@pytest.fixture
def ask(environ: dict[str, str]) -> Any:
    """Run it; stdin is empty unless text is given."""

    def run(*arguments: object, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*STARLING, "ask", *map(str, arguments)],
            input=stdin, capture_output=True, encoding="utf-8", timeout=60,
            env={**environ, **more},
        )  # fmt: skip

    return run


def test_the_answer_and_nothing_else(ask: Any) -> None:
    done = ask("What is the capital of France?")
    assert (done.returncode, done.stdout) == (0, "The capital of France is Paris.\n")
    assert done.stderr.startswith("note: using the model ")
    assert done.stderr.count("\n") == 1


def test_with_a_model_named_stderr_is_empty(ask: Any, nano_file: Path) -> None:
    done = ask("-m", nano_file, "Hello")
    assert (done.stdout, done.stderr) == ("Hello! How can I help you?\n", "")


def test_files_stdin_and_prompt_are_one_question(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfMy name is Jorinde.\r\n")
    (tmp_path / "b.txt").write_text("I live in Oslo.\n\n")
    done = ask("-f", tmp_path / "a.txt", "-f", tmp_path / "b.txt", "Go on.", "--json",
               "--max-tokens", 1, stdin="From stdin\n")  # fmt: skip
    whole = "My name is Jorinde.\n\nI live in Oslo.\n\nFrom stdin\n\nGo on."
    same = ask(whole, "--json", "--max-tokens", 1)
    usage = [json.loads(one.stdout)["usage"]["prompt_tokens"] for one in (done, same)]
    assert usage[0] == usage[1]
    # Alone, or not wanted.
    assert ask(stdin="Hello").stdout == "Hello! How can I help you?\n"
    assert ask("-f", "-", stdin="Hello").stdout == "Hello! How can I help you?\n"
    assert ask("--no-stdin", "Hello", stdin="x" * 99).stdout == "Hello! How can I help you?\n"


def test_a_conversation_and_a_whole_request(ask: Any, tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "My name is Jorinde."},
        {"role": "assistant", "content": "Nice to meet you, Jorinde!"},
        {"role": "user", "content": "What is my name?"},
    ]
    path = tmp_path / "messages.json"
    path.write_text(json.dumps(messages))
    assert ask("--messages", path).stdout == "Your name is Jorinde.\n"
    path.write_text(json.dumps(messages[:2]))
    assert ask("--messages", path, "What is my name?").stdout == "Your name is Jorinde.\n"
    request = json.dumps({"messages": messages, "max_tokens": 2})
    assert ask("--messages", "-", stdin=request).stdout == "Your name\n"
    # What the command line says counts more.
    assert ask("--messages", "-", "--max-tokens", 3, stdin=request).stdout != "Your name\n"
    # An answer that is begun goes on, its space included.
    begun = [messages[2], {"role": "assistant", "content": "You have not"}]
    done = ask("--messages", "-", stdin=json.dumps(begun))
    assert done.stdout == " told me your name yet.\n"


def test_modes_system_text_and_limits(ask: Any) -> None:
    assert "```python" in ask("--code", "Write hello world in Python").stdout
    told = ask("--system", "The user is called Wendelin.", "What is my name?")
    assert told.stdout == "Your name is Wendelin.\n"
    cut = ask("--max-tokens", 3, "--fail-on-length", "--json", "Count from 1 to 9.")
    assert cut.returncode == ExitCode.PROMPT_TOO_LONG
    assert json.loads(cut.stdout)["choices"][0]["finish_reason"] == "length"
    assert "error: the answer was cut off" in cut.stderr
    assert ask("--max-tokens", 3, "Count from 1 to 9.").returncode == 0
    assert ask("--stop", ", 4", "Count from 1 to 9.").stdout == "1, 2, 3\n"


def test_several_answers(ask: Any) -> None:
    """They are side by side, and come in order; the same seed gives the same."""
    flags = ("-n", 4, "--temperature", 3, "--min-p", 0, "--top-p", 1, "--seed", 3,
             "--max-tokens", 9, "Tell me a story.")  # fmt: skip
    first, second = ask(*flags, "-0"), ask(*flags, "-0")
    answers = first.stdout.split("\0")
    assert first.stdout == second.stdout
    assert len(answers) == 5
    assert len(set(answers)) > 2
    made = json.loads(ask(*flags, "--json").stdout)
    assert [choice["message"]["content"] for choice in made["choices"]] == answers[:-1]
    assert made["timings"]["prefilled_tokens"] == made["usage"]["prompt_tokens"] + 3


def test_json(ask: Any) -> None:
    made = json.loads(ask("--json", "--logprobs", 2, "Hello").stdout)
    choice = made["choices"][0]
    assert made["object"] == "chat.completion"
    assert choice["message"] == {
        "role": "assistant", "content": "Hello! How can I help you?", "refusal": None,
    }  # fmt: skip
    assert choice["finish_reason"] == "stop"
    tokens = choice["logprobs"]["content"]
    assert "".join(one["token"] for one in tokens) == " Hello! How can I help you?"
    assert all(len(one["top_logprobs"]) == 2 and one["logprob"] <= 0 for one in tokens)
    usage = made["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert made["timings"]["generated_tokens"] == usage["completion_tokens"] == len(tokens)


def test_json_lines(ask: Any) -> None:
    lines = [json.loads(line) for line in ask("--stream-json", "-n", 2, "Hello").stdout.split("\n")
             if line]  # fmt: skip
    assert {line["object"] for line in lines} == {"chat.completion.chunk"}
    assert len({line["id"] for line in lines}) == 1
    texts = {0: "", 1: ""}
    for line in lines[:-1]:
        (choice,) = line["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert set(texts.values()) == {"Hello! How can I help you?"}
    assert lines[-1]["choices"] == []
    assert lines[-1]["usage"]["completion_tokens"] == 16


def test_grammar_and_schema(ask: Any, tmp_path: Path) -> None:
    grammar, schema = tmp_path / "yes.gbnf", tmp_path / "person.json"
    grammar.write_text('root ::= "yes" | "no"\n')
    assert ask("--grammar", grammar, "Is 4 even?").stdout in ("yes\n", "no\n")
    schema.write_text(
        json.dumps({"type": "object", "properties": {"age": {"type": "integer"}},
                    "required": ["age"]})
    )  # fmt: skip
    found = json.loads(ask("--json-schema", schema, "Anna is 40 years old. As JSON?").stdout)
    assert isinstance(found["age"], int)
    schema.write_text("{")
    assert ask("--json-schema", schema, "x").returncode == ExitCode.BAD_FILE
    for text in ('{"not": {}}', '{"type": "foo"}', "[]"):
        schema.write_text(text)
        done = ask("--json-schema", schema, "x")
        assert (done.returncode, "person.json" in done.stderr) == (ExitCode.BAD_FILE, True)
    (tmp_path / "bad.gbnf").write_text('root ::= "x')
    done = ask("--grammar", tmp_path / "bad.gbnf", "x")
    assert (done.returncode, "bad.gbnf" in done.stderr) == (ExitCode.BAD_FILE, True)
    assert ask("--json-schema", schema, "--grammar", grammar, "x").returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ((), "", ExitCode.USAGE, "nothing to ask"),
        (("  ",), "\n", ExitCode.USAGE, "nothing to ask"),
        (("--logprobs", 1, "x"), "", ExitCode.USAGE, "--json"),
        (("--json", "--stream-json", "x"), "", ExitCode.USAGE, "exclude"),
        (("--temperature", "hot", "x"), "", ExitCode.USAGE, "--temperature"),
        (("--stop", "", "x"), "", ExitCode.USAGE, "stop string is empty"),
        (("-m", "/nowhere.gguf", "x"), "", ExitCode.NOT_FOUND, "no model"),
        (("-m", "~nouser/x.gguf", "x"), "", ExitCode.NOT_FOUND, "no model"),
        (("-f", "/nowhere.txt", "x"), "", ExitCode.NOT_FOUND, "no file"),
        (("-f", "/", "x"), "", ExitCode.BAD_FILE, "cannot read"),
        (("--messages", "-"), "{", ExitCode.BAD_FILE, "not JSON"),
        (("--messages", "-"), "[" * 100_000, ExitCode.BAD_FILE, "not JSON"),
        (("--messages", "-"), '[{"role": "king"}]', ExitCode.USAGE, "messages[0].role"),
        (("--messages", "-"), '{"mesages": []}', ExitCode.USAGE, "mesages"),
        (("--ctx", 256, "x " * 300), "", ExitCode.PROMPT_TOO_LONG, "256"),
        (("--ctx", 2 * 10**9, "x"), "", ExitCode.DOES_NOT_FIT, "does not fit in memory"),
        (("--ctx", 10**8, "x"), "", ExitCode.DOES_NOT_FIT, "does not fit in memory"),
    ],
)
def test_what_cannot_be(
    ask: Any, arguments: tuple[object, ...], stdin: str, code: ExitCode, message: str
) -> None:
    done = ask(*arguments, stdin=stdin)
    assert done.returncode == code
    assert done.stdout == "" or "--json" in arguments
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_with_json_the_error_is_json_too(ask: Any) -> None:
    done = ask("--json", "-m", "/nowhere.gguf", "x")
    assert json.loads(done.stdout)["error"]["code"] == "not_found"


def test_bytes_that_are_no_text(environ: dict[str, str]) -> None:
    for raw in (b"\xff\xfe", b"a\0b"):
        done = subprocess.run(
            [*STARLING, "ask", "x"], input=raw, capture_output=True, env=environ, timeout=60
        )
        assert done.returncode == ExitCode.BAD_FILE
        assert b"stdin is no text" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_that_is_not_utf8(ask: Any, encoding: str) -> None:
    """What comes in, and goes out to other programs, is UTF-8 in any case."""
    other = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
             "PYTHONIOENCODING": encoding}  # fmt: skip
    prompt = "Repeat after me: Grüße 日本"
    expected = json.loads(ask(prompt, "--json").stdout)
    for arguments, stdin in (((prompt,), ""), ((), prompt)):
        done = ask(*arguments, "--json", stdin=stdin, **other)
        assert done.returncode == 0
        assert json.loads(done.stdout)["choices"] == expected["choices"]
    assert ask(prompt, **other).stdout == ask(prompt).stdout


def test_a_reader_that_goes_away_ends_it_quietly(environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*STARLING, "ask", "--json", "Hello"], stdin=subprocess.DEVNULL, env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert b"error" not in process.stderr.read()
    process.stderr.close()
    done = subprocess.run(
        f"{sys.executable} -m starling_local ask 'List the days of the week.' </dev/null"
        " | head -c 1; echo ${PIPESTATUS[0]}",
        shell=True, executable="/bin/bash", env=environ, capture_output=True, timeout=60, text=True,
    )  # fmt: skip
    assert done.stdout.endswith("0\n")


def test_an_endless_answer_stops_when_nobody_reads(environ: dict[str, str]) -> None:
    """It would go on for minutes."""
    bias = {str(token): -100 for token in (2, 2816)}
    request = {"messages": [{"role": "user", "content": "Hello"}], "logit_bias": bias,
               "max_tokens": 10**9}  # fmt: skip
    process = subprocess.Popen(
        [*STARLING, "ask", "--messages", "-", "--ctx", "100000"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env=environ, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    assert process.stdout.read(20)
    process.stdout.close()
    assert process.wait(20) == 0


def test_closed_streams(environ: dict[str, str]) -> None:
    for closed in ("<&-", "2>&-", "<&- 2>&-"):
        done = subprocess.run(
            f"{sys.executable} -m starling_local ask Hello {closed}", shell=True, env=environ,
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "Hello! How can I help you?\n")
    done = subprocess.run(
        f"{sys.executable} -m starling_local ask Hello >/dev/full", shell=True, env=environ,
        stderr=subprocess.PIPE, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == ExitCode.CONVERSION_FAILED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("count", [1, 3])
def test_signals_end_it_at_once(environ: dict[str, str], number: int, count: int) -> None:
    """Also while several answers read one long prompt."""
    process = subprocess.Popen(
        [*STARLING, "ask", "-n", str(count), "--ctx", "60000"], stdin=subprocess.PIPE, env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(LONG * 100)
    process.stdin.close()
    process.stdin = None
    time.sleep(1.5)
    process.send_signal(number)
    try:
        _, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in stderr


def test_a_kept_prompt_is_not_computed_again(ask: Any, environ: dict[str, str]) -> None:
    document = "The user has a dog and a cat. " * 60

    def took(question: str, *more: object) -> tuple[int, str]:
        made = json.loads(ask("--prefix-cache", "--json", question, *more, stdin=document).stdout)
        return made["timings"]["prefilled_tokens"], made["choices"][0]["message"]["content"]

    expected = json.loads(ask("--json", "What is 1 + 1?", stdin=document).stdout)
    whole, _ = took("Hello")
    assert whole > 500
    prefilled, answer = took("What is 1 + 1?")
    assert prefilled < 40
    assert answer == expected["choices"][0]["message"]["content"]
    # Of all, one file: the questions differ, what they follow does not.
    folder = Path(environ["STARLING_CACHE_DIR"]) / "prefixes"
    assert len(list(folder.iterdir())) == 1
    # Another type of cache has files of its own, and a damaged one is as none.
    assert took("Hello", "--kv-type", "q8_0")[0] == whole
    for path in folder.iterdir():
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(content)
    assert took("Hello")[0] == whole
    assert took("Hello")[0] == 1


def test_a_short_prompt_is_not_kept(ask: Any, environ: dict[str, str]) -> None:
    assert ask("--prefix-cache", "Hello").returncode == 0
    assert not (Path(environ["STARLING_CACHE_DIR"]) / "prefixes").exists()


def test_a_cache_that_cannot_be_written_costs_no_answer(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = ask("--prefix-cache", LONG, STARLING_CACHE_DIR=str(tmp_path / "file"))
    assert done.returncode == 0
    assert done.stdout
    assert "note: the prompt was not kept" in done.stderr
