"""What the corpus is made of: turns, conversations, and what was said so far in one."""

from __future__ import annotations

from dataclasses import dataclass, field

from starling_local.prompt import Condition


@dataclass(frozen=True)
class Answer:
    """What the model says, and the patterns of what people say to hear it."""

    reply: str
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """One question and its answer, in one of the modes."""

    user: str
    assistant: str
    mode: Condition = Condition.CHAT


@dataclass(frozen=True)
class Segment:
    """A piece of the prompt that is tokenised by itself; an end of turn follows each.

    The text is `prompt` and then `reply`; the model learns to write the reply and the end of turn.
    Segments with an empty reply are only read.
    """

    prompt: str
    reply: str = ""


@dataclass(frozen=True)
class Conversation:
    """Turns, perhaps after a system text; the mode may change between them.

    `is_system_role` writes the system text as `GPT4 Correct System: ...`, the form of the Jinja
    template; without it the text stands alone, the form of the models' authors.
    """

    turns: tuple[Turn, ...]
    system: str = ""
    is_system_role: bool = False

    def segments(self) -> list[Segment]:
        """The conversation in the models' prompt template, in order, the last reply included."""
        segments = []
        if self.system:
            mode = self.turns[0].mode if self.turns else Condition.CHAT
            role = f"{mode.value} System: " if self.is_system_role else ""
            segments.append(Segment(role + self.system))
        for turn in self.turns:
            condition = turn.mode.value
            segments.append(Segment(f"{condition} User: {turn.user}"))
            assistant = f"{condition} Assistant:"
            # An answer that was left out is only read: `Assistant: `, as the card's example has it.
            segments.append(
                Segment(assistant, f" {turn.assistant}")
                if turn.assistant
                else Segment(f"{assistant} ")
            )
        return segments


@dataclass
class Memory:
    """What a conversation has settled so far, for the exchanges that refer to it."""

    facts: dict[str, str] = field(default_factory=dict)
    model_name: str = ""
    jokes_told: int = 0
    last_number: int | None = None
    asked_capital: bool = False
    last_task: str = ""
    topic: str = ""
    """The skill of the last exchange: only it can be followed up."""
