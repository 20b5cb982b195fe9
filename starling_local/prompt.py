"""The models' prompt template: messages to segments, segments to token ids, and the card's vectors.

Source: the model card of berkeley-nest/Starling-LM-7B-alpha, whose three id vectors are here, the
chat template that its tokenizer_config.json carries since a later commit, and the server of the
OpenChat authors (`ochat/config/conversation_template.py`), which tokenises piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from starling_local.errors import UsageError

END_OF_TURN = "<|end_of_turn|>"

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ 'GPT4 Correct ' + message['role'].title() + ': ' + message['content']"
    " + '<|end_of_turn|>'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}"
)

# sha256 of the tokenizer.model that Starling, OpenChat 3.5 and Mistral-7B-v0.1 share.
MISTRAL_TOKENIZER_SHA256 = "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055"


@dataclass(frozen=True)
class CardVector:
    """A prompt of the model card as its text segments, and the token ids the card gives for it.

    The prompt's text is the segments joined by `<|end_of_turn|>`; `ids` starts with BOS.
    """

    segments: tuple[str, ...]
    ids: tuple[int, ...]

    @property
    def text(self) -> str:
        """The prompt as the card prints it, without BOS."""
        return END_OF_TURN.join(self.segments)


# fmt: off
CARD_VECTORS = (
    CardVector(
        ("GPT4 Correct User: Hello", "GPT4 Correct Assistant:"),
        (
            1, 420, 6316, 28781, 3198, 3123, 1247, 28747, 22557, 32000,
            420, 6316, 28781, 3198, 3123, 21631, 28747,
        ),
    ),
    CardVector(
        (
            "GPT4 Correct User: Hello",
            "GPT4 Correct Assistant: Hi",
            "GPT4 Correct User: How are you today?",
            "GPT4 Correct Assistant:",
        ),
        (
            1, 420, 6316, 28781, 3198, 3123, 1247, 28747, 22557, 32000,
            420, 6316, 28781, 3198, 3123, 21631, 28747, 15359, 32000,
            420, 6316, 28781, 3198, 3123, 1247, 28747, 1602, 460, 368, 3154, 28804, 32000,
            420, 6316, 28781, 3198, 3123, 21631, 28747,
        ),
    ),
    CardVector(
        ("Code User: Implement quicksort using C++", "Code Assistant:"),
        (
            1, 7596, 1247, 28747, 26256, 2936, 7653, 1413, 334, 1680, 32000,
            7596, 21631, 28747,
        ),
    ),
)
# fmt: on


class Condition(Enum):
    """What stands before `User:` and `Assistant:`, and so chooses the models' mode.

    The card knows the first two; the third is OpenChat's, for mathematics.
    """

    CHAT = "GPT4 Correct"
    CODE = "Code"
    MATH = "Math Correct"


class Role(Enum):
    """Who speaks; the value is the name in OpenAI's message format."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class SystemForm(Enum):
    """How a system text is written; the card knows no system text at all.

    `PLAIN` is the form of the models' authors and of llama.cpp: the text and an end of turn.
    `ROLE` is that of the Jinja template: `GPT4 Correct System: ` before it.
    """

    PLAIN = "plain"
    ROLE = "role"


@dataclass(frozen=True)
class Message:
    """One message of a conversation. Its content is text: it can never become a control token."""

    role: Role
    content: str


@dataclass(frozen=True)
class Segment:
    """A piece of the prompt that is tokenised by itself. An end of turn follows, unless it is open.

    The last segment of a prompt is open: the model goes on with it.
    """

    text: str
    is_open: bool = False


class Tokenizer(Protocol):
    """What a vocabulary must offer so that prompts can be encoded."""

    @property
    def bos(self) -> int:
        """The id that begins every prompt."""

    @property
    def end_of_turn(self) -> int:
        """The id of `<|end_of_turn|>`."""

    def tokenise(self, text: str) -> list[int]:
        """Ids of plain text, the space before it included; nothing in it is a control token."""


def prompt_segments(
    messages: Sequence[Message],
    condition: Condition = Condition.CHAT,
    system_form: SystemForm = SystemForm.PLAIN,
) -> list[Segment]:
    """The prompt that asks for the next answer, or for the rest of a last assistant message.

    Raises UsageError if there is no message.
    """
    if not messages:
        raise UsageError("a conversation needs at least one message")
    segments = [Segment(_written(message, condition, system_form)) for message in messages]
    if messages[-1].role is Role.ASSISTANT:
        segments[-1] = Segment(segments[-1].text, is_open=True)
    else:
        segments.append(Segment(f"{condition.value} Assistant:", is_open=True))
    return segments


def _written(message: Message, condition: Condition, system_form: SystemForm) -> str:
    if message.role is Role.SYSTEM and system_form is SystemForm.PLAIN:
        return message.content
    return f"{condition.value} {message.role.name.title()}: {message.content}"


def encode(segments: Sequence[Segment], tokenizer: Tokenizer) -> list[int]:
    """Token ids of a whole prompt, BOS first."""
    return [tokenizer.bos, *encode_turns(segments, tokenizer)]


def encode_turns(segments: Sequence[Segment], tokenizer: Tokenizer) -> list[int]:
    """Token ids of segments that follow earlier ones."""
    ids: list[int] = []
    for segment in segments:
        ids += tokenizer.tokenise(segment.text)
        if not segment.is_open:
            ids.append(tokenizer.end_of_turn)
    return ids
