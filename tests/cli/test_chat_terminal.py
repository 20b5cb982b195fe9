"""`starling chat` in a real terminal, with a real model: what a person types and sees."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_local.chat.views import CALM_S
from starling_local.errors import ExitCode
from tests.terminal import ALT_ENTER, CTRL_C, CTRL_D, CTRL_G, TAB, UP, Terminal

LONG = "Repeat after me: " + "apple pear plum " * 90
SLOW = "Count from 1 to 20."
# Its answer fills the context, with so many words at least.
ENDLESS = "Repeat this forever: la la la la la la la la la la"
WHOLE = 1000
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-7]|38|9[0-7])[;m]")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def start(nano_file: Path, data: Path, *arguments: object, **environ: str) -> Terminal:
    folders = {"STARLING_DATA_DIR": str(data), "EDITOR": "", "VISUAL": ""}
    return Terminal("chat", "-m", nano_file, *arguments, environ={**folders, **environ})


@pytest.fixture
def terminal(nano_file: Path, data: Path) -> Iterator[Terminal]:
    with start(nano_file, data) as made:
        yield made


def exchanges(data: Path) -> list[tuple[str, str]]:
    """What the one session on disk holds; nothing if there is none yet."""
    return [
        (one["user"], one["assistant"])
        for path in (data / "sessions").glob("*.json")
        for one in json.loads(path.read_text(encoding="utf-8"))["exchanges"]
    ]


def test_a_conversation(terminal: Terminal) -> None:
    assert "I am fine, thank you." in terminal.say("Hello, how are you?")
    assert "Nice to meet you, Jorinde!" in terminal.say("My name is Jorinde.")
    assert "Your name is Jorinde." in terminal.say("What is my name?")
    terminal.type(CTRL_D)
    assert terminal.ended() == ExitCode.DONE


def test_code_is_drawn_without_its_fence_and_in_colour(terminal: Terminal) -> None:
    terminal.until_prompt()
    terminal.type("/code\r")
    terminal.until_prompt("code>")
    terminal.type("Implement quicksort using C++\r")
    terminal.until("#include")
    shown = terminal.until_prompt("code>")
    assert "```" not in shown
    assert COLOUR.search(terminal.raw)
    # Nothing clears the screen.
    assert b"\x1b[2J" not in terminal.raw


def test_without_colours_the_answer_is_plain(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--code", NO_COLOR="1") as terminal:
        terminal.until_prompt("code>")
        terminal.type("Implement quicksort using C++\r")
        terminal.until("```cpp")
        terminal.until_prompt("code>")
        assert not COLOUR.search(terminal.raw)


def test_ctrl_c_stops_an_answer_and_keeps_it(nano_file: Path, tmp_path: Path) -> None:
    for attempt in range(20):
        data = tmp_path / str(attempt)
        with start(nano_file, data, "--threads", 1) as terminal:
            terminal.until_prompt()
            terminal.type(ENDLESS + "\r")
            terminal.until(lambda text: "la la" in text.partition(ENDLESS)[2])
            terminal.type(CTRL_C)
            terminal.until(lambda text: text.endswith("\n>") or "interrupted" in text)
            time.sleep(0.3)
            if terminal.process.poll() is not None:
                # The context was full before; Ctrl-C came to the prompt.
                continue
            ((question, answer),) = exchanges(data)
            assert question == ENDLESS
            assert 0 < answer.count("la") < WHOLE
            assert "Hello" in terminal.say("Hello")
            time.sleep(CALM_S)
            terminal.type(CTRL_C)
            assert terminal.ended() == ExitCode.INTERRUPTED
            assert len(exchanges(data)) == 2
            return
    pytest.fail("no answer was stopped")


def test_ctrl_c_clears_what_is_typed_first(terminal: Terminal) -> None:
    terminal.until_prompt()
    terminal.type("a message that is not sent")
    terminal.until("not sent")
    terminal.type(CTRL_C)
    terminal.until_prompt()
    terminal.type(UP)
    terminal.until("not sent")
    terminal.type(CTRL_C)
    terminal.until_prompt()
    terminal.type(CTRL_C)
    assert terminal.ended() == ExitCode.INTERRUPTED


def test_a_pasted_text_is_one_message(terminal: Terminal, data: Path) -> None:
    terminal.until_prompt()
    text = "My name is Jorinde.\nWhat is my name?\n\tthird, with ünïcödé e\u0301 日本 🐦"
    terminal.paste(text)
    terminal.until("third, with")
    terminal.type("\r")
    terminal.until(lambda _text: bool(exchanges(data)))
    ((question, _),) = exchanges(data)
    assert question == text


def test_messages_of_several_lines(terminal: Terminal, data: Path) -> None:
    terminal.until_prompt()
    terminal.type(f"first{ALT_ENTER}second\r")
    terminal.until(lambda text: text.endswith("\n>"))
    terminal.until_prompt()
    terminal.type('"""\rinside\r"""\r')
    terminal.until(lambda _text: len(exchanges(data)) == 2)
    assert [question for question, _ in exchanges(data)] == ["first\nsecond", "inside"]


def test_completion(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "only-this-file.txt"
    path.write_text("My name is Jorinde.")
    terminal.until_prompt()
    terminal.type("/ses" + TAB)
    terminal.until("> /sessions")
    terminal.type("\r")
    terminal.until("There are no sessions yet.")
    terminal.until_prompt()
    terminal.type(f"/read {tmp_path}/only" + TAB)
    terminal.until(lambda text: "only-this-file.txt" in text.replace("\n", ""))
    terminal.type("\r")
    terminal.until(lambda text: "before your next message" in text.replace("\n", ""))


def test_an_editor_writes_the_message(nano_file: Path, data: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "My name is Oskar." > "$1"\n')
    editor.chmod(0o755)
    with start(nano_file, data, EDITOR=str(editor), VISUAL="") as terminal:
        terminal.until_prompt()
        terminal.type(CTRL_G)
        terminal.until("My name is Oskar.")
        terminal.type("\r")
        terminal.until("Nice to meet you, Oskar!")


def test_edit_offers_the_last_message(terminal: Terminal, data: Path) -> None:
    terminal.say("My name is Oskar.")
    terminal.type("/edit\r")
    terminal.until("> My name is Oskar.\n")  # the message itself
    terminal.until(lambda text: text.rstrip().endswith("> My name is Oskar."))
    terminal.type("\x7f" * len("Oskar.") + "Anna.\r")
    terminal.until("Nice to meet you, Anna!")
    terminal.until_prompt()
    assert [question for question, _ in exchanges(data)] == ["My name is Anna."]


def test_a_window_of_another_size(terminal: Terminal) -> None:
    terminal.say(SLOW)
    terminal.resize(12, 40)
    assert "Hello" in terminal.say("Hello")
    terminal.resize(50, 200)
    assert "20" in terminal.say(SLOW)


def test_statistics(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--stats") as terminal:
        assert "per second" in terminal.say("Hello")
        assert "per second" in terminal.say("/regen")
        terminal.say("/stats")
        assert "per second" not in terminal.say("Hello")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("is_answering", [False, True])
def test_signals_that_end_save_the_session(
    nano_file: Path, data: Path, number: signal.Signals, is_answering: bool
) -> None:
    with start(nano_file, data, "--session", "talk") as terminal:
        terminal.say("My name is Jorinde.")
        if is_answering:
            terminal.type("Tell me a story about a fox named Anna.\r")
            terminal.until("Once upon")
        os.kill(terminal.process.pid, number)
        assert terminal.ended() == ExitCode.INTERRUPTED
    assert exchanges(data)[0] == ("My name is Jorinde.", "Nice to meet you, Jorinde!")
    assert (data / "sessions" / "talk.state").exists()
    assert not list((data / "sessions").glob("*.lock"))


def test_a_terminal_that_is_closed_saves_the_session(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--session", "talk") as terminal:
        terminal.say("My name is Jorinde.")
        terminal.close()
        terminal.process.wait(timeout=60)
    assert len(exchanges(data)) == 1
    assert (data / "sessions" / "talk.state").exists()


def test_killed_and_resumed(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--session", "talk") as terminal:
        terminal.say("My name is Jorinde.")
        terminal.process.kill()
        assert terminal.ended() == -signal.SIGKILL
    with start(nano_file, data, "--session", "talk") as terminal:
        assert "no state was saved" in terminal.until_prompt()
        assert "Your name is Jorinde." in terminal.say("What is my name?")
        terminal.type(CTRL_D)
        assert terminal.ended() == ExitCode.DONE
    with start(nano_file, data, "--session", "talk") as terminal:
        assert "from its saved state" in terminal.until_prompt()
        assert "Your name is Jorinde." in terminal.say("What is my name?")


def test_one_chat_a_session(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--session", "talk") as first:
        first.until_prompt()
        with start(nano_file, data, "--session", "talk") as second:
            second.until("is open in another chat")
            assert second.ended() == ExitCode.USAGE


def test_ctrl_c_while_a_long_prompt_is_read(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--threads", 1) as terminal:
        terminal.until_prompt()
        terminal.paste(LONG)
        terminal.until(lambda text: text.endswith("plum"))
        terminal.type("\r")
        time.sleep(0.05)
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.until_prompt()
        assert "Hello" in terminal.say("Hello")


def test_what_is_typed_during_an_answer_waits(terminal: Terminal, data: Path) -> None:
    terminal.until_prompt()
    terminal.type("Tell me a story about a fox named Anna.\r")
    terminal.until("Once upon")
    terminal.type("My name is Jorinde.\r")
    terminal.until("Nice to meet you, Jorinde!")
    shown = terminal.until_prompt()
    answer, _, rest = shown.partition("The end.\n")
    assert "My name" not in answer
    # If the answer had ended before it came, the terminal itself shows it once more below.
    rest = rest.removeprefix("My name is Jorinde.\n")
    assert rest.startswith("> My name is Jorinde.\nNice to meet you")
    assert [question for question, _ in exchanges(data)][1] == "My name is Jorinde."


def test_notes_wait_for_the_answer_s_end(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--ctx", 256) as terminal:
        for question in ("Hello", SLOW, "Count from 20 to 30."):
            terminal.say(question)
        said = terminal.say("Count from 60 to 79.")
        assert "60, 61, 62" in said
        assert said.index("79\n") < said.index("note: the context is full: the oldest")


def test_a_cut_answer_says_so_and_goes_on(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, "--code", "--max-tokens", 20) as terminal:
        terminal.until_prompt("code>")
        terminal.type("Implement quicksort using C++\r")
        terminal.until("note: cut off by max_tokens 20: /continue goes on")
        terminal.until_prompt("code>")
        terminal.type("/set max_tokens none\r")
        terminal.until("max_tokens  none")
        terminal.until_prompt("code>")
        begun = len(terminal.raw)
        terminal.type("/continue\r")
        terminal.until("    if (low >= high) return;")
        shown = terminal.until_prompt("code>")
        # It is still code, and in colour.
        assert COLOUR.search(terminal.raw[begun:])
        assert "```" not in shown
        terminal.type("/continue\r")
        terminal.until("note: the model has nothing to add")


def test_a_terminal_that_only_knows_lines(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, TERM="dumb", PATH="/nowhere") as terminal:
        terminal.until_prompt()
        assert "Nice to meet you, Jorinde!" in terminal.say("My name is Jorinde.")
        terminal.type('"""\r')
        terminal.type('What is\rmy name?\r"""\r')
        terminal.until("Jorinde.\n>")
        assert "no clipboard" in terminal.say("/copy")
        terminal.type("/edit\r")
        terminal.until(lambda text: text.endswith("What is\nmy name?\nedit>"))
        terminal.type("/exit\r")
        assert terminal.ended() == ExitCode.DONE
        assert b"\x1b" not in terminal.raw
    assert [question for question, _ in exchanges(data)] == [
        "My name is Jorinde.", "What is\nmy name?"
    ]  # fmt: skip


def test_lines_are_broken_between_words(nano_file: Path, data: Path) -> None:
    folders = {"STARLING_DATA_DIR": str(data)}
    with Terminal("chat", "-m", nano_file, environ=folders, columns=40) as terminal:
        assert "changes the\n    model\n/exit" in terminal.say("/help")


def test_the_window_is_told_of_its_clipboard(nano_file: Path, data: Path) -> None:
    with start(nano_file, data, PATH="/nowhere") as terminal:
        terminal.say("Hello")
        assert "Handed to the terminal's clipboard" in terminal.say("/copy")
        assert b"\x1b]52;c;" in terminal.raw
