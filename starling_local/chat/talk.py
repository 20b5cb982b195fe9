"""The loop of a chat: a message, an answer, and so on, in a terminal or through a pipe."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from starling_local.chat.chat import Chat
from starling_local.chat.commands import is_command, run_command, statistics_line
from starling_local.chat.conversation import OnPrefill
from starling_local.chat.loader import NoModelLeft
from starling_local.engine.generation import Chunk
from starling_local.errors import InterruptedByUser, StarlingError

Answering = Callable[[OnPrefill], Generator[Chunk, None, None]]


class View(Protocol):
    """Where a chat is held."""

    @property
    def is_interactive(self) -> bool:
        """Whether a person is there, so that a failed message or Ctrl-C does not end the chat."""

    def message(self, default: str = "") -> str | None:
        """The next message; None at the end. Raises KeyboardInterrupt."""

    def show(self, answering: Answering) -> None:
        """Show an answer as it comes. Raises KeyboardInterrupt if it never began."""

    def say(self, text: str) -> None:
        """What the chat itself says."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def fail(self, error: StarlingError) -> None:
        """What went wrong with a message; the chat goes on."""

    def copy(self, text: str) -> str:
        """Put a text into the clipboard; says whether that worked."""


def talk(chat: Chat, view: View) -> None:
    """Answer every message until there are no more, then close the session.

    Raises KeyboardInterrupt for Ctrl-C at the prompt, InterruptedByUser if the process is asked to
    end; the session is closed then too.
    """
    try:
        while (message := view.message()) is not None:
            try:
                if not _take(message, chat, view):
                    return
            except StarlingError as error:
                if not view.is_interactive or isinstance(error, (InterruptedByUser, NoModelLeft)):
                    raise
                view.fail(error)
    finally:
        chat.leave()


def _take(message: str, chat: Chat, view: View) -> bool:
    """Answer a message or carry out a command; whether the chat goes on."""
    if not message.strip():
        return True
    if not is_command(message):
        _answer(lambda on_prefill: chat.answer(message, on_prefill), chat, view)
        return True
    reply = run_command(message, chat)
    chat.keep_if_open()
    if reply.text:
        view.say(reply.text)
    if reply.copy is not None:
        view.say(view.copy(reply.copy))
    again = reply.again
    if reply.edit is not None:
        again = view.message(reply.edit)
    if again is not None and again.strip():
        question = again
        _answer(lambda on_prefill: chat.answer_again(question, on_prefill), chat, view)
    if reply.goes_on:
        _answer(chat.go_on, chat, view)
    return not reply.leave


def _answer(answering: Answering, chat: Chat, view: View) -> None:
    """Show an answer. Ctrl-C ends it; what was said is kept."""
    with _stopping(chat) as signals:
        try:
            view.show(answering)
        except KeyboardInterrupt:
            view.note("stopped before the answer began")
    if signals and (set(signals) != {signal.SIGINT} or not view.is_interactive):
        raise InterruptedByUser("interrupted")
    if chat.shows_statistics and chat.statistics:
        view.say(statistics_line(chat, chat.statistics))


@contextmanager
def _stopping(chat: Chat) -> Iterator[list[int]]:
    """Let signals stop the answer, at once and in good order; gives those that came.

    Handlers instead of KeyboardInterrupt, which could come between any two steps.
    """
    abort = chat.conversation.context.abort
    # What came after the last answer's end was not meant for this one.
    abort.clear()
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        abort.set()
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
