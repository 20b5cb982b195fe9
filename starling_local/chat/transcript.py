"""Transcripts: a conversation as a JSON file that people can read, and that goes on exactly.

The text is what counts. The token ids beside it let a chat go on with the very tokens that the
model read and wrote; they are believed only where they say what the text says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from starling_local.chat.conversation import Conversation
from starling_local.chat.exchange import Exchange, text_of
from starling_local.engine.generation import FinishReason
from starling_local.engine.vocabulary import Vocabulary
from starling_local.errors import BadFileError
from starling_local.plain_text import harmless, whole
from starling_local.prompt import Condition, SystemForm
from starling_local.settings import Limits, Overflow, Sampling

FORMAT = "starling-chat-1"


@dataclass(frozen=True)
class Transcript:
    """A conversation and what it was held with. Times are ISO 8601 in UTC."""

    model: str
    model_path: str
    """Where the model's file was."""
    fingerprint: str
    """Of the model's file, see `engine.fingerprint`."""
    created: str
    updated: str
    condition: Condition
    exchanges: tuple[Exchange, ...]
    forgotten: int = 0
    system: str = ""
    system_form: SystemForm = SystemForm.PLAIN
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)
    overflow: Overflow = Overflow.SHIFT
    unanswered: str = ""
    """A last question whose answer had not begun."""

    def to_json(self) -> str:
        """The file's text."""
        content = {
            "format": FORMAT,
            "model": self.model,
            "model_path": self.model_path,
            "model_fingerprint": self.fingerprint,
            "created": self.created,
            "updated": self.updated,
            "condition": self.condition.value,
            "sampling": _sampling_to_json(self.sampling),
            "limits": {"max_tokens": self.limits.max_tokens, "stop": list(self.limits.stop)},
            "overflow": self.overflow.value,
            "system": self.system,
            "system_form": self.system_form.value,
            "forgotten": self.forgotten,
            "exchanges": [_exchange_to_json(exchange) for exchange in self.exchanges],
            "unanswered": self.unanswered,
        }
        # Halves of characters, which a file's name may have, cannot be written.
        return whole(json.dumps(content, indent=2, ensure_ascii=False)) + "\n"

    @staticmethod
    def from_json(text: str, name: str) -> Transcript:
        """Read a file's text. Raises BadFileError, naming the file `name`."""
        try:
            content = json.loads(whole(text))
            if content["format"] != FORMAT:
                raise BadFileError(f"{name} has the format {content['format']!r}, not {FORMAT!r}")
            return _from_json(content)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
                RecursionError) as error:  # fmt: skip
            raise BadFileError(
                f"{name} is no transcript of a chat: {error!r}",
                hint="open another one: /sessions lists them",
            ) from error


def _from_json(content: Mapping[str, Any]) -> Transcript:
    """Raises ValueError, KeyError, TypeError or AttributeError for what cannot be."""
    exchanges = tuple(map(_exchange_from_json, content["exchanges"]))
    forgotten = int(content["forgotten"])
    if not 0 <= forgotten <= len(exchanges):
        raise ValueError(f"{forgotten} of {len(exchanges)} exchanges are forgotten")
    return Transcript(
        model=_text(content["model"]),
        model_path=_text(content["model_path"]),
        fingerprint=_text(content["model_fingerprint"]),
        created=_text(content["created"]),
        updated=_text(content["updated"]),
        condition=Condition(content["condition"]),
        sampling=_sampling_from_json(content["sampling"]),
        limits=_limits_from_json(content["limits"]),
        overflow=Overflow(content["overflow"]),
        system=_text(content["system"]),
        system_form=SystemForm(content["system_form"]),
        forgotten=forgotten,
        exchanges=exchanges,
        unanswered=_text(content["unanswered"]),
    )


