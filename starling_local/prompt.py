"""The models' prompt template: its constants, and the authors' own token ids to hold it against.

Source: the model card of berkeley-nest/Starling-LM-7B-alpha, whose three id vectors are here, and
the chat template that its tokenizer_config.json carries since a later commit.
"""

from __future__ import annotations

from dataclasses import dataclass

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
