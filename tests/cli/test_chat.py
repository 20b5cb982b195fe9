"""`starling chat` as a user and a script meet it: whole processes, a pipe, a real terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_local.cli.output import harmless
from starling_local.errors import ExitCode

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
    assert "tokens are used.\n" in done.stdout
    assert "2816  ''" in done.stdout


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


def test_a_message_that_does_not_fit_is_no_end(nano_file: Path) -> None:
    done = piped("word " * 400 + "\nHello\n", "-m", nano_file, "--ctx", 256)
    assert done.returncode == ExitCode.DONE
    assert "error: the message has" in done.stderr
    assert done.stdout == "Hello! How can I help you?\n"


class Terminal:
    """A chat in a pseudo-terminal."""

    def __init__(self, *arguments: object) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*STARLING, "chat", *map(str, arguments)],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.screen = ""

    def until(self, text: str, timeout_s: float = 30) -> str:
        """Read until the text shows; returns all since the last call."""
        seen = ""
        end = time.monotonic() + timeout_s
        while text not in seen:
            assert time.monotonic() < end, f"{text!r} did not come; there is {seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                seen += os.read(self.master, 65536).decode("utf-8", "replace")
        self.screen += seen
        return seen

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ended(self) -> int:
        return self.process.wait(timeout=20)


@pytest.fixture
def terminal(nano_file: Path) -> Iterator[Terminal]:
    made = Terminal("-m", nano_file)
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.master)


def test_a_chat_in_a_terminal(terminal: Terminal) -> None:
    terminal.until("> ")
    terminal.type("Hello, how are you?\n")
    assert "I am fine, thank you." in terminal.until("\r\n> ")
    terminal.type("/help\n")
    assert "/regen" in terminal.until("\r\n> ")
    terminal.type("\x04")
    assert terminal.ended() == ExitCode.DONE


def test_ctrl_c_at_the_prompt_leaves(terminal: Terminal) -> None:
    terminal.until("> ")
    # Python's readline does not see a signal that comes between its prompt and its waiting.
    end = time.monotonic() + 20
    while terminal.process.poll() is None and time.monotonic() < end:
        os.kill(terminal.process.pid, signal.SIGINT)
        time.sleep(1)
    assert terminal.ended() == ExitCode.INTERRUPTED


def test_a_model_s_text_cannot_drive_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x9b1mc\x07\rd\n\te") == "a[2Jb1mcd\n\te"
    assert harmless("safe\u202etxt.exe") == "safetxt.exe"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert harmless(f"{family} e\u0301 日本") == f"{family} e\u0301 日本"
