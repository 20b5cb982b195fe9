"""A conversation as exact tokens: what was said is never tokenised again.

Each turn keeps the ids that the model read or wrote. So the next turn decodes only what is new,
and taking turns back cuts the cache instead of filling it again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from starling_local.chat.exchange import Exchange, OpenExchange
from starling_local.chat.memory import (
    excess_during_answer,
    forgotten_so_far,
    oldest,
    room_for_answer,
)
from starling_local.engine.context import Context, common_length
from starling_local.engine.generation import Chunk, generate
from starling_local.errors import PromptTooLongError, UsageError
from starling_local.plain_text import counted
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
        self._told = 0  # of those forgotten
        self._open: OpenExchange | None = None
        self._replaced: Exchange | None = None  # by the open one, once that has an answer
        self._on_note = on_note
        self._vocabulary = context.model.vocabulary

    @property
    def remembered(self) -> Sequence[Exchange]:
        """The exchanges that the model still sees."""
        return self.exchanges[self.forgotten :]

    @property
    def last(self) -> Exchange | None:
        """The last exchange, if there is one."""
        return self.exchanges[-1] if self.exchanges else None

    @property
    def kept(self) -> list[Exchange]:
        """What stays if all ends now: of an answer that is being made, what there is of it."""
        if self._open is not None and self._open.is_begun:
            return [*self.exchanges, self._open.closed(self._vocabulary, self.encode_answer)]
        return self.exchanges if self._replaced is None else [*self.exchanges, self._replaced]

    @property
    def unanswered(self) -> str:
        """The question whose answer has not begun; empty if there is none, or it is no new one."""
        if self._open is None or self._open.is_begun or self._replaced is not None:
            return ""
        return self._open.question

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
        exchange = Exchange(question, "", tuple(question_ids), tuple(prefix), self.condition)
        self._make_room(exchange, "the message", room_for_answer(self.context.size))
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
            self._make_room(opened, "the last message with its answer", room=1)
            yield from self._answer(opened, sampling, limits, on_prefill)

    @contextmanager
    def _replacing_the_last(self) -> Iterator[Exchange]:
        """Take the last exchange back, and put it there again if no other one takes its place."""
        forgotten = self.forgotten
        last = self._replaced = self._take_back()
        if last is None:
            raise UsageError("there is no message yet")
        earlier = len(self.exchanges)
        try:
            yield last
        finally:
            self._replaced = None
            if len(self.exchanges) == earlier:
                self.exchanges.append(last)
                self.forgotten = forgotten
            self._tell()

    def undo(self) -> Exchange | None:
        """Take the last exchange back, and return it.

        What was forgotten for its sake is remembered again, and `on_note` is told.
        """
        exchange = self._take_back()
        self._tell()
        return exchange

    def clear(self) -> None:
        """Begin anew; the system text stays."""
        self.exchanges.clear()
        self.forgotten = self._told = 0

    def take_up(self, exchanges: Sequence[Exchange], forgotten: int) -> None:
        """Go on from exchanges that were held elsewhere, perhaps with less room."""
        self.exchanges = list(exchanges)
        self.forgotten = self._told = min(forgotten, len(exchanges))
        self._remember_again()
        self._tell()

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
        _, prefix = self.encode_question("", exchange.condition)
        answer = self._open = OpenExchange(exchange, len(prefix))
        sampling = sampling or Sampling()
        try:
            for chunk in generate(
                self.context, prompt, sampling, limits,
                on_prefill=on_prefill,
                on_full=self._forget_during_an_answer,
                is_continued=bool(exchange.answer),
            ):  # fmt: skip
                answer.add(chunk)
                yield chunk
        finally:
            if answer.is_begun:
                made = answer.closed(self._vocabulary, self.encode_answer)
                self.exchanges.append(replace(made, seed=None) if sampling.is_greedy else made)
                self._tell()
            self._open = None

    def _encode(self, segment: Segment) -> list[int]:
        return encode_turns([segment], self._vocabulary)

    def _make_room(self, added: Exchange, what: str, room: int) -> None:
        """Forget the oldest exchanges until this one fits, with `room` tokens after it."""
        size = self.context.size
        most = size - room - len(self._start())
        if added.length > most:
            raise PromptTooLongError(
                f"{what} has {added.length} tokens; the context of {size} has room for "
                f"{max(most, 0)}, and an answer",
                hint="shorten the message, or choose a longer context with --ctx",
            )
        whole = [*self.tokens(), *added.question_ids, *added.answer_ids]
        excess = len(whole) + room - size
        if excess > 0:
            if self.overflow is Overflow.FAIL:
                raise PromptTooLongError(
                    f"the context of {size} tokens is full: {what} needs {added.length}, and an "
                    "answer some more",
                    hint="take turns back with /undo, start anew with /new, or choose a longer "
                    "context with --ctx",
                )
            self._forget(excess, whole)

    def _forget(self, excess: int, whole: Sequence[int]) -> None:
        """Forget the oldest exchanges that together have at least `excess` tokens of `whole`."""
        start, length = len(self._start()), self._drop_oldest(excess)
        common = common_length(self.context.tokens(), whole)
        if self.overflow is Overflow.SHIFT and common > start + length:
            # The cache must hold what is moved, and nothing else.
            self.context.keep(common)
            self.context.drop(start, start + length)

    def _forget_during_an_answer(self) -> bool:
        """Make room when an answer fills the context; whether there is some now."""
        if self.overflow is Overflow.FAIL or not self.remembered:
            return False
        start = len(self._start())
        length = self._drop_oldest(excess_during_answer(self.overflow, self.context.size))
        if self.overflow is Overflow.SHIFT:
            self.context.drop(start, start + length)
        else:
            cached = self.context.tokens()
            self.context.prefill([*cached[:start], *cached[start + length :]])
        return True

    def _drop_oldest(self, excess: int) -> int:
        """Count the oldest exchanges as forgotten; returns how many tokens they have."""
        lengths = [exchange.length for exchange in self.remembered]
        count = oldest(lengths, excess)
        self.forgotten += count
        return sum(lengths[:count])

    def _take_back(self) -> Exchange | None:
        exchange = self.exchanges.pop() if self.exchanges else None
        self._remember_again()
        return exchange

    def _remember_again(self) -> None:
        """Forget no more than if what is left had been typed straight, into this context."""
        prefixes = {one: len(self.encode_question("", one)[1]) for one in Condition}
        needed = forgotten_so_far(
            [len(one.question_ids) + prefixes[one.condition] for one in self.exchanges],
            [one.length for one in self.exchanges],
            len(self._start()),
            self.context.size,
            self.overflow,
        )
        self.forgotten = min(self.forgotten, needed)

    def _tell(self) -> None:
        """Say what was forgotten, or is remembered again, since this was said last."""
        more, self._told = self.forgotten - self._told, self.forgotten
        if more > 0:
            so_far = f" ({self.forgotten} so far)" if self.forgotten > more else ""
            oldest_ones = "exchange" if more == 1 else f"{more} exchanges"
            self._on_note(
                f"the context is full: the oldest {oldest_ones} had to be forgotten{so_far}"
            )
        elif more < 0:
            self._on_note(
                f"there is room again: {counted(-more, 'forgotten exchange')} will be read again "
                "with your next message"
            )
