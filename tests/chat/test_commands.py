"""The commands of the chat, each on a real conversation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from starling_local.chat.chat import Chat
from starling_local.chat.commands import COMMANDS, is_command, run_command, words_after
from starling_local.chat.conversation import Conversation
from starling_local.chat.loader import Loader
from starling_local.chat.parameters import NAMES
from starling_local.chat.sessions import Sessions
from starling_local.errors import BadFileError, NotFoundError, UsageError
from starling_local.machine.asked import Asked, Use
from starling_local.machine.running import run_settings
from starling_local.prompt import Condition
from starling_local.settings import Overflow


@pytest.fixture
def chat(nano_file: Path, tmp_path: Path) -> Iterator[Chat]:
    loader = Loader(
        lambda name: Path(name) if name else nano_file,
        lambda path: run_settings(path, Asked(), Use.CHAT).open(),
    )
    yield Chat(Conversation(loader.open(None)), loader, pytest.fail, Sessions(tmp_path / "data"))
    loader.close()


def ask(chat: Chat, question: str) -> str:
    answer = "".join(chunk.text for chunk in chat.answer(question, lambda _done, _total: None))
    chat.keep()
    return answer


def test_each_command_says_or_does_something(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("some text")
    ask(chat, "Hello")
    arguments = {"/read": str(tmp_path / "file.txt"), "/load": "x"}
    for name, command in COMMANDS.items():
        assert command.help
        if name == "/load":
            with pytest.raises(NotFoundError):
                run_command("/load x", chat)
            continue
        reply = run_command(f"{name} {arguments.get(name, '')}", chat)
        assert reply.text or reply.leave or reply.again or reply.goes_on or reply.copy or reply.edit
        if name in ("/undo", "/new"):
            ask(chat, "Hello")


def test_each_command_says_something_before_anything_was_said(chat: Chat) -> None:
    for name in COMMANDS:
        if name != "/read":
            reply = run_command(name, chat)
            assert reply.text or reply.leave


def test_help_lists_them_all(chat: Chat) -> None:
    said = run_command("/help", chat).text
    assert all(f"{name} " in said for name in COMMANDS)


@pytest.mark.parametrize("line", ["/nonsense", "/undo 3", "/read", "/set x", "/set temperature hot",
                                  "/set top_k 1.5", "/set overflow never",
                                  "/set temperature nan", "/set temperature inf",
                                  "/set temperature -1", "/set typical nan", "/set seed -1",
                                  "/set seed 99999999999", "/set repeat_last 99999999999",
                                  "/set repeat_penalty 0", "/set max_tokens 0",
                                  "/set max_tokens -3", "/set top_p 9",
                                  "/set mirostat 3"])  # fmt: skip
def test_what_makes_no_sense(chat: Chat, line: str) -> None:
    with pytest.raises(UsageError):
        run_command(line, chat)


@pytest.mark.parametrize(
    ("line", "is_one"),
    [("/help", True), ("/set top_k 3", True), ("/nonsense", True), ("/", False), (" /help", False),
     ("/etc/hosts is what?", False), ("/2 of it", False), ("hello /help", False),
     ("/help\nand more", False), ("/system one\ntwo", True), ("/edit\none", True),
     ("/undo\n", True), ("/Help", True)],
)  # fmt: skip
def test_what_is_a_command(line: str, is_one: bool) -> None:
    assert is_command(line) == is_one


def test_modes(chat: Chat) -> None:
    for name, condition in (
        ("/code", Condition.CODE), ("/math", Condition.MATH), ("/chat", Condition.CHAT)
    ):  # fmt: skip
        run_command(name, chat)
        assert chat.conversation.condition is condition


def test_system_text(chat: Chat) -> None:
    run_command("/system Your name is Wendelin.", chat)
    ask(chat, "What is your name?")
    vocabulary = chat.conversation.context.model.vocabulary
    tokens = chat.conversation.context.tokens()
    assert vocabulary.tokenise("Your name is Wendelin.") == list(
        tokens[1 : tokens.index(vocabulary.end_of_turn)]
    )
    assert "Wendelin" in run_command("/system", chat).text
    run_command("/system off", chat)
    assert not chat.conversation.system


def test_undo_edit_and_regen(chat: Chat) -> None:
    ask(chat, "My name is Oskar.")
    assert run_command("/edit", chat).edit == "My name is Oskar."
    assert run_command("/edit My name is Anna.", chat).again == "My name is Anna."
    assert run_command("/regen", chat).again == "My name is Oskar."
    assert "stays the same" in run_command("/regen", chat).text
    run_command("/set temperature 0.8", chat)
    assert run_command("/regen", chat).text == ""
    assert run_command("/undo", chat).text == "Taken back: My name is Oskar."
    assert run_command("/undo", chat).text == "There is nothing to take back."


def test_settings(chat: Chat) -> None:
    said = run_command("/set", chat).text
    assert all(name in said for name in NAMES)
    for line in ("temperature 0.7", "top_k 5", "seed 3", "max_tokens 4", "stop END",
                 "overflow drop"):  # fmt: skip
        assert run_command(f"/set {line}", chat).text.split()[0] == line.split()[0]
    assert (chat.sampling.temperature, chat.sampling.top_k, chat.sampling.seed) == (0.7, 5, 3)
    assert (chat.limits.max_tokens, chat.limits.stop) == (4, ("END",))
    assert chat.conversation.overflow is Overflow.DROP
    for line in ("seed none", "max_tokens none", "stop none"):
        assert run_command(f"/set {line}", chat).text.split()[-1] == "none"
    assert chat.limits.max_tokens is None
    assert run_command("/set top_k", chat).text == "top_k  5"


def test_a_range_is_said(chat: Chat) -> None:
    with pytest.raises(UsageError, match=r"top_p is a number from 0 to 1, not '9'"):
        run_command("/set top_p 9", chat)
    with pytest.raises(UsageError, match=r"max_tokens is a whole number from 1 to .*, or none"):
        run_command("/set max_tokens 0", chat)


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_set_can_be_used(chat: Chat, name: str) -> None:
    chat.conversation.exchanges.clear()
    for value in ("0", "1", "0.5", "-1", "2147483647", "100", "4294967294"):
        with suppress(UsageError):
            run_command(f"/set {name} {value}", chat)
            chat.limits = replace(chat.limits, max_tokens=2)
            list(chat.answer("Hello", lambda _done, _total: None))
            chat.conversation.undo()


def test_commands_are_found_by_other_spellings(chat: Chat) -> None:
    assert run_command("/CONTEXT", chat).text
    assert run_command("/quit", chat).leave
    for line, near in (("/regn", "/regen"), ("/contxt", "/context"), ("/xyzzy", "/help lists")):
        with pytest.raises(UsageError) as caught:
            run_command(line, chat)
        assert str(caught.value.hint).startswith(near)


def test_completion_knows_what_comes_next(chat: Chat) -> None:
    assert words_after("/set ", chat) == NAMES
    assert words_after("/set overflow ", chat) == ["shift", "drop", "fail"]
    assert words_after("/set temperature ", chat) == ()
    assert words_after("/model ", chat) == ("nano",)


def test_reading_a_file(chat: Chat, tmp_path: Path) -> None:
    path = tmp_path / "note book.txt"
    path.write_text("My name is Jorinde.\n")
    assert "before your next message" in run_command(f"/read {path}", chat).text
    ask(chat, "Hello")
    assert chat.conversation.exchanges[0].question == "My name is Jorinde.\n\nHello"
    ask(chat, "What is my name?")
    assert chat.conversation.exchanges[1].question == "What is my name?"


def test_files_that_cannot_be_read(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        run_command(f"/read {tmp_path}/none", chat)
    with pytest.raises(BadFileError):
        run_command(f"/read {tmp_path}", chat)
    os.mkfifo(tmp_path / "pipe")
    for name in (f"{tmp_path}/pipe", "/dev/null", "x" * 300):
        with pytest.raises(BadFileError):
            run_command(f"/read {name}", chat)
    with pytest.raises(NotFoundError):
        run_command("/read ~nobody-of-that-name/x", chat)
    for content in (b"\xff\xfe", b"a\0b"):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(BadFileError):
            run_command(f"/read {tmp_path}/file", chat)
    (tmp_path / "file").write_text("word " * 5000)
    with pytest.raises(UsageError, match="the whole context has"):
        run_command(f"/read {tmp_path}/file", chat)
    # Two that fit by themselves may not fit together.
    (tmp_path / "file").write_text("word " * 1500)
    run_command(f"/read {tmp_path}/file", chat)
    with pytest.raises(UsageError, match="the whole context has"):
        run_command(f"/read {tmp_path}/file", chat)


def test_names_of_files_are_read_as_a_shell_would(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "note book.txt").write_text("one")
    (tmp_path / "it's").write_text("two")
    (tmp_path / "a\x1b[31m\nb").write_text("three")
    for typed in ("note\\ book.txt", "'note book.txt'", "it's", "a\x1b[31m\nb"):
        said = run_command(f"/read {tmp_path}/{typed}", chat).text
        assert "\x1b" not in said
        assert "\n" not in said
    assert chat.attached == ["one", "one", "two", "three"]


def test_what_was_read_is_shown_and_can_be_left_out(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for leave in ("/read off", "/new"):
        run_command(f"/read {tmp_path}/file", chat)
        assert "Of 1 file the text goes before" in run_command("/context", chat).text
        run_command(leave, chat)
        assert "file" not in run_command("/context", chat).text
        assert chat.attached == []


def test_statistics_and_context(chat: Chat) -> None:
    ask(chat, "Hello")
    assert "tokens are used, by 1 exchange." in run_command("/context", chat).text
    said = run_command("/stats", chat).text
    assert "per second" in said
    assert chat.shows_statistics
    run_command("/stats", chat)
    assert not chat.shows_statistics


def test_tokens(chat: Chat) -> None:
    ask(chat, "Hello")
    lines = run_command("/tokens", chat).text.split("\n")
    vocabulary = chat.conversation.context.model.vocabulary
    assert [int(line.split()[0]) for line in lines] == chat.conversation.tokens()
    assert lines[0].split()[1] == "<s>"
    assert lines[-1].split() == [str(vocabulary.end_of_turn), "<|end_of_turn|>"]


def test_copy_and_model(chat: Chat, nano_file: Path) -> None:
    answer = ask(chat, "Hello")
    assert run_command("/copy", chat).copy == answer
    assert str(nano_file) in run_command("/model", chat).text
    with pytest.raises(NotFoundError):
        run_command("/model none.gguf", chat)
    assert ask(chat, "Hello")


def test_sessions(chat: Chat) -> None:
    assert run_command("/sessions", chat).text == "There are no sessions yet."
    ask(chat, "Hello")
    run_command("/save talk", chat)
    name, day, _time, count, question = run_command("/sessions", chat).text.split()[:5]
    assert (name, count, question) == ("talk", "1", "Hello")
    assert date.fromisoformat(day)
    run_command("/new", chat)
    assert "Resumed 'talk': 1 exchange," in run_command("/load talk", chat).text
    assert words_after("/load", chat) == ["talk"]
