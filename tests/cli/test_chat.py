"""`starling chat` as a script meets it: whole processes and pipes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from starling_local.errors import ExitCode
from starling_local.plain_text import harmless

STARLING = [sys.executable, "-m", "starling_local"]


def piped(text: str, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STARLING, "chat", *map(str, arguments)],
        input=text, capture_output=True, text=True, env={**os.environ, **environ},
    )  # fmt: skip


def test_a_line_is_a_turn(nano_file: Path) -> None:
    done = piped("Hello, how are you?\n\nList the days of the week.\n", "-m", nano_file)
    assert done.returncode == ExitCode.DONE
    assert done.stdout == (
        "Hello! I am fine, thank you. How can I help you?\n"
        "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday\n"
    )
    assert done.stderr == ""


def test_without_a_model_the_built_in_one_answers(tmp_path: Path) -> None:
    done = piped("Hello\n/exit\nnever read\n", STARLING_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == ExitCode.DONE
    assert done.stdout == "Hello! How can I help you?\n"
    assert done.stderr.startswith("note: using the model nano (the built-in demo model)")
    assert list((tmp_path / "cache").rglob("*.gguf"))


def test_the_variable_names_the_model(nano_file: Path) -> None:
    done = piped("Hello\n", STARLING_MODEL=str(nano_file))
    assert done.returncode == ExitCode.DONE
    assert "from STARLING_MODEL" in done.stderr


def test_commands_in_a_pipe(nano_file: Path) -> None:
    done = piped("/code\nImplement quicksort using C++\n/context\n/tokens\n", "-m", nano_file)
    assert done.stdout.startswith("Coding mode.\n```cpp\n")
    assert "tokens are used, by 1 exchange.\n" in done.stdout
    assert "2816  <|end_of_turn|>" in done.stdout


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.gguf", None, ExitCode.NOT_FOUND),
        ("empty.gguf", b"", ExitCode.BAD_FILE),
        ("page.gguf", b"<!DOCTYPE html><html>", ExitCode.BAD_FILE),
        ("short.gguf", b"GGUF\3\0\0\0", ExitCode.BAD_FILE),
    ],
)
def test_files_that_are_no_model(
    tmp_path: Path, name: str, content: bytes | None, code: ExitCode
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = piped("Hello\n", "-m", tmp_path / name)
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert name in done.stderr
    assert "\nhint: " in done.stderr
    assert done.stdout == ""


def test_a_message_that_does_not_fit_ends_a_script(nano_file: Path) -> None:
    done = piped("Hello\n" + "word " * 400 + "\nHello\n", "-m", nano_file, "--ctx", 256)
    assert done.returncode == ExitCode.PROMPT_TOO_LONG
    assert "error: the message has" in done.stderr
    assert done.stdout == "Hello! How can I help you?\n"


def test_an_answer_that_fills_the_context_says_so(nano_file: Path) -> None:
    # At random, it comes to no end by itself.
    at_random = "/set temperature 100\n/set top_k 0\n/set top_p 1\n/set min_p 0\n/set seed 1\n"
    done = piped(
        at_random + "Repeat after me: " + "apple pear plum " * 30 + "\n/context\n/continue\n",
        "-m", nano_file, "--ctx", 256,
    )  # fmt: skip
    assert "note: the answer fills the context, and is cut off there" in done.stderr
    assert "256 of 256 tokens are used, by 1 exchange." in done.stdout
    assert "error: the last message with its answer has" in done.stderr
    assert done.returncode == ExitCode.PROMPT_TOO_LONG


def test_messages_up_to_zero_bytes(nano_file: Path) -> None:
    done = piped("Hello,\nhow are you?\0/exit\0Hello", "-0", "-m", nano_file)
    assert done.returncode == ExitCode.DONE
    # Nothing in them is a command.
    first, second, third, rest = done.stdout.split("\0")
    assert first
    assert second
    assert third.startswith("Hello")
    assert rest == ""


def test_a_pipe_keeps_nothing_unless_asked(nano_file: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    piped("Hello\n", "-m", nano_file, STARLING_DATA_DIR=data)
    assert not Path(data).exists()
    for expected in ("A new session", "Resumed 'talk': 1 exchange,"):
        done = piped("Hello\n", "-m", nano_file, "--session", "talk", STARLING_DATA_DIR=data)
        assert done.stdout.startswith("Hello!")
        assert expected in done.stderr
    assert (Path(data) / "sessions" / "talk.state").exists()


def test_a_session_as_markdown_and_json(nano_file: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    piped("Hello\n", "-m", nano_file, "--session", "talk", STARLING_DATA_DIR=data)
    for name in ("talk.md", "talk.json"):
        path = tmp_path / name
        done = piped("", "--session", "talk", "--export", path, STARLING_DATA_DIR=data)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "## You\n\nHello\n\n## " in (tmp_path / "talk.md").read_text()
    content = json.loads((tmp_path / "talk.json").read_text())
    assert content["exchanges"][0]["assistant"] == "Hello! How can I help you?"
    done = piped("", "--session", "none", "--export", tmp_path / "x", STARLING_DATA_DIR=data)
    assert done.returncode == ExitCode.NOT_FOUND
    done = piped("", "--export", tmp_path / "x", STARLING_DATA_DIR=data)
    assert done.returncode == ExitCode.USAGE


def test_where_an_export_goes(nano_file: Path, tmp_path: Path) -> None:
    data, path = str(tmp_path / "data"), tmp_path / "talk.md"
    piped("Hello\n", "-m", nano_file, "--session", "talk", STARLING_DATA_DIR=data)

    def export(*arguments: object) -> subprocess.CompletedProcess[str]:
        return piped("", "--session", "talk", "--export", *arguments, STARLING_DATA_DIR=data)

    assert "## You\n\nHello\n\n## " in export("-").stdout
    path.write_text("mine")
    done = export(path)
    assert done.returncode == ExitCode.USAGE
    assert "--force" in done.stderr
    assert path.read_text() == "mine"
    (tmp_path / "link.md").symlink_to(path)
    assert export(tmp_path / "link.md").returncode == ExitCode.USAGE
    assert export(tmp_path / "link.md", "--force").returncode == ExitCode.DONE
    assert (tmp_path / "link.md").is_symlink()
    assert path.read_text() == export("-").stdout
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert export(pipe).returncode == ExitCode.DONE
        assert reader.communicate(timeout=60)[0] == path.read_text()
    assert export("/dev/full").returncode == ExitCode.CONVERSION_FAILED


def test_a_reader_that_goes_away_ends_the_run(nano_file: Path) -> None:
    command = shlex.join([*STARLING, "chat", "-m", str(nano_file), "--stats"])
    done = subprocess.run(
        ["bash", "-c", f"yes Hello | head -200 | {command} | head -1; exit ${{PIPESTATUS[2]}}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == ExitCode.DONE
    assert done.stdout == "Hello! How can I help you?\n"
    answers = done.stderr.splitlines()
    assert all("per second" in line for line in answers)
    assert len(answers) < 100


def test_a_session_that_cannot_be_kept_ends_a_script(nano_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "sessions"
    (folder / "talk.json").mkdir(parents=True)
    (folder / "talk.json" / "file").touch()
    data = str(tmp_path / "data")
    done = piped("Hello\n", "-m", nano_file, "--session", "talk", STARLING_DATA_DIR=data)
    assert done.returncode == ExitCode.BAD_FILE
    # A path too long for a file beside it: the lock can be made, and the transcript cannot.
    done = piped(
        "Hello\nHello\n", "-m", nano_file, "--session", "x" * 64,
        STARLING_DATA_DIR=str(long_folder(tmp_path)),
    )  # fmt: skip
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert done.stdout == "Hello! How can I help you?\n"


def long_folder(folder: Path) -> Path:
    """A folder in which `sessions/` and 64 letters and `.lock` is the longest path there can be."""
    most = os.pathconf(folder, "PC_PATH_MAX") - 1 - len("/sessions/") - 64 - len(".lock")
    while len(str(folder)) + 252 < most:
        folder /= "d" * 200
    folder /= "d" * (most - len(str(folder)) - 1)
    folder.mkdir(parents=True)
    return folder


def test_a_session_is_checked_before_the_model_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    (folder / "bad.json").write_text("nothing")
    for name, status in (("a/b", ExitCode.USAGE), ("bad", ExitCode.BAD_FILE)):
        done = piped("", "-m", "none.gguf", "--session", name, STARLING_DATA_DIR=str(tmp_path))
        assert done.returncode == status
        assert "none.gguf" not in done.stderr


def test_a_session_goes_on_with_its_model(nano_file: Path, tmp_path: Path) -> None:
    model = tmp_path / "mine.gguf"
    model.write_bytes(nano_file.read_bytes())
    data = str(tmp_path / "data")
    piped("My name is Ada.\n", "-m", model, "--session", "talk", STARLING_DATA_DIR=data)
    done = piped(
        "What is my name?\n/model\n", "--session", "talk", "--system", "Your name is Wendelin.",
        STARLING_DATA_DIR=data,
    )  # fmt: skip
    assert done.stdout.startswith("Your name is Ada.\n")
    assert str(model) in done.stdout
    assert "as asked for now: system text" in done.stderr


def test_input_that_is_no_text(nano_file: Path) -> None:
    for environ in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        done = subprocess.run(
            [*STARLING, "chat", "-m", nano_file], input=b"Gr\xc3\xbc\xc3\x9fe\nHello \xff\xfe\n",
            capture_output=True, env={**os.environ, **environ},
        )  # fmt: skip
        assert done.returncode == ExitCode.DONE
        assert len(done.stdout.splitlines()) == 2
        assert done.stderr == b""


def test_statistics_are_no_answer(nano_file: Path) -> None:
    done = piped("Hello\n", "-m", nano_file, "--stats")
    assert done.stdout == "Hello! How can I help you?\n"
    assert "per second" in done.stderr


@pytest.mark.parametrize("line", ["/nonsense", "/edit"])
def test_commands_that_cannot_be_end_a_script(nano_file: Path, line: str) -> None:
    done = piped(f"Hello\n{line}\nHello\n", "-m", nano_file)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == "Hello! How can I help you?\n"
    # What begins with a space is text.
    assert piped(f" {line}\n", "-m", nano_file).returncode == ExitCode.DONE


def test_a_system_text_and_settings(nano_file: Path) -> None:
    done = piped(
        "What is your name?\n/set\n", "-m", nano_file, "--system", "Your name is Wendelin.",
        "--seed", 7, "--max-tokens", 30, "--stop", "zzz", "--overflow", "drop",
        "--kv-type", "q8_0", "--no-repack",
    )  # fmt: skip
    values = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[1:])
    assert (values["seed"], values["max_tokens"]) == ("7", "30")
    assert (values["stop"], values["overflow"]) == ("'zzz'", "drop")


def test_two_hundred_turns_in_a_small_context(nano_file: Path) -> None:
    questions = [f"What is {number % 40} + {number % 9}?" for number in range(200)]
    done = piped("\n".join(questions) + "\n", "-m", nano_file, "--ctx", 512)
    assert done.returncode == ExitCode.DONE
    assert len(done.stdout.splitlines()) == 200
    assert "had to be forgotten" in done.stderr


def test_a_model_s_text_cannot_drive_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x9b1mc\x07\rd\n\te") == "a[2Jb1mcd\n\te"
    assert harmless("safe\u202etxt.exe") == "safetxt.exe"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert harmless(f"{family} e\u0301 日本") == f"{family} e\u0301 日本"
