"""A chat: the conversation, what it is held with, and where it is kept. Commands act on it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from starling_local.chat.conversation import Conversation, OnPrefill
from starling_local.chat.loader import Loader
from starling_local.chat.sessions import Session, Sessions
from starling_local.chat.transcript import Transcript, proven
from starling_local.engine.context import Context
from starling_local.engine.generation import Chunk, LastChunk, Statistics
from starling_local.engine.state import StateMismatchError, load_state, save_state
from starling_local.errors import BadFileError, UsageError
from starling_local.plain_text import counted
from starling_local.settings import Limits, Sampling


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
    wanted: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Sampling` that the user chose for this chat, whatever a resumed one had."""
    limits: Limits = field(default_factory=Limits)
    shows_statistics: bool = False
    statistics: Statistics | None = None
    attached: list[str] = field(default_factory=list)
    """Texts that go before the next question."""
    _created: str = ""

    def __post_init__(self) -> None:
        self.sampling = replace(Sampling(), **self.wanted)

    def answer(self, question: str, on_prefill: OnPrefill) -> Generator[Chunk, None, None]:
        """Yield the answer to a question, with what is attached before it; then keep the session.

        Raises what `Conversation.ask` raises; the attached texts stay for the next try.
        """
        whole = "\n\n".join([*self.attached, question])
        chunks = self.conversation.ask(whole, self.sampling, self.limits, on_prefill)
        earlier = len(self.conversation.exchanges)
        yield from self._kept(chunks)
        if len(self.conversation.exchanges) > earlier:
            self.attached.clear()

    def answer_again(self, question: str, on_prefill: OnPrefill) -> Generator[Chunk, None, None]:
        """Yield the answer to a question in place of the last one; then keep the session."""
        conversation = self.conversation
        yield from self._kept(
            conversation.ask_again(question, self.sampling, self.limits, on_prefill)
        )

    def go_on(self, on_prefill: OnPrefill) -> Generator[Chunk, None, None]:
        """Yield what the model adds to its last answer; then keep the session."""
        yield from self._kept(self.conversation.go_on(self.sampling, self.limits, on_prefill))

    def _kept(self, chunks: Generator[Chunk, None, None]) -> Generator[Chunk, None, None]:
        try:
            for chunk in chunks:
                if isinstance(chunk, LastChunk):
                    self.statistics = chunk.statistics
                yield chunk
        finally:
            # Ends the exchange, which may then be written.
            chunks.close()
            self.keep()

    def keep(self) -> None:
        """Write the transcript, if there is anything to keep. Raises ConversionError."""
        if self.sessions is None or not (self.conversation.exchanges or self.session):
            return
        if self.session is None:
            now = datetime.now().astimezone()
            self.session = self.sessions.open(self.sessions.new_name(now))
        if self.conversation.exchanges or self.session.path.exists():
            self.session.write(self.transcript())

    def keep_if_open(self) -> None:
        """Write the transcript again after a change, if there is one. Raises ConversionError."""
        if self.session is not None:
            self.keep()

    def transcript(self) -> Transcript:
        """The conversation as it is now."""
        conversation = self.conversation
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._created = self._created or now
        model = conversation.context.model
        return Transcript(
            model=model.path.stem,
            fingerprint=model.fingerprint,
            created=self._created,
            updated=now,
            condition=conversation.condition,
            exchanges=tuple(conversation.exchanges),
            forgotten=conversation.forgotten,
            system=conversation.system,
            system_form=conversation.system_form,
            sampling=self.sampling,
        )

    def save(self, name: str | None) -> str:
        """Write transcript and KV state, under a new name if one is given; says what was done.

        Raises UsageError, or ConversionError if the disk is full and the like.
        """
        if self.sessions is None:
            raise UsageError("this chat keeps no sessions", hint="start it with --session NAME")
        if name is not None and (self.session is None or name != self.session.name):
            self._rename(self.sessions, name)
        self.keep()
        if self.session is None:
            return "There is nothing to save yet."
        self.is_named = self.is_named or name is not None
        self.save_state()
        return f"Saved as {self.session.name!r}: starling chat --session {self.session.name!r}"

    def save_state(self) -> None:
        """Write the KV state beside the transcript. Raises ConversionError."""
        if self.session is not None and self.conversation.context.tokens():
            save_state(self.conversation.context, self.session.state_path)

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
        self.leave()
        self.session, self.is_named = session, True
        self.conversation.clear()
        if transcript is None:
            return f"A new session, {name!r}."
        return f"Resumed {name!r}: {self._take_up(transcript, session)}"

    def _take_up(self, transcript: Transcript, session: Session) -> str:
        conversation = self.conversation
        conversation.condition = transcript.condition
        conversation.system = transcript.system
        conversation.system_form = transcript.system_form
        self.sampling = replace(transcript.sampling, **self.wanted)
        self._created = transcript.created
        same_model = transcript.fingerprint == conversation.context.model.fingerprint
        exchanges = proven(transcript.exchanges, conversation, same_model=same_model)
        conversation.take_up(exchanges, transcript.forgotten)
        length = len(conversation.tokens())
        said = f"{counted(len(exchanges), 'exchange')}, {counted(length, 'token')}"
        why = self._load_state(session)
        if why is None:
            return f"{said} from its saved state."
        return f"{said}, to be read again with your next message ({why})."

    def _load_state(self, session: Session) -> str | None:
        """Fill the cache from the saved state; why not, if that cannot be."""
        if not session.state_path.exists():
            return "no state was saved"
        try:
            load_state(self.conversation.context, session.state_path)
        except StateMismatchError as mismatch:
            return mismatch.message
        except BadFileError as error:
            return f"the saved state is damaged: {error.message}"
        return None

    def _rename(self, sessions: Sessions, name: str) -> None:
        """Go on under another name; the files of a session that was never named move there."""
        if sessions.exists(name):
            raise UsageError(
                f"there is a session {name!r} already", hint=f"choose another name, or /load {name}"
            )
        session = sessions.open(name)
        if self.session is not None:
            if not self.is_named:
                self.session.delete()
            self.session.close()
        self.session = session

    def new(self) -> None:
        """Begin a new conversation, and a new session with its first answer."""
        self.leave()
        self.conversation.clear()

    def leave(self) -> None:
        """Close the session: a named one with its KV state."""
        if self.session is None:
            return
        if self.loader.context is not None:
            self.keep()
            if self.is_named:
                self.save_state()
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
        self.keep_if_open()

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
