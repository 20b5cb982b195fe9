"""Sessions: what is written, what is believed when it is read, and who may write."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from starling_local.chat.chat import Chat
from starling_local.chat.conversation import Conversation
from starling_local.chat.loader import Loader
from starling_local.chat.resuming import Wanted
from starling_local.chat.sessions import Sessions
from starling_local.chat.transcript import Transcript, proven, to_markdown
from starling_local.engine.generation import FinishReason
from starling_local.errors import BadFileError, ConversionError, NotFoundError, UsageError
from starling_local.prompt import Condition
from starling_local.settings import ContextSettings, LoadSettings, Sampling


def quiet(_done: int, _total: int) -> None:
    """No progress."""


@pytest.fixture
def loader(nano_file: Path) -> Iterator[Loader]:
    made = Loader(
        lambda name: Path(name) if name else nano_file,
        LoadSettings(), ContextSettings(), None,
    )  # fmt: skip
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
