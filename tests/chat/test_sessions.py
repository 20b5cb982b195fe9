"""Sessions: what is written, what is believed when it is read, and who may write."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from starling_local.chat.chat import Chat
from starling_local.chat.conversation import Conversation
from starling_local.chat.loader import Loader
from starling_local.chat.resuming import Wanted, model_of
from starling_local.chat.sessions import Sessions
from starling_local.chat.transcript import Transcript, proven, to_markdown
from starling_local.engine.generation import FinishReason
from starling_local.errors import BadFileError, ConversionError, NotFoundError, UsageError
from starling_local.machine.asked import Asked, Use
from starling_local.machine.running import run_settings
from starling_local.prompt import Condition
from starling_local.settings import Limits, Overflow, Sampling


def quiet(_done: int, _total: int) -> None:
    """No progress."""


@pytest.fixture
def loader(nano_file: Path) -> Iterator[Loader]:
    made = Loader(
        lambda name: Path(name) if name else nano_file,
        lambda path: run_settings(path, Asked(), Use.CHAT).open(),
    )
    yield made
    made.close()


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "data" / "sessions")


def begin(loader: Loader, sessions: Sessions, name: str | None = None) -> Chat:
    """A chat; with a name the session of that name is resumed."""
    chat = Chat(Conversation(loader.open(None)), loader, pytest.fail, sessions)
    if name:
        chat.resume(name)
    return chat


def ask(chat: Chat, question: str) -> str:
    answer = "".join(chunk.text for chunk in chat.answer(question, quiet))
    chat.keep()
    return answer


def test_every_answer_is_written_at_once(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    ask(chat, "Hello")
    assert chat.session is not None
    content = json.loads(chat.session.path.read_text(encoding="utf-8"))
    assert content["exchanges"][0]["user"] == "Hello"
    assert content["exchanges"][0]["assistant"] == "Hello! How can I help you?"
    assert content["model_fingerprint"] == chat.conversation.context.model.fingerprint
    assert content["condition"] == "GPT4 Correct"
    ask(chat, "My name is Jorinde.")
    assert len(sessions.read(chat.session.name).exchanges) == 2
    # Nobody else may read it.
    assert stat.S_IMODE(chat.session.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(sessions.folder.stat().st_mode) == 0o700


def test_a_transcript_comes_back_as_it_was(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    chat.sampling = Sampling(temperature=0.7, seed=3)
    chat.conversation.system = "Your name is Wendelin."
    chat.conversation.condition = Condition.CODE
    ask(chat, "Grüße, 日本 🐦\nzweite Zeile\x1b[31m")
    transcript = chat.transcript()
    assert Transcript.from_json(transcript.to_json(), "it") == transcript
    assert transcript.sampling == chat.sampling
    assert json.loads(transcript.to_json())["sampling"] == {"temperature": 0.7, "seed": 3}
    assert "Grüße, 日本 🐦\nzweite" in to_markdown(transcript)


@pytest.mark.parametrize("saves_state", [True, False])
def test_a_resumed_conversation_goes_on(
    loader: Loader, sessions: Sessions, saves_state: bool
) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "My name is Jorinde.")
    ask(chat, "I live in Oslo.")
    before = chat.conversation.tokens()
    chat.leave()
    if not saves_state:
        (sessions.folder / "talk.state").unlink()
    chat = begin(loader, sessions)
    said = chat.resume("talk")
    assert chat.conversation.tokens() == before
    assert ("from its saved state" in said) == saves_state
    assert ask(chat, "What is my name?") == "Your name is Jorinde."
    assert chat.statistics is not None
    # Saved: only the new question is read, with the end of the last answer.
    assert (chat.statistics.prefilled_tokens < 30) == saves_state
    chat.leave()


def test_a_resumed_chat_has_its_sampling(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    chat.sampling = Sampling(temperature=0.9, top_k=7, logit_bias={5: -2.5})
    ask(chat, "My name is Jorinde.")
    assert chat.conversation.exchanges[0].seed is not None
    chat.leave()
    chat = begin(loader, sessions, "talk")
    assert chat.sampling == Sampling(temperature=0.9, top_k=7, logit_bias={5: -2.5})
    # What is asked for at the start counts.
    chat.leave()
    chat = Chat(
        chat.conversation, loader, pytest.fail, sessions,
        wanted=Wanted(sampling={"temperature": 0.0, "seed": 4}),
    )  # fmt: skip
    chat.resume("talk")
    assert (chat.sampling.temperature, chat.sampling.top_k, chat.sampling.seed) == (0.0, 7, 4)


@pytest.mark.parametrize(
    "sampling", [{"temperature": "hot"}, {"heat": 1.0}, {"seed": True}, {"logit_bias": {"x": 1}}, 5]
)
def test_a_sampling_that_cannot_be(loader: Loader, sessions: Sessions, sampling: Any) -> None:
    content = json.loads(begin(loader, sessions).transcript().to_json())
    with pytest.raises(BadFileError, match="it is no transcript"):
        Transcript.from_json(json.dumps({**content, "sampling": sampling}), "it")


def test_a_resumed_chat_has_its_limits_and_says_so(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    chat.limits = Limits(5, ("END",))
    chat.conversation.overflow = Overflow.DROP
    chat.conversation.system = "Your name is Wendelin."
    chat.conversation.condition = Condition.CODE
    ask(chat, "Hello")
    chat.leave()
    chat = begin(loader, sessions)
    said = chat.resume("talk")
    assert chat.limits == Limits(5, ("END",))
    assert chat.conversation.overflow is Overflow.DROP
    assert "code mode, a system text, max_tokens 5, stop 'END', overflow drop" in said
    chat.leave()
    wanted = Wanted(
        limits={"max_tokens": 9}, condition=Condition.CHAT, system="", overflow=Overflow.SHIFT
    )
    chat = Chat(chat.conversation, loader, pytest.fail, sessions, wanted=wanted)
    said = chat.resume("talk")
    assert chat.limits == Limits(9, ("END",))
    assert chat.conversation.condition is Condition.CHAT
    assert chat.conversation.system == ""
    assert chat.conversation.overflow is Overflow.SHIFT
    assert "as asked for now: mode, system text, limits, overflow" in said


def test_a_session_knows_its_model(
    loader: Loader, sessions: Sessions, nano_file: Path, tmp_path: Path
) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "My name is Jorinde.")
    chat.leave()
    transcript = sessions.check("talk")
    assert model_of(transcript) == str(nano_file)
    assert model_of(sessions.check("another")) is None
    other = tmp_path / "other.gguf"
    # Of the same size, and another model: one byte of its weights differs.
    content = bytearray(nano_file.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    state = (sessions.folder / "talk.state").read_bytes()
    chat.use_model(str(other))
    said = chat.resume("talk")
    assert "It was held with Starling-Nano-Q8_0" in said
    assert "other (" in said
    # Nothing was said: there is no state to take the place of the other one's.
    chat.leave()
    assert (sessions.folder / "talk.state").read_bytes() == state
    (sessions.folder / "talk.json").write_text(
        (sessions.folder / "talk.json").read_text().replace(str(other), "/nowhere")
    )
    assert model_of(sessions.check("talk")) is None


def test_an_old_state_is_used_as_far_as_it_goes(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "My name is Jorinde.")
    chat.save(None)
    ask(chat, "Count from 1 to 20.")
    assert chat.session is not None
    chat.session.close()  # as if killed
    chat = begin(loader, sessions)
    said = chat.resume("talk")
    assert "tokens of them from its saved state and" in said
    ask(chat, "What is my name?")
    assert chat.statistics is not None
    read = chat.statistics.prefilled_tokens
    assert 40 < read < chat.statistics.prompt_tokens - 20
    chat.leave()


def test_what_was_taken_back_is_in_no_state(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "My name is Jorinde.")
    ask(chat, "Tell me a story about a fox named Anna.")
    chat.save(None)
    state = sessions.folder / "talk.state"
    before = state.stat().st_size
    chat.conversation.undo()
    chat.save(None)
    assert state.stat().st_size < before / 2
    chat.conversation.undo()
    chat.leave()
    assert not state.exists()


def test_a_question_is_written_before_it_is_answered(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    chat.keep_every_s = 0
    ask(chat, "Hello")
    answering = chat.answer("Tell me a story about a fox named Anna.", lambda _done, _total: see())
    written: list[Transcript] = []

    def see() -> None:
        written.append(sessions.read("talk"))

    for _ in range(9):
        next(answering)
    see()
    assert (len(written[0].exchanges), written[0].unanswered[:11]) == (1, "Tell me a s")
    assert (len(written[-1].exchanges), written[-1].unanswered) == (2, "")
    begun = written[-1].exchanges[-1]
    assert begun.reason is FinishReason.INTERRUPTED
    assert begun.answer.startswith("Once upon")
    assert chat.session is not None
    chat.session.close()  # as if killed
    answering.close()
    chat = begin(loader, sessions, "talk")
    assert chat.conversation.exchanges[-1] == begun
    assert "".join(chunk.text for chunk in chat.go_on(quiet)).endswith("The end.")
    chat.leave()


def test_an_unanswered_question_stays_until_it_is_asked(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "Hello")
    assert chat.session is not None
    chat.session.write(replace(chat.transcript(), unanswered="What is\n2 + 3?"))
    chat.session.close()
    for _ in range(2):
        chat = begin(loader, sessions)
        assert "got no answer: What is 2 + 3?" in chat.resume("talk")
        assert chat.unanswered == "What is\n2 + 3?"
        chat.leave()
    chat = begin(loader, sessions, "talk")
    ask(chat, "What is 2 + 3?")
    assert sessions.read("talk").unanswered == ""
    chat.leave()


def test_a_chat_that_cannot_be_written_goes_on(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    chat = begin(loader, Sessions(tmp_path / "file" / "sessions"))
    chat.attached.append("My name is Jorinde.")
    answer = "".join(chunk.text for chunk in chat.answer("What is my name?", quiet))
    assert "Jorinde" in answer
    assert chat.attached == []
    assert isinstance(chat.unsaved, ConversionError)
    with pytest.raises(ConversionError, match="cannot write"):
        chat.leave()
    with pytest.raises(ConversionError, match="cannot write"):
        chat.new()
    assert chat.conversation.exchanges == []
    chat.leave()


def test_a_session_that_cannot_be_renamed_stays(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    ask(chat, "Hello")
    assert chat.session is not None
    before = chat.session.name
    (sessions.folder / "talk.json").mkdir()
    (sessions.folder / "talk.json" / "file").touch()
    with pytest.raises(UsageError, match="already"):
        chat.save("talk")
    broken = sessions.folder / "broken.lock"
    broken.mkdir()
    with pytest.raises(ConversionError):
        chat.save("broken")
    assert chat.session.name == before
    ask(chat, "Hello")
    assert len(sessions.read(before).exchanges) == 2
    chat.leave()


def test_a_damaged_state_is_not_used(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "My name is Jorinde.")
    chat.leave()
    state = sessions.folder / "talk.state"
    content = bytearray(state.read_bytes())
    content[-100] ^= 1
    state.write_bytes(content)
    chat = begin(loader, sessions)
    assert "the saved state is damaged" in chat.resume("talk")
    assert ask(chat, "What is my name?") == "Your name is Jorinde."


def test_ids_are_believed_only_if_they_say_the_text(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    ask(chat, "Hello")
    (true,) = chat.conversation.exchanges
    end = chat.conversation.context.model.vocabulary.end_of_turn
    forged: dict[str, dict[str, Any]] = {
        "another answer": {"answer": "Goodbye!"},
        "a control token": {"answer_ids": (*true.answer_ids[:-2], end, *true.answer_ids[-2:])},
        "no end": {"answer_ids": true.answer_ids[:-1]},
        "no prefix": {"answer_ids": true.answer_ids[3:]},
        "out of range": {"answer_ids": (*true.answer_ids[:-1], 10**9, end)},
        "nothing": {"answer_ids": ()},
        "another question": {"question_ids": true.question_ids[2:]},
    }
    for what, change in forged.items():
        exchange = type(true)(**{**vars(true), **change})
        (kept,) = proven([exchange], chat.conversation, same_model=True)
        text = "".join(
            chat.conversation.context.model.vocabulary.piece(token).decode()
            for token in kept.answer_ids
        )
        assert text == f" GPT4 Correct Assistant: {kept.answer}", what
        assert kept.answer_ids.count(end) == kept.question_ids.count(end) == 1, what
        assert kept.question_ids == true.question_ids, what
    assert proven([true], chat.conversation, same_model=True) == [true]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": "other"}', '{"format": "starling-chat-1"}', "[" * 100_000],
)
def test_files_that_are_no_transcript(sessions: Sessions, text: str) -> None:
    sessions.folder.mkdir(parents=True)
    (sessions.folder / "bad.json").write_text(text)
    with pytest.raises(BadFileError, match=r"bad\.json"):
        sessions.read("bad")
    assert sessions.summaries(9) == []
    with pytest.raises(NotFoundError):
        sessions.read("other")


@pytest.mark.parametrize(
    "change",
    [{"forgotten": -2}, {"forgotten": 5}, {"forgotten": 1e999}, {"system": 3}, {"limits": {}},
     {"limits": {"max_tokens": 0, "stop": []}}, {"limits": {"max_tokens": None, "stop": [""]}},
     {"overflow": "never"}],
)  # fmt: skip
def test_values_that_cannot_be(loader: Loader, sessions: Sessions, change: Any) -> None:
    content = json.loads(begin(loader, sessions).transcript().to_json())
    with pytest.raises(BadFileError, match="it is no transcript"):
        Transcript.from_json(json.dumps({**content, **change}), "it")


def test_halves_of_characters_are_replaced(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    ask(chat, "Hello")
    text = chat.transcript().to_json().replace('"user": "Hello', '"user": "H\\ud800\\ud83d\\udc26')
    (exchange,) = Transcript.from_json(text, "it").exchanges
    assert exchange.question == "H\ufffd\U0001f426"
    assert Transcript.from_json(text, "it").to_json().encode()
    assert to_markdown(Transcript.from_json(text, "it")).encode()


def test_an_export_cannot_drive_the_terminal(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    ask(chat, "a\x1b[2Jb\u202e")
    assert "\n\na[2Jb\n\n" in to_markdown(chat.transcript())


def test_names_too_long_are_of_no_session(sessions: Sessions) -> None:
    assert not sessions.exists("x" * 300)
    assert not sessions.exists("../../x")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 80, "a\nb", "a ", "tab\t"])
def test_names_that_cannot_be(sessions: Sessions, name: str) -> None:
    with pytest.raises(UsageError, match="no name"):
        sessions.open(name)


def test_a_session_is_open_once(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions, "talk")
    with pytest.raises(UsageError, match="open in another chat"):
        sessions.open("talk")
    assert "is open" in chat.resume("talk")
    chat.leave()
    sessions.open("talk").close()
    assert not list(sessions.folder.glob("*.lock"))


def test_saving_under_a_name(loader: Loader, sessions: Sessions) -> None:
    chat = begin(loader, sessions)
    assert chat.save(None) == "There is nothing to save yet."
    ask(chat, "Hello")
    assert chat.save("first").startswith("Saved as 'first'")
    # The one that was kept under its time has moved there.
    assert sessions.names() == ["first"]
    ask(chat, "My name is Oskar.")
    chat.save("second")
    assert sorted(sessions.names()) == ["first", "second"]
    assert len(sessions.read("first").exchanges) == 2
    with pytest.raises(UsageError, match="already"):
        chat.save("first")
    chat.new()
    assert chat.conversation.exchanges == []
    ask(chat, "Hello")
    assert len(sessions.names()) == 3


def test_two_that_begin_in_the_same_second(sessions: Sessions) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5)
    sessions.folder.mkdir(parents=True)
    assert sessions.new_name(now) == "2026-01-02 03.04.05"
    (sessions.folder / "2026-01-02 03.04.05.json").touch()
    assert sessions.new_name(now) == "2026-01-02 03.04.05 2"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConversionError, match="cannot write"):
        Sessions(tmp_path / "file" / "sessions").open("talk")


def test_another_model_reads_the_text_anew(
    loader: Loader, sessions: Sessions, nano_file: Path, tmp_path: Path
) -> None:
    chat = begin(loader, sessions, "talk")
    ask(chat, "My name is Jorinde.")
    other = tmp_path / "other.gguf"
    other.write_bytes(nano_file.read_bytes())
    chat.use_model(str(other))
    assert chat.conversation.context.model.path == other
    assert ask(chat, "What is my name?") == "Your name is Jorinde."
    (tmp_path / "bad.gguf").write_bytes(b"nothing")
    with pytest.raises(BadFileError):
        chat.use_model(str(tmp_path / "bad.gguf"))
    assert ask(chat, "What is my name?") == "Your name is Jorinde."
    assert chat.conversation.exchanges[-1].reason is FinishReason.STOP
