"""The models from Python, in the same process.

    from starling_local import Starling

    with Starling("Starling-LM-7B-alpha-Q4_K_M.gguf") as starling:
        print(starling.chat("What is the capital of France?").text)

A process of its own, which cannot take this one with it, is `starling_local.StarlingProcess`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from starling_local.chat.conversation import Conversation
from starling_local.chat.exchange import Exchange
from starling_local.engine.generation import Chunk, FinishReason, LastChunk, Statistics, generate
from starling_local.engine.resource import Resource
from starling_local.errors import UsageError
from starling_local.machine.asked import Asked, Use
from starling_local.machine.running import run_settings
from starling_local.prompt import (
    Condition,
    Message,
    Role,
    SystemForm,
    encode,
    prompt_segments,
)
from starling_local.scripting.chat_request import parse_messages
from starling_local.settings import ContextSettings, Limits, LoadSettings, Overflow, Sampling
from starling_local.store.models import find_model

Messages = str | Sequence[Message | Mapping[str, str]]
"""A question, or a conversation that ends with one; its messages may be in OpenAI's form."""


@dataclass(frozen=True)
class Answer:
    """A whole answer, and what it took."""

    text: str
    tokens: tuple[int, ...]
    reason: FinishReason
    statistics: Statistics
    seed: int
    """What gives the same answer again, where chance had a part in it."""


