"""A chat: the conversation, what it is held with, and where it is kept. Commands act on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone

from starling_local.chat.conversation import Conversation, OnPrefill
from starling_local.chat.loader import Loader
from starling_local.chat.resuming import Wanted, fill_from_state, said_of_model, said_of_settings
from starling_local.chat.sessions import Session, Sessions
from starling_local.chat.transcript import Transcript, proven
from starling_local.engine.context import Context, common_length
from starling_local.engine.generation import Chunk, LastChunk, Statistics
from starling_local.engine.state import save_state
from starling_local.errors import StarlingError, UsageError
from starling_local.plain_text import counted, in_short

# A kill, or a power cut, costs no more than what was said in this time.
KEEP_EVERY_S = 10.0


@dataclass
class Chat:
    """All that a chat consists of. `sessions` None keeps nothing on disk."""

    conversation: Conversation
    loader: Loader
    note: Callable[[str], None]
    sessions: Sessions | None = None
    session: Session | None = None
    is_named: bool = False
    """Whether the user gave the session its name: then its KV state is saved at the end."""
    wanted: Wanted = field(default_factory=Wanted)
    shows_statistics: bool = False
    statistics: Statistics | None = None
    attached: list[str] = field(default_factory=list)
    """Texts that go before the next question."""
    unanswered: str = ""
    """The last question, if it got no answer, with what was attached."""
    unsaved: StarlingError | None = None
    """Why the transcript could not be written when that was tried last."""
    keep_every_s: float = KEEP_EVERY_S
    _created: str = ""

    def __post_init__(self) -> None:
        self.sampling = self.wanted.first_sampling()
        self.limits = self.wanted.first_limits()

    def answer(self, question: str, on_prefill: OnPrefill) -> Generator[Chunk, None, None]:
        """Yield the answer to a question, with what is attached before it.

        Raises what `Conversation.ask` raises; the attached texts stay for the next try.
        """
        whole = "\n\n".join([*self.attached, question])
        reading = self._keeping(on_prefill)
        earlier = len(self.conversation.exchanges)
        self.unanswered = ""
        try:
            yield from self._kept(self.conversation.ask(whole, self.sampling, self.limits, reading))
        finally:
            if len(self.conversation.exchanges) > earlier:
                self.attached.clear()
            else:
                self.unanswered = whole

    def answer_again(self, question: str, on_prefill: OnPrefill) -> Generator[Chunk, None, None]:
        """Yield the answer to a question in place of the last one."""
        reading = self._keeping(on_prefill)
        yield from self._kept(
            self.conversation.ask_again(question, self.sampling, self.limits, reading)
        )

    def go_on(self, on_prefill: OnPrefill) -> Generator[Chunk, None, None]:
        """Yield what the model adds to its last answer."""
        reading = self._keeping(on_prefill)
        yield from self._kept(self.conversation.go_on(self.sampling, self.limits, reading))

    def _keeping(self, on_prefill: OnPrefill) -> OnPrefill:
        """`on_prefill` that first writes down the question."""

        def reading(done: int, total: int) -> None:
            if not done:
                self.keep_if_possible()
            on_prefill(done, total)

        return reading

    def _kept(self, chunks: Generator[Chunk, None, None]) -> Generator[Chunk, None, None]:
        """The chunks of an answer, which is written down from time to time."""
        kept_s = time.monotonic()
        with closing(chunks):
            for chunk in chunks:
                if isinstance(chunk, LastChunk):
                    self.statistics = chunk.statistics
                elif time.monotonic() - kept_s >= self.keep_every_s:
                    self.keep_if_possible()
                    kept_s = time.monotonic()
                yield chunk

    def keep(self) -> None:
        """Write the transcript, if there is anything to keep.

        Raises:
            ConversionError: it cannot be written.
            BadFileError: the model's file has been changed since it was loaded.
        """
        conversation = self.conversation
        is_anything = bool(conversation.kept or conversation.unanswered or self.unanswered)
        if self.sessions is None or not (is_anything or self.session):
            return
        if self.session is None:
            now = datetime.now().astimezone()
            self.session = self.sessions.open(self.sessions.new_name(now))
        if is_anything or self.session.path.exists():
            self.session.write(self.transcript())
        self.unsaved = None

    def keep_if_possible(self) -> None:
        """Write the transcript; if that cannot be, `unsaved` says why."""
        try:
            self.keep()
        except StarlingError as error:
            self.unsaved = error

    def transcript(self) -> Transcript:
        """The conversation as it is now."""
        conversation = self.conversation
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._created = self._created or now
        model = conversation.context.model
        return Transcript(
            model=model.path.stem,
            model_path=str(model.path.absolute()),
            fingerprint=model.fingerprint,
            created=self._created,
            updated=now,
            condition=conversation.condition,
            exchanges=tuple(conversation.kept),
            forgotten=conversation.forgotten,
            system=conversation.system,
            system_form=conversation.system_form,
            sampling=self.sampling,
            limits=self.limits,
            overflow=conversation.overflow,
            unanswered=conversation.unanswered or self.unanswered,
        )

    def save(self, name: str | None) -> str:
        """Write transcript and KV state, under a new name if one is given; says what was done.

        Raises UsageError, or what `keep` raises; then all stays as it was.
        """
        if self.sessions is None:
            raise UsageError("this chat keeps no sessions", hint="start it with --session NAME")
        if not self.conversation.exchanges:
            return "There is nothing to save yet."
        if name is not None and (self.session is None or name != self.session.name):
            self._rename(self.sessions, name)
        self.keep()
        if self.session is None:
            return "There is nothing to save yet."
        self.is_named = self.is_named or name is not None
        self.save_state()
        return f"Saved as {self.session.name!r}: starling chat --session {self.session.name!r}"

    def save_state(self) -> None:
        """Write the KV state of the conversation beside the transcript. Raises what `keep` does."""
        context = self.conversation.context
        if self.session is None:
            return
        if not self.conversation.exchanges:
            self.session.forget_state()
            return
        # What was taken back may still be in the cache.
        context.keep(common_length(context.tokens(), self.conversation.tokens()))
        if context.tokens():
            save_state(context, self.session.state_path)

    def resume(self, name: str) -> str:
        """Go on with a session, or begin one of that name; says how.

        Raises UsageError if another process has it, BadFileError if it is damaged.
        """
        if self.sessions is None:
            raise UsageError("this chat keeps no sessions", hint="start it with --session NAME")
        if self.session is not None and self.session.name == name:
            return f"The session {name!r} is open."
        transcript = self.sessions.read(name) if self.sessions.exists(name) else None
        session = self.sessions.open(name)
        try:
            self.new()
        except StarlingError:
            session.close()
            raise
        self.session, self.is_named = session, True
        if transcript is None:
            return f"A new session, {name!r}."
        return f"Resumed {name!r}: {self._take_up(transcript, session)}"

    def _take_up(self, had: Transcript, session: Session) -> str:
        transcript = self.wanted.applied(had)
        conversation = self.conversation
        conversation.condition = transcript.condition
        conversation.system = transcript.system
        conversation.system_form = transcript.system_form
        conversation.overflow = transcript.overflow
        self.sampling, self.limits = transcript.sampling, transcript.limits
        self.unanswered = transcript.unanswered
        self._created = transcript.created
        same_model = transcript.fingerprint == conversation.context.model.fingerprint
        exchanges = proven(transcript.exchanges, conversation, same_model=same_model)
        conversation.take_up(exchanges, transcript.forgotten)
        said = counted(len(exchanges), "exchange")
        said += fill_from_state(session, conversation) if exchanges else "."
        said += said_of_model(transcript, conversation) + said_of_settings(had, transcript)
        if self.unanswered:
            said += f" Your last message got no answer: {in_short(self.unanswered)}"
        return said

    def _rename(self, sessions: Sessions, name: str) -> None:
        """Go on under another name; the files of a session that was never named move there."""
        if sessions.exists(name):
            raise UsageError(
                f"there is a session {name!r} already", hint=f"choose another name, or /load {name}"
            )
        before, self.session = self.session, sessions.open(name)
        try:
            self.keep()
        except StarlingError:
            self.session.close()
            self.session = before
            raise
        if before is not None:
            if not self.is_named:
                before.delete()
            before.close()

    def new(self) -> None:
        """Begin a new conversation, and a new session with its first answer.

        Raises what `leave` raises; that is done all the same.
        """
        try:
            self.leave()
        finally:
            self.conversation.clear()
            self.attached.clear()
            self.unanswered, self.unsaved = "", None

    def leave(self) -> None:
        """Close the session: a named one with its KV state.

        Raises what `keep` raises if the session could not be kept; it is closed all the same.
        """
        session = self.session
        try:
            if self.loader.context is not None:
                self.keep()
                if self.is_named:
                    self.save_state()
                elif session is not None and not (self.conversation.exchanges or self.unanswered):
                    session.delete()
        finally:
            # Not `session`: what could not be opened before may be open now.
            if self.session is not None:
                self.session.close()
            self.session, self.is_named, self._created = None, False, ""

    def use_model(self, name: str) -> None:
        """Go on with another model, which reads the whole conversation anew."""
        try:
            self.loader.open(name)
        finally:
            # The new one; or the one before, loaded again.
            if self.loader.context is not None:
                self._adopt(self.loader.context)

    def _adopt(self, context: Context) -> None:
        """Hold the conversation in another context."""
        before = self.conversation
        if context is before.context:
            return
        for note in context.model.notes:
            self.note(note)
        self.conversation = Conversation(
            context,
            condition=before.condition,
            system=before.system,
            system_form=before.system_form,
            overflow=before.overflow,
            on_note=self.note,
        )
        same_model = context.model.path == before.context.model.path
        exchanges = proven(before.exchanges, self.conversation, same_model=same_model)
        self.conversation.take_up(exchanges, before.forgotten)
