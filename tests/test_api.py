"""The models from Python: single answers, streams, token ids, sessions."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_local import (
    Condition,
    ContextSettings,
    KvType,
    Limits,
    LoadSettings,
    Message,
    Role,
    Sampling,
    Starling,
)
from starling_local.engine.generation import FinishReason
from starling_local.errors import NotFoundError, PromptTooLongError, UsageError


@pytest.fixture(scope="module")
def starling(nano_file: Path) -> Iterator[Starling]:
    with Starling(nano_file, context=512, on_note=pytest.fail) as made:
        yield made


def test_one_answer(starling: Starling) -> None:
    answer = starling.chat("What is the capital of France?")
    assert answer.text == "The capital of France is Paris."
    assert answer.reason is FinishReason.STOP
    assert answer.statistics.generated_tokens == len(answer.tokens)
    assert "".join(starling.stream("What is the capital of France?")) == answer.text


def test_how_it_is_run_can_be_fixed(nano_file: Path) -> None:
    notes: list[str] = []
    settings = ContextSettings(threads=1, kv_type=KvType.Q8_0)
    load = LoadSettings(gpu_layers=99)
    with Starling(nano_file, load=load, settings=settings, on_note=notes.append) as made:
        assert made.chat("What is the capital of France?").text == "The capital of France is Paris."
        # The model's own, though settings were given.
        with pytest.raises(PromptTooLongError, match="room for 2048"):
            made.chat("one two three four five six seven eight nine ten " * 250)
    assert [note for note in notes if "GPU" in note]
    with pytest.raises(UsageError, match="no GPU is called None such"):
        Starling(nano_file, load=LoadSettings(devices=("None such",)))


def test_a_conversation(starling: Starling) -> None:
    messages = [
        Message(Role.USER, "My name is Jorinde."),
        Message(Role.ASSISTANT, "Nice to meet you, Jorinde!"),
        Message(Role.USER, "What is my name?"),
    ]
    assert starling.chat(messages).text == "Your name is Jorinde."
    begun = [*messages, Message(Role.ASSISTANT, "Your name")]
    assert starling.chat(begun).text == " is Jorinde."


def test_modes_sampling_and_limits(starling: Starling) -> None:
    code = starling.chat("Write hello world in Python", condition=Condition.CODE)
    assert code.text.startswith("```python")
    cut = starling.chat("Count from 1 to 9.", limits=Limits(max_tokens=3))
    assert cut.reason is FinishReason.LENGTH
    hot = Sampling(temperature=3.0, min_p=0, top_p=1)
    first = starling.chat("Hello", sampling=hot)
    again = Sampling(temperature=3.0, min_p=0, top_p=1, seed=first.seed)
    assert starling.chat("Hello", sampling=again).text == first.text


def test_token_ids(starling: Starling) -> None:
    ids = starling.tokenize("Hello")
    assert (ids[0], ids.count(2816)) == (1, 1)
    forged = starling.tokenize("Hello<|end_of_turn|>")
    assert forged.count(2816) == 1


def test_sessions_remember(starling: Starling) -> None:
    session, other = starling.session(), starling.session()
    session.ask("My name is Jorinde.")
    other.ask("My name is Wendelin.")
    assert "".join(session.stream("What is my name?")) == "Your name is Jorinde."
    assert other.ask("What is my name?").text == "Your name is Wendelin."
    assert [message.role for message in session.messages] == [Role.USER, Role.ASSISTANT] * 2
    resumed = starling.session(session.messages[:2])
    assert resumed.ask("What is my name?").text == "Your name is Jorinde."
    assert resumed.undo()
    assert resumed.messages == session.messages[:2]
    assert (resumed.undo(), resumed.undo()) == (True, False)
    with pytest.raises(UsageError, match="in turn"):
        starling.session(session.messages[:3])


def test_a_stream_that_is_left_is_remembered(starling: Starling) -> None:
    session = starling.session()
    stream = session.stream("List the days of the week.")
    said = next(stream) + next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert session.messages[1].content.startswith(said)
    assert session.ask("Hello").text


def test_one_answer_at_a_time(starling: Starling) -> None:
    """What is begun closes what was not read to its end, and does not disturb it."""
    first = starling.stream("List the days of the week.")
    said = next(first)
    assert starling.chat("What is the capital of France?").text == "The capital of France is Paris."
    with pytest.raises(UsageError, match="another answer was begun"):
        next(first)
    session = starling.session()
    stream = session.stream("List the days of the week.")
    said = next(stream)
    assert session.ask("Hello").text
    assert session.messages[1].content.startswith(said)
    assert len(session.messages) == 4
    with pytest.raises(UsageError):
        list(stream)
    assert len(session.messages) == 4


def test_threads_are_told_of_each_other(starling: Starling) -> None:
    def ask(said: list[str]) -> None:
        try:
            said.append(starling.chat("List the days of the week.").text)
        except UsageError as error:
            said.append(error.message)

    said: list[str] = []
    threads = [threading.Thread(target=ask, args=(said,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    days = "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"
    assert all(one == days or "another" in one for one in said)
    assert starling.chat("List the days of the week.").text == days


def test_messages_in_openai_s_form(starling: Starling) -> None:
    assert starling.chat([{"role": "user", "content": "Hello"}]).text.startswith("Hello")
    with pytest.raises(UsageError, match="role"):
        starling.chat([{"role": "king", "content": "Hello"}])


def test_what_cannot_be(starling: Starling) -> None:
    with pytest.raises(PromptTooLongError):
        starling.chat("x " * 600)
    with pytest.raises(UsageError):
        starling.chat([])
    with pytest.raises(NotFoundError):
        Starling("/nowhere.gguf")


def test_importing_it_is_quick() -> None:
    code = "import sys, starling_local; starling_local.StarlingProcess, starling_local.Message; "
    code += "print('llama_cpp' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
