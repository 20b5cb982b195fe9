"""How a chat in a terminal ends, or does not: Ctrl-C, signals, a closed window, a full disk."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from starling_local.chat.views import CALM_S
from starling_local.errors import ExitCode
from tests.terminal import CTRL_C, CTRL_D, UP, Terminal

STORY = "Tell me a story about a fox named Anna."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def start(nano_file: Path, data: Path, *arguments: object, **environ: str) -> Terminal:
    folders = {"STARLING_DATA_DIR": str(data), "EDITOR": "", "VISUAL": ""}
    return Terminal("chat", "-m", nano_file, *arguments, environ={**folders, **environ})


def questions(data: Path) -> list[str]:
    """What the one session on disk holds."""
    (path,) = (data / "sessions").glob("*.json")
    return [one["user"] for one in json.loads(path.read_text(encoding="utf-8"))["exchanges"]]


@pytest.mark.parametrize("gap_s", [0, 0.002, 0.006])
def test_more_signals_while_the_session_is_saved(nano_file: Path, data: Path, gap_s: float) -> None:
    with start(nano_file, data, "--session", "talk") as terminal:
        terminal.say("My name is Jorinde.")
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            os.kill(terminal.process.pid, number)
            time.sleep(gap_s)
        assert terminal.ended() == ExitCode.INTERRUPTED
        assert "Traceback" not in terminal.text()
    assert questions(data) == ["My name is Jorinde."]
    assert (data / "sessions" / "talk.state").exists()
    assert not list((data / "sessions").glob("*.lock"))


@pytest.mark.parametrize("is_answering", [False, True])
def test_no_chat_lives_on_without_its_terminal(
    nano_file: Path, data: Path, is_answering: bool
) -> None:
    with Terminal(
        "chat", "-m", nano_file, "--session", "talk",
        environ={"STARLING_DATA_DIR": str(data)}, ignored=[signal.SIGHUP],
    ) as terminal:  # fmt: skip
        terminal.say("My name is Jorinde.")
        if is_answering:
            terminal.type(STORY + "\r")
            terminal.until("Once upon")
        terminal.close()
        terminal.process.wait(timeout=60)
    assert questions(data)[0] == "My name is Jorinde."
    assert (data / "sessions" / "talk.state").exists()


@pytest.mark.parametrize(("key", "status"), [(CTRL_C, 130), (CTRL_D, 0)])
def test_leaving_says_nothing(nano_file: Path, data: Path, key: str, status: int) -> None:
    with start(nano_file, data) as terminal:
        terminal.until_prompt()
        terminal.type(key)
        assert terminal.ended() == status
        assert "error" not in terminal.text()
        # No bar in another colour.
        assert not re.search(rb"\x1b\[[\d;]*[34]8;5;", terminal.raw)


def test_a_ctrl_c_that_comes_too_late_does_not_leave(nano_file: Path, data: Path) -> None:
    with start(nano_file, data) as terminal:
        terminal.say("Hello")
        terminal.type(CTRL_C)
        assert "Hello" in terminal.say("Hello")
        time.sleep(CALM_S)
        terminal.type(CTRL_C)
        assert terminal.ended() == ExitCode.INTERRUPTED


def test_ctrl_c_leaves_a_message_as_it_was(nano_file: Path, data: Path) -> None:
    with start(nano_file, data) as terminal:
        terminal.say("My name is Jorinde.")
        for nothing in (CTRL_C, "\x15\r", CTRL_D.join(["\x15", ""])):
            terminal.type("/edit\r")
            terminal.until(lambda text: text.endswith("edit> My name is Jorinde."))
            terminal.type(nothing)
            terminal.until_prompt()
        terminal.type("/edit\r")
        terminal.until(lambda text: text.endswith("edit> My name is Jorinde."))
        terminal.type("\x15/context\r")
        terminal.until("by 1 exchange.")
        assert "Your name is Jorinde." in terminal.say("What is my name?")
    assert questions(data) == ["My name is Jorinde.", "What is my name?"]


def test_ctrl_c_during_a_command_leads_back(nano_file: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "pbcopy").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    (tmp_path / "pbcopy").chmod(0o755)
    with start(nano_file, data, PATH=str(tmp_path)) as terminal:
        terminal.say("Hello")
        terminal.type("/copy\r")
        time.sleep(0.5)
        terminal.type(CTRL_C)
        terminal.until("Handed to")
        assert "Hello" in terminal.say("Hello")


def test_ctrl_z_is_no_text(nano_file: Path, data: Path) -> None:
    with start(nano_file, data) as terminal:
        terminal.until_prompt()
        # A process that nobody could wake up again is not stopped.
        terminal.type("\x1a")
        time.sleep(0.2)
        terminal.say("Hello")
    assert questions(data) == ["Hello"]


def test_a_chat_that_cannot_be_saved_goes_on(nano_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with start(nano_file, tmp_path / "file") as terminal:
        said = terminal.say("My name is Jorinde.")
        assert said.index("Nice to meet you, Jorinde!") < said.index("error: cannot write")
        assert "the chat goes on, but is not saved" in said
        assert "error" not in terminal.say("What is my name?")
        assert "by 2 exchanges" in terminal.say("/context")
        terminal.type("/exit\r")
        assert terminal.ended() == ExitCode.CONVERSION_FAILED
        assert terminal.text().count("error: cannot write") == 2


def test_a_question_survives_the_end_before_its_answer(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--session", "talk", "--threads", 1) as terminal:
        terminal.until_prompt()
        terminal.paste("Repeat after me: " + "apple pear plum " * 120)
        terminal.until(lambda text: text.endswith("plum"))
        terminal.type("\r")
        terminal.until(lambda _text: "unanswered" in transcript(data))
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.ended() == ExitCode.INTERRUPTED
    if not questions(data):  # else the answer had begun
        assert json.loads(transcript(data))["unanswered"].startswith("Repeat after me")


def transcript(data: Path) -> str:
    return "".join(path.read_text() for path in (data / "sessions").glob("*.json"))


def test_a_question_survives_a_kill(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--session", "talk") as terminal:
        terminal.say("My name is Jorinde.")
        # At random, the answer comes to no end by itself.
        for setting in ("temperature 100", "top_k 0", "top_p 1", "min_p 0"):
            terminal.say(f"/set {setting}")
        terminal.type(STORY + "\r")
        terminal.until(lambda text: len(text.partition(STORY)[2]) > 20)
        terminal.process.kill()
        terminal.ended()
    with start(nano_file, data, "--session", "talk") as terminal:
        terminal.until(lambda text: text.endswith(f"> {STORY}"))
        terminal.type(CTRL_C)
        terminal.until_prompt()
        terminal.type(UP)
        terminal.until(lambda text: text.endswith(f"> {STORY}"))
        terminal.type(CTRL_C)
        terminal.until_prompt()
        terminal.say("/set temperature 0")
        terminal.type(STORY + "\r")
        terminal.until("The end.")
        terminal.until_prompt()
    assert questions(data) == ["My name is Jorinde.", STORY]
