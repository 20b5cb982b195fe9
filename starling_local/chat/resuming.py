"""Going on with a session: with which settings, from which state, and what the user is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starling_local.chat.conversation import Conversation
from starling_local.chat.parameters import differing
from starling_local.chat.sessions import Session
from starling_local.chat.transcript import Transcript
from starling_local.engine.context import common_length
from starling_local.engine.state import StateMismatchError, load_state
from starling_local.errors import BadFileError
from starling_local.plain_text import counted
from starling_local.prompt import Condition, SystemForm
from starling_local.settings import Limits, Overflow, Sampling


@dataclass(frozen=True)
class Wanted:
    """What the user asked for at the start; it counts, whatever a resumed session had.

    `sampling` and `limits` have fields of `Sampling` and `Limits`; None asks for nothing.
    """

    sampling: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    overflow: Overflow | None = None
    condition: Condition | None = None
    system: str | None = None
    system_form: SystemForm | None = None

    def first_sampling(self) -> Sampling:
        """The sampling of a new chat."""
        return replace(Sampling(), **self.sampling)

    def first_limits(self) -> Limits:
        """The limits of a new chat."""
        return replace(Limits(), **self.limits)

    def applied(self, transcript: Transcript) -> Transcript:
        """A session's transcript with what was asked for in place of what it had."""
        fields = {
            name: value
            for name in ("overflow", "condition", "system", "system_form")
            if (value := getattr(self, name)) is not None
        }
        return replace(
            transcript,
            sampling=replace(transcript.sampling, **self.sampling),
            limits=replace(transcript.limits, **self.limits),
            **fields,
        )


def model_of(transcript: Transcript | None) -> str | None:
    """The model that a session was held with, if its file is still where it was."""
    if transcript is None or not Path(transcript.model_path).is_file():
        return None
    return transcript.model_path


def said_of_settings(had: Transcript, goes_on: Transcript) -> str:
    """The settings that a resumed session goes on with, and which of them are not its own."""
    parts = []
    if goes_on.condition is not Condition.CHAT:
        parts.append(f"{goes_on.condition.name.lower()} mode")
    if goes_on.system:
        parts.append("a system text")
    if settings := differing(goes_on.sampling, goes_on.limits, goes_on.overflow):
        parts.append(settings)
    said = f" Settings: {', '.join(parts)}." if parts else ""
    others = [
        what
        for name, what in (
            ("condition", "mode"), ("system", "system text"), ("system_form", "system form"),
            ("sampling", "sampling"), ("limits", "limits"), ("overflow", "overflow"),
        )
        if getattr(had, name) != getattr(goes_on, name)
    ]  # fmt: skip
    if others:
        said += f" Not as the session had it, but as asked for now: {', '.join(others)}."
    return said


def said_of_model(transcript: Transcript, conversation: Conversation) -> str:
    """Which model goes on in place of the session's; empty if it is the same."""
    model = conversation.context.model
    if transcript.fingerprint == model.fingerprint:
        return ""
    now = f"{model.path.stem} ({model.path})"
    return (
        f" It was held with {transcript.model} ({transcript.model_path}); {now} goes on with it, "
        "and what is saved of the other model's state will be replaced."
    )


def fill_from_state(session: Session, conversation: Conversation) -> str:
    """Fill the cache from the session's saved state, as far as it fits; says how far it does."""
    context, wanted = conversation.context, conversation.tokens()
    if not session.state_path.exists():
        return _to_be_read("no state was saved")
    try:
        load_state(context, session.state_path)
    except StateMismatchError:
        return _to_be_read("its saved state is of another model, or of other settings")
    except BadFileError:
        return _to_be_read("the saved state is damaged")
    common = common_length(context.tokens(), wanted)
    context.keep(common)
    # The last answer's end, and its last token, are never in a saved state.
    if common < 2:
        return _to_be_read("its saved state begins in another way")
    if len(wanted) - common <= 2:
        return ", from its saved state."
    return (
        f", {counted(common, 'token')} of them from its saved state and {len(wanted) - common:,} "
        "to be read again."
    )


def _to_be_read(why: str) -> str:
    return f", to be read again ({why})."
