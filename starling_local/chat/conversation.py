"""A conversation as exact tokens: what was said is never tokenised again.

Each turn keeps the ids that the model read or wrote. So the next turn decodes only what is new,
and taking turns back cuts the cache instead of filling it again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from starling_local.engine.context import Context, common_length
from starling_local.engine.generation import Chunk, FinishReason, LastChunk, generate
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.prompt import (
    Condition,
    Message,
    Role,
    Segment,
    SystemForm,
    encode_turns,
    prompt_segments,
)
from starling_local.settings import Limits, Overflow, Sampling

OnPrefill = Callable[[int, int], None]
"""Gets the tokens of a prompt that are read, and those that are to be."""

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
    reason: FinishReason = FinishReason.STOP
    seed: int | None = None
    """What gives the same answer again, where chance had a part in it."""

    @property
    def length(self) -> int:
        """Tokens that the exchange takes in the context."""
        return len(self.question_ids) + len(self.answer_ids)


class Conversation:
    """Exchanges in one sequence of a context, perhaps after a system text.

    `exchanges` holds all of them; the first `forgotten` ones are no longer in the context.
    """

    def __init__(
        self,
        context: Context,
        *,
        condition: Condition = Condition.CHAT,
        system: str = "",
        system_form: SystemForm = SystemForm.PLAIN,
        overflow: Overflow = Overflow.SHIFT,
        on_note: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.context = context
        self.condition = condition
        self.system = system
        self.system_form = system_form
        self.overflow = overflow
        self.exchanges: list[Exchange] = []
        self.forgotten = 0
        self._on_note = on_note
        self._vocabulary = context.model.vocabulary

    @property
    def remembered(self) -> Sequence[Exchange]:
        """The exchanges that the model still sees."""
        return self.exchanges[self.forgotten :]

    def tokens(self) -> list[int]:
        """What the model sees of the conversation so far, BOS first."""
        ids = self._start()
        for exchange in self.remembered:
            ids += exchange.question_ids
            ids += exchange.answer_ids
        return ids

    def ask(
        self,
        question: str,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_prefill: OnPrefill = lambda _done, _total: None,
    ) -> Generator[Chunk, None, None]:
        """Yield the answer; the exchange is kept when it ends, also if it ends by Ctrl-C.

        Exchanges are forgotten when there is no room, as `overflow` says, and `on_note` is told.

        Raises:
            PromptTooLongError: the question alone does not fit, or nothing may be forgotten.
            KeyboardInterrupt: Ctrl-C before the answer began; nothing is kept.
        """
        question_ids, prefix = self.encode_question(question, self.condition)
        self._make_room([*question_ids, *prefix])
        exchange = Exchange(question, "", tuple(question_ids), tuple(prefix), self.condition)
        yield from self._answer(exchange, sampling, limits, on_prefill)

    def ask_again(
        self,
        question: str,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_prefill: OnPrefill = lambda _done, _total: None,
    ) -> Generator[Chunk, None, None]:
        """Yield the answer to a question that takes the place of the last one.

        If no answer comes, the last exchange stays. Raises UsageError if there is none, and what
        `ask` raises.
        """
        with self._replacing_the_last():
            yield from self.ask(question, sampling, limits, on_prefill)

    def go_on(
        self,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_prefill: OnPrefill = lambda _done, _total: None,
    ) -> Generator[Chunk, None, None]:
        """Yield what the model adds to its last answer, as if that had not ended.

        Raises UsageError if there is no answer, and what `ask` raises.
        """
        with self._replacing_the_last() as last:
            opened = replace(last, answer_ids=last.answer_ids[:-1])
            self._make_room([*opened.question_ids, *opened.answer_ids])
            yield from self._answer(opened, sampling, limits, on_prefill)

    @contextmanager
    def _replacing_the_last(self) -> Iterator[Exchange]:
        """Take the last exchange back, and put it there again if no other one takes its place."""
        last = self.undo()
        if last is None:
            raise UsageError("there is no message yet")
        earlier = len(self.exchanges)
        try:
            yield last
        finally:
            if len(self.exchanges) == earlier:
                self.exchanges.append(last)

    def undo(self) -> Exchange | None:
        """Take the last exchange back, and return it."""
        exchange = self.exchanges.pop() if self.exchanges else None
        self.forgotten = min(self.forgotten, len(self.exchanges))
        return exchange

    def clear(self) -> None:
        """Begin anew; the system text stays."""
        self.exchanges.clear()
        self.forgotten = 0

    def take_up(self, exchanges: Sequence[Exchange], forgotten: int) -> None:
        """Go on from exchanges that were held elsewhere."""
        self.exchanges = list(exchanges)
        self.forgotten = min(forgotten, len(exchanges))

    def encode_question(self, question: str, condition: Condition) -> tuple[list[int], list[int]]:
        """The ids of a user's turn, and of what stands before the answer."""
        asked, answering = prompt_segments([Message(Role.USER, question)], condition)
        return self._encode(asked), self._encode(answering)

    def encode_answer(self, answer: str, condition: Condition) -> list[int]:
        """The ids of an answer that did not come from the model, end of turn included."""
        (segment,) = prompt_segments([Message(Role.ASSISTANT, answer)], condition)
        return self._encode(Segment(segment.text))

    def _start(self) -> list[int]:
        ids = [self._vocabulary.bos]
        if self.system:
            message = Message(Role.SYSTEM, self.system)
            condition = self.exchanges[0].condition if self.exchanges else self.condition
            ids += self._encode(prompt_segments([message], condition, self.system_form)[0])
        return ids

    def _answer(
        self,
        exchange: Exchange,
        sampling: Sampling | None,
        limits: Limits | None,
        on_prefill: OnPrefill,
    ) -> Generator[Chunk, None, None]:
        """Yield the rest of an exchange whose answer is open, and keep it at the end."""
        prompt = [*self.tokens(), *exchange.question_ids, *exchange.answer_ids]
        added: list[int] = []
        text = [exchange.answer]
        reason, seed = None, None
        sampling = sampling or Sampling()
        try:
            for chunk in generate(
                self.context, prompt, sampling, limits,
                on_prefill=on_prefill,
                on_full=self._forget_during_an_answer,
                is_continued=bool(exchange.answer),
            ):  # fmt: skip
                text.append(chunk.text)
                added += chunk.tokens
                if isinstance(chunk, LastChunk):
                    reason = chunk.reason
                    seed = None if sampling.is_greedy else chunk.seed
                yield chunk
        finally:
            if reason or added:
                self.exchanges.append(
                    Exchange(
                        exchange.question,
                        "".join(text),
                        exchange.question_ids,
                        (*exchange.answer_ids, *added, self._vocabulary.end_of_turn),
                        exchange.condition,
                        reason or FinishReason.INTERRUPTED,
                        seed,
                    )
                )

    def _encode(self, segment: Segment) -> list[int]:
        return encode_turns([segment], self._vocabulary)

    def _make_room(self, added: Sequence[int]) -> None:
        """Forget the oldest exchanges until these tokens and an answer fit."""
        wanted = len(added)
        room = min(ROOM_FOR_ANSWER, self.context.size // 4)
        most = self.context.size - room - len(self._start())
        if wanted > most:
            raise PromptTooLongError(
                f"the message has {wanted} tokens; the context of {self.context.size} has room "
                f"for {max(most, 0)}",
                hint="shorten it, or choose a longer context with --ctx",
            )
        whole = [*self.tokens(), *added]
        excess = len(whole) + room - self.context.size
        if excess > 0:
            if self.overflow is Overflow.FAIL:
                raise PromptTooLongError(
                    f"the context of {self.context.size} tokens is full: the message needs "
                    f"{wanted}, and an answer some more",
                    hint="take turns back with /undo, start anew with /new, or choose a longer "
                    "context with --ctx",
                )
            # The cache must hold what is moved, and nothing else.
            self.context.keep(common_length(self.context.tokens(), whole))
            self._forget(excess)

    def _forget_during_an_answer(self) -> bool:
        """Make room when an answer fills the context; whether there is some now."""
        if self.overflow is not Overflow.SHIFT or not self.remembered:
            return False
        self._forget(1)
        return True

    def _forget(self, excess: int) -> None:
        """Forget the oldest exchanges that together have at least `excess` tokens."""
        start = len(self._start())
        count = length = 0
        for exchange in self.remembered:
            if length >= excess:
                break
            count, length = count + 1, length + exchange.length
        cached = len(self.context.tokens())
        if self.overflow is Overflow.SHIFT and cached > start:
            self.context.drop(start, min(start + length, cached))
        else:
            self.context.keep(start)
        self.forgotten += count
        self._on_note(
            f"the context is full: the oldest {self.forgotten} of {len(self.exchanges)} exchanges "
            "are forgotten"
        )
