"""Exchanges: questions and their answers, as text and as the ids that say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from starling_local.engine.generation import Chunk, FinishReason, LastChunk
from starling_local.engine.text import StreamedText
from starling_local.engine.vocabulary import Vocabulary
from starling_local.prompt import Condition


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, as text and as ids, end of turn included."""

    question: str
    answer: str
    question_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    condition: Condition
    reason: FinishReason = FinishReason.STOP
    seed: int | None = None
    """What gives the same answer again, where chance had a part in it."""

    @property
    def length(self) -> int:
        """Tokens that the exchange takes in the context."""
        return len(self.question_ids) + len(self.answer_ids)


class OpenExchange:
    """An exchange whose answer is being made. `prefix` ids stand before the answer."""

    def __init__(self, exchange: Exchange, prefix: int) -> None:
        self._exchange = exchange
        self._prefix = prefix
        self._text = [exchange.answer]
        self._ids = list(exchange.answer_ids)
        self._before = len(self._ids)
        self._is_stopped = False
        self._seed: int | None = None
        self._reason: FinishReason | None = None

    @property
    def question(self) -> str:
        """What was asked."""
        return self._exchange.question

    @property
    def is_begun(self) -> bool:
        """Whether anything was added, be it only the end."""
        return self._reason is not None or len(self._ids) > self._before

    def add(self, chunk: Chunk) -> None:
        """Take a piece of the answer."""
        self._text.append(chunk.text)
        self._ids += chunk.tokens
        if isinstance(chunk, LastChunk):
            self._reason, self._seed = chunk.reason, chunk.seed
            self._is_stopped = chunk.stopped_by is not None

    def closed(
        self, vocabulary: Vocabulary, encode: Callable[[str, Condition], Sequence[int]]
    ) -> Exchange:
        """The exchange as if the answer ended here; `encode` gives the ids of an answer's text."""
        ids = self._ids[self._prefix :]
        # Not the pieces of text joined: an answer may have been stopped within a character.
        text = text_of(ids, vocabulary)
        answer_ids: Sequence[int] = (*self._ids, vocabulary.end_of_turn)
        if self._is_stopped:
            # The stop string is among the ids, and not in the text.
            text = "".join(self._text)
            said = _saying(text, ids, vocabulary)
            answer_ids = (
                encode(text, self._exchange.condition)
                if said is None
                else (*self._ids[: self._prefix], *said, vocabulary.end_of_turn)
            )
        return replace(
            self._exchange,
            answer=text,
            answer_ids=tuple(answer_ids),
            reason=self._reason or FinishReason.INTERRUPTED,
            seed=self._seed,
        )


def text_of(ids: Sequence[int], vocabulary: Vocabulary) -> str:
    """What the ids of an answer say."""
    text = StreamedText()
    return "".join(text.add(vocabulary.piece(token)) for token in ids) + text.finish()


def _saying(text: str, ids: Sequence[int], vocabulary: Vocabulary) -> Sequence[int] | None:
    """The first of the ids, as many as say exactly the text; None if no number of them does."""
    for length in range(len(ids), -1, -1):
        said = text_of(ids[:length], vocabulary)
        if said == text:
            return ids[:length]
        if len(said) < len(text):
            break
    return None