def _text(value: object) -> str:
    """A text, in which JSON's escapes may have written halves of characters. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return whole(value)


def _exchange_to_json(exchange: Exchange) -> dict[str, Any]:
    return {
        "condition": exchange.condition.value,
        "user": exchange.question,
        "assistant": exchange.answer,
        "finish_reason": exchange.reason.value,
        **({} if exchange.seed is None else {"seed": exchange.seed}),
        # As text, so that they take one line.
        "user_tokens": " ".join(map(str, exchange.question_ids)),
        "assistant_tokens": " ".join(map(str, exchange.answer_ids)),
    }


def _exchange_from_json(content: Mapping[str, Any]) -> Exchange:
    return Exchange(
        _text(content["user"]),
        _text(content["assistant"]),
        tuple(map(int, str(content.get("user_tokens", "")).split())),
        tuple(map(int, str(content.get("assistant_tokens", "")).split())),
        Condition(content["condition"]),
        FinishReason(content["finish_reason"]),
        None if content.get("seed") is None else int(content["seed"]),
    )


def proven(
    exchanges: Sequence[Exchange], conversation: Conversation, *, same_model: bool
) -> list[Exchange]:
    """The exchanges with ids that fit the conversation's model and say what their texts say.

    Ids of another model, or that were changed by hand or forged, are replaced by those of the text.
    """
    vocabulary = conversation.context.model.vocabulary
    return [_proven(exchange, conversation, vocabulary, same_model) for exchange in exchanges]


def _proven(
    exchange: Exchange, conversation: Conversation, vocabulary: Vocabulary, same_model: bool
) -> Exchange:
    question_ids, prefix = conversation.encode_question(exchange.question, exchange.condition)
    answer_ids = exchange.answer_ids
    if not (same_model and _says(answer_ids, prefix, exchange.answer, vocabulary)):
        answer_ids = tuple(conversation.encode_answer(exchange.answer, exchange.condition))
    return replace(exchange, question_ids=tuple(question_ids), answer_ids=answer_ids)


def _says(ids: Sequence[int], prefix: Sequence[int], answer: str, vocabulary: Vocabulary) -> bool:
    """Whether the ids are the prefix, tokens of the answer's text and no others, and its end."""
    start, end = len(prefix), len(ids) - 1
    if end < start or list(ids[:start]) != list(prefix) or ids[end] != vocabulary.end_of_turn:
        return False
    said = ids[start:end]
    if any(not 0 <= token < vocabulary.size or vocabulary.is_control(token) for token in said):
        return False
    return text_of(said, vocabulary) == answer


def _limits_from_json(content: Mapping[str, Any]) -> Limits:
    """Raises KeyError, TypeError or ValueError for what cannot be."""
    most, stop = content["max_tokens"], tuple(map(_text, content["stop"]))
    if type(most) not in (int, type(None)) or "" in stop or (most is not None and most < 1):
        raise ValueError(f"limits are {dict(content)!r}")
    return Limits(most, stop)


def _sampling_from_json(content: Mapping[str, Any]) -> Sampling:
    """The default, but for what the file has; whether a number is possible is said when it is used.

    Raises KeyError for a name, TypeError for a value that cannot be.
    """
    default = asdict(Sampling())
    for name, value in content.items():
        kind = int if name == "seed" else type(default[name])
        if type(value) is not kind and (kind, type(value)) != (float, int):
            raise TypeError(f"{name} is {value!r}")
    bias = {int(token): float(number) for token, number in content.get("logit_bias", {}).items()}
    return replace(Sampling(), **{**content, "logit_bias": bias})


def _sampling_to_json(sampling: Sampling) -> dict[str, Any]:
    """What differs from the default, as JSON has it."""
    default = asdict(Sampling())
    return {
        name: {str(token): bias for token, bias in value.items()} if name == "logit_bias" else value
        for name, value in asdict(sampling).items()
        if value != default[name]
    }


def to_markdown(transcript: Transcript) -> str:
    """The conversation for people to read elsewhere."""
    parts = [f"# Chat with {transcript.model}", f"*{transcript.updated}*"]
    if transcript.system:
        parts.append(f"## System\n\n{transcript.system}")
    for exchange in transcript.exchanges:
        parts.append(f"## You\n\n{exchange.question}")
        parts.append(f"## {transcript.model}\n\n{exchange.answer}")
    if transcript.unanswered:
        parts.append(f"## You\n\n{transcript.unanswered}")
    return harmless("\n\n".join(parts)) + "\n"
