"""A conversation as exact tokens: what was said is never tokenised again.

Each turn keeps the ids that the model read or wrote. So the next turn decodes only what is new,
and taking turns back cuts the cache instead of filling it again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from starling_local.engine.context import Context, common_length
from starling_local.engine.generation import Chunk, LastChunk, generate
from starling_local.errors import PromptTooLongError
from starling_local.prompt import Condition, Message, Role, Segment, encode_turns, prompt_segments
from starling_local.settings import Limits, Sampling

# Room that an answer should find: with less, the oldest turns go.
ROOM_FOR_ANSWER = 256


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, as text and as ids, end of turn included."""

    question: str
    answer: str
    question_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    condition: Condition

    @property
    def length(self) -> int:
        """Tokens that the exchange takes in the context."""
        return len(self.question_ids) + len(self.answer_ids)


class Conversation:
    """Exchanges in one sequence of a context."""

    def __init__(
        self,
        context: Context,
        *,
        condition: Condition = Condition.CHAT,
        on_note: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.context = context
        self.condition = condition
        self.exchanges: list[Exchange] = []
        self._on_note = on_note
        self._vocabulary = context.model.vocabulary

    def tokens(self) -> list[int]:
        """The conversation so far, BOS first."""
        ids = [self._vocabulary.bos]
        for exchange in self.exchanges:
            ids += exchange.question_ids
            ids += exchange.answer_ids
        return ids

    def ask(
        self,
        question: str,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_prefill: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Generator[Chunk, None, None]:
        """Yield the answer; the exchange is kept when it ends, also if it ends by Ctrl-C.

        The oldest exchanges are dropped when there is no room, and `on_note` is told.

        Raises:
            PromptTooLongError: the question alone does not fit.
            KeyboardInterrupt: Ctrl-C before the answer began; nothing is kept.
        """
        message = Message(Role.USER, question)
        asked, answering = prompt_segments([message], self.condition)
        question_ids = self._encode(asked)
        prefix_ids = self._encode(answering)
        self._make_room(len(question_ids) + len(prefix_ids))
        prompt = [*self.tokens(), *question_ids, *prefix_ids]
        text: list[str] = []
        answer_ids = list(prefix_ids)
        finished = False
        try:
            for chunk in generate(self.context, prompt, sampling, limits, on_prefill=on_prefill):
                text.append(chunk.text)
                answer_ids += chunk.tokens
                finished = isinstance(chunk, LastChunk)
                yield chunk
        finally:
            if finished or len(answer_ids) > len(prefix_ids):
                answer_ids.append(self._vocabulary.end_of_turn)
                self.exchanges.append(
                    Exchange(
                        question, "".join(text), tuple(question_ids), tuple(answer_ids),
                        self.condition,
                    )
                )  # fmt: skip

    def undo(self) -> Exchange | None:
        """Take the last exchange back, and return it."""
        return self.exchanges.pop() if self.exchanges else None

    def clear(self) -> None:
        """Begin anew."""
        self.exchanges.clear()

    def _encode(self, segment: Segment) -> list[int]:
        return encode_turns([segment], self._vocabulary)

    def _make_room(self, wanted: int) -> None:
        """Drop the oldest exchanges and move the rest up, until a question and an answer fit."""
        room = min(ROOM_FOR_ANSWER, self.context.size // 4)
        if 1 + wanted + room > self.context.size:
            raise PromptTooLongError(
                f"the message has {wanted} tokens; the context of {self.context.size} has room "
                f"for {self.context.size - room - 1}",
                hint="shorten it, or choose a longer context with --ctx",
            )
        # The cache must hold what is moved, and nothing else.
        self.context.keep(common_length(self.context.tokens(), self.tokens()))
        dropped = 0
        while len(self.tokens()) + wanted + room > self.context.size:
            oldest = self.exchanges.pop(0)
            self.context.drop(1, min(1 + oldest.length, len(self.context.tokens())))
            dropped += 1
        if dropped:
            self._on_note(
                f"the context is full: the oldest {dropped} of {dropped + len(self.exchanges)} "
                "exchanges are forgotten"
            )
