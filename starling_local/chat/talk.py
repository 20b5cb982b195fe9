"""The loop of a chat: a message, an answer, and so on, in a terminal or through a pipe."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

from starling_local.chat.chat import Chat
from starling_local.chat.commands import is_command, run_command, statistics_line
from starling_local.chat.conversation import OnPrefill
from starling_local.chat.exchange import Exchange
from starling_local.chat.loader import NoModelLeft
from starling_local.chat.notes import Notes
from starling_local.chat.signals import Signals
from starling_local.chat.views import ReaderGoneError
from starling_local.engine.generation import Chunk, FinishReason
from starling_local.errors import InterruptedByUser, StarlingError

Answering = Callable[[OnPrefill], Generator[Chunk, None, None]]


class View(Protocol):
    """Where a chat is held."""

    @property
    def is_interactive(self) -> bool:
        """Whether a person is there, so that a failed message or Ctrl-C does not end the chat."""

    @property
    def takes_commands(self) -> bool:
        """Whether a message that begins with a slash may be a command."""

    def message(self, signals: Signals, default: str = "") -> str | None:
        """The next message; None at the end. Raises KeyboardInterrupt for a signal."""

    def edited(self, signals: Signals, text: str) -> str | None:
        """`text` as the user changes it; None for better not. Raises KeyboardInterrupt."""

    def show(self, answering: Answering, before: str = "") -> None:
        """Show an answer as it comes; `before` is what there was of it.

        Raises:
            KeyboardInterrupt: it never began.
            ReaderGoneError: nobody is there any more.
        """

    def say(self, text: str) -> None:
        """What the chat itself says."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def tell_statistics(self, text: str) -> None:
        """What an answer took."""

    def fail(self, error: StarlingError) -> None:
        """What went wrong with a message; the chat goes on."""

    def copy(self, text: str) -> str:
        """Put a text into the clipboard; says whether that worked."""


def talk(chat: Chat, view: View, notes: Notes, session: str | None = None) -> None:
    """Answer every message until there are no more, then close the session.

    `session` is taken up first. Raises KeyboardInterrupt for Ctrl-C at the prompt,
    InterruptedByUser if the process is asked to end, and StarlingError if the session cannot be
    kept; whatever comes, the session is closed as well as can be.
    """
    with Signals() as signals:
        talk = _Talk(chat, view, notes, signals)
        try:
            if session is not None:
                view.note(chat.resume(session))
            talk.go_on()
        except KeyboardInterrupt:
            if signals.end_came:
                raise InterruptedByUser("interrupted") from None
            raise
        finally:
            # Signals that come now are too late to change anything.
            talk.end()


class _Talk:
    """A chat, where it is held, and the signals that come meanwhile."""

    def __init__(self, chat: Chat, view: View, notes: Notes, signals: Signals) -> None:
        self._chat = chat
        self._view = view
        self._notes = notes
        self._signals = signals
        self._is_warned = False

    def go_on(self) -> None:
        """Take messages until there are no more. Raises what `talk` does."""
        view, signals = self._view, self._signals
        default, goes_on = self._chat.unanswered, True
        while goes_on:
            try:
                goes_on = self._step(default)
                self._warn()
            except ReaderGoneError:
                return
            except StarlingError as error:
                if not view.is_interactive or isinstance(error, (InterruptedByUser, NoModelLeft)):
                    raise
                view.fail(error)
            default = ""
            if signals.end_came or (signals.stop_came and not view.is_interactive):
                raise InterruptedByUser("interrupted")

    def _step(self, default: str) -> bool:
        """Take the next message; whether the chat goes on."""
        self._forget_stop()
        message = self._view.message(self._signals, default)
        self._forget_stop()
        return message is not None and self._take(message)

    def _forget_stop(self) -> None:
        """Let a Ctrl-C that came too late, or at the prompt, not stop what comes next."""
        if self._view.is_interactive:
            self._signals.stop_came = False

    def end(self) -> None:
        """Close the session. Raises StarlingError if it could not be kept."""
        self._chat.leave()

    def _take(self, message: str) -> bool:
        """Answer a message or carry out a command; whether the chat goes on."""
        chat = self._chat
        if not message.strip():
            return True
        if self._view.takes_commands and is_command(message):
            return self._obey(message)
        self._answer(lambda on_prefill: chat.answer(message, on_prefill))
        return True

    def _obey(self, message: str) -> bool:
        """Carry out a command; whether the chat goes on."""
        chat, view = self._chat, self._view
        reply = run_command(message, chat)
        if reply.leave:
            return False
        if chat.session is not None:
            chat.keep_if_possible()
        if reply.text:
            view.say(reply.text)
        if reply.copy is not None:
            view.say(view.copy(reply.copy))
        again = reply.again
        if reply.edit is not None:
            again = view.edited(self._signals, reply.edit)
            if again is not None and is_command(again):
                return self._obey(again)
        if again is not None and again.strip():
            question = again
            self._answer(lambda on_prefill: chat.answer_again(question, on_prefill))
        if reply.goes_on:
            self._add_to_the_last()
        return True

    def _add_to_the_last(self) -> None:
        before = self._chat.conversation.exchanges[-1].answer
        made = self._answer(self._chat.go_on, before)
        if made is not None and made.answer == before and made.reason is FinishReason.STOP:
            self._view.note("the model has nothing to add")

    def _answer(self, answering: Answering, before: str = "") -> Exchange | None:
        """Show an answer. Signals end it; what was said is kept. None if it never began."""
        chat, view = self._chat, self._view
        abort = chat.conversation.context.abort
        # What came after the last answer's end was not meant for this one.
        abort.clear()
        earlier = chat.conversation.last
        with self._notes.held(), self._signals.told_to(abort.set):
            try:
                view.show(answering, before)
            except KeyboardInterrupt:
                self._notes.add("stopped before the answer began")
            finally:
                chat.keep_if_possible()
        made = chat.conversation.last
        # The same one, not one that is equal: that may be the answer again.
        if made is None or made is earlier:
            return None
        self._say_what_came_of_it(made)
        return made

    def _say_what_came_of_it(self, made: Exchange) -> None:
        chat, view, took = self._chat, self._view, self._chat.statistics
        if took is None:
            return
        if made.reason is FinishReason.LENGTH:
            if took.generated_tokens != chat.limits.max_tokens:
                view.note("the answer fills the context, and is cut off there")
            elif view.is_interactive:
                view.note(f"cut off by max_tokens {chat.limits.max_tokens}: /continue goes on")
        if chat.shows_statistics:
            view.tell_statistics(statistics_line(chat, took))

    def _warn(self) -> None:
        """Say once that nothing is kept. In a pipe nobody would hear it: raises StarlingError."""
        error = self._chat.unsaved
        if error is not None and not self._view.is_interactive:
            raise error
        if error is not None and not self._is_warned:
            self._view.fail(error)
            self._view.note("the chat goes on, but is not saved")
        self._is_warned = error is not None