class Starling(Resource):
    """A model, loaded. Use it in a `with` statement, or call `close`.

    `model` is a .gguf file or "nano", which is built in; None means what `STARLING_MODEL` says,
    else nano. `context` is in tokens; None means 4096, or what the model was trained for or memory
    allows if that is less. What `load` and `settings` say is done; where they are not given it is
    chosen so that it fits, with GPUs if there are some. What was chosen other than usual, or
    corrected in a file, is told to `on_note`.

    What one call has in common with the one before is not computed again. It makes one answer at a
    time: a stream that is not read to its end is closed by the next call, and goes on no more. For
    many answers at once there are `StarlingProcess` and `starling batch`.

    Raises:
        NotFoundError: no such file.
        BadFileError: not a GGUF, damaged, or of another family.
        DoesNotFitError: there is not enough memory.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        context: int | None = None,
        load: LoadSettings | None = None,
        settings: ContextSettings | None = None,
        on_note: Callable[[str], None] = lambda _text: None,
    ) -> None:
        path = find_model(None if model is None else str(model), os.environ, on_note)
        self._opened = ExitStack()
        running = run_settings(path, _asked(context, load, settings), Use.ASK)
        for note in running.notes:
            on_note(note)
        self._context = self._opened.enter_context(running.open())
        self._vocabulary = self._context.model.vocabulary
        self._turns = _Turns()
        for note in self._context.model.notes:
            on_note(note)

    def chat(
        self,
        messages: Messages,
        *,
        condition: Condition = Condition.CHAT,
        system_form: SystemForm = SystemForm.PLAIN,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """The answer to a question or a conversation.

        A conversation that ends with an assistant's message is gone on with. Raises
        PromptTooLongError, UsageError for settings that cannot be, KeyboardInterrupt for Ctrl-C.
        """
        return _whole(self._chunks(messages, condition, system_form, sampling, limits))

    def stream(
        self,
        messages: Messages,
        *,
        condition: Condition = Condition.CHAT,
        system_form: SystemForm = SystemForm.PLAIN,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
    ) -> Iterator[str]:
        """The same, piece by piece as it is made."""
        return _texts(self._chunks(messages, condition, system_form, sampling, limits))

    def tokenize(
        self,
        messages: Messages,
        *,
        condition: Condition = Condition.CHAT,
        system_form: SystemForm = SystemForm.PLAIN,
    ) -> list[int]:
        """The ids of the prompt that `chat` would give the model, BOS first."""
        segments = prompt_segments(_messages(messages), condition, system_form)
        return encode(segments, self._vocabulary)

    def session(
        self,
        messages: Sequence[Message] = (),
        *,
        condition: Condition = Condition.CHAT,
        system: str = "",
        overflow: Overflow = Overflow.SHIFT,
        on_note: Callable[[str], None] = lambda _text: None,
    ) -> Session:
        """A conversation that remembers; it may begin with questions and answers held before.

        When the context is full the oldest are forgotten, as `overflow` says; `on_note` is told.
        Several sessions may be held in turn. Raises UsageError if the messages are not questions
        and answers in turn.
        """
        conversation = Conversation(
            self._context, condition=condition, system=system, overflow=overflow, on_note=on_note
        )
        return Session(conversation, messages, self._turns)

    def close(self) -> None:
        """Free the memory. Safe to call again."""
        self._opened.close()

    def _chunks(
        self,
        messages: Messages,
        condition: Condition,
        system_form: SystemForm,
        sampling: Sampling | None,
        limits: Limits | None,
    ) -> Generator[Chunk, None, None]:
        turns = _messages(messages)
        ids = encode(prompt_segments(turns, condition, system_form), self._vocabulary)
        is_continued = turns[-1].role is Role.ASSISTANT
        return self._turns.take(
            generate(self._context, ids, sampling, limits, is_continued=is_continued)
        )


def _asked(
    context: int | None, load: LoadSettings | None, settings: ContextSettings | None
) -> Asked:
    """What a caller fixed."""
    found = Asked(context=context)
    if load:
        found = replace(
            found,
            repack=load.repack,
            gpu_layers=load.gpu_layers,
            devices=load.devices,
            tensor_split=load.tensor_split,
            main_gpu=load.main_gpu,
        )
    if settings:
        is_length_given = settings.context != ContextSettings.context
        found = replace(
            found,
            context=context or (settings.context if is_length_given else None),
            kv_type=settings.kv_type,
            flash_attention=settings.flash_attention,
            threads=settings.threads,
            batch=settings.batch,
            sequences=settings.sequences,
        )
    return found


class _Turns:
    """Lets one answer of a context be made at a time."""

    def __init__(self) -> None:
        self._current: Generator[Chunk, None, None] | None = None
        self._lock = threading.Lock()

    def take(self, answer: Generator[Chunk, None, None]) -> Generator[Chunk, None, None]:
        """Yield the pieces of an answer, which closes the one before when it begins.

        Raises UsageError if another one has begun meanwhile, or another thread is at it.
        """
        with self._alone():
            if self._current is not None:
                self._current.close()
            self._current = answer
        with closing(answer):
            while True:
                with self._alone():
                    if self._current is not answer:
                        raise UsageError("another answer was begun before this one was at its end")
                    chunk = next(answer, None)
                if chunk is None:
                    return
                yield chunk

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise UsageError("another thread uses this model just now")
        try:
            yield
        finally:
            self._lock.release()


class Session:
    """A conversation with a model: each question is answered in view of those before it."""

    def __init__(
        self, conversation: Conversation, messages: Sequence[Message], turns: _Turns
    ) -> None:
        self._conversation = conversation
        self._turns = turns
        roles = [message.role for message in messages]
        if roles != [Role.USER, Role.ASSISTANT] * (len(roles) // 2):
            raise UsageError("a session begins with questions and their answers, in turn")
        pairs = zip(messages[::2], messages[1::2], strict=True)
        conversation.take_up([self._held(one.content, two.content) for one, two in pairs], 0)

    @property
    def messages(self) -> list[Message]:
        """The questions and answers so far; `Starling.session` takes them again."""
        return [
            message
            for exchange in self._conversation.exchanges
            for message in (
                Message(Role.USER, exchange.question),
                Message(Role.ASSISTANT, exchange.answer),
            )
        ]

    def ask(
        self, question: str, *, sampling: Sampling | None = None, limits: Limits | None = None
    ) -> Answer:
        """The answer to the next question. Raises what `Starling.chat` raises."""
        return _whole(self._turns.take(self._conversation.ask(question, sampling, limits)))

    def stream(
        self, question: str, *, sampling: Sampling | None = None, limits: Limits | None = None
    ) -> Iterator[str]:
        """The same, piece by piece. If it is not read to its end, what was read is remembered."""
        return _texts(self._turns.take(self._conversation.ask(question, sampling, limits)))

    def undo(self) -> bool:
        """Take the last question and its answer back; whether there was one."""
        return self._conversation.undo() is not None

    def _held(self, question: str, answer: str) -> Exchange:
        condition = self._conversation.condition
        question_ids, _ = self._conversation.encode_question(question, condition)
        answer_ids = self._conversation.encode_answer(answer, condition)
        return Exchange(question, answer, tuple(question_ids), tuple(answer_ids), condition)


def _messages(messages: Messages) -> Sequence[Message]:
    if isinstance(messages, str):
        return [Message(Role.USER, messages)]
    return [one if isinstance(one, Message) else parse_messages([one])[0] for one in messages]


def _texts(chunks: Iterator[Chunk]) -> Iterator[str]:
    return (chunk.text for chunk in chunks if chunk.text)


def _whole(chunks: Iterator[Chunk]) -> Answer:
    made = list(chunks)
    last = made[-1]
    assert isinstance(last, LastChunk)
    return Answer(
        "".join(chunk.text for chunk in made),
        tuple(token for chunk in made for token in chunk.tokens),
        last.reason,
        last.statistics,
        last.seed,
    )
