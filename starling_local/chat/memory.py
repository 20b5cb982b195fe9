"""Which exchanges of a conversation are forgotten when the context is full."""

from __future__ import annotations

from collections.abc import Sequence

from starling_local.settings import Overflow

# Room that an answer should find, in tokens: with less, the oldest turns go.
ROOM_FOR_ANSWER = 256


def room_for_answer(size: int) -> int:
    """The room that an answer should find in a context of that size."""
    return min(ROOM_FOR_ANSWER, size // 4)


def excess_during_answer(overflow: Overflow, size: int) -> int:
    """How many tokens go when an answer fills the context.

    To shift costs little, so it is done by one exchange at a time; to read all again is not.
    """
    return 1 if overflow is Overflow.SHIFT else room_for_answer(size)


def oldest(lengths: Sequence[int], excess: int) -> int:
    """How many of the first have together at least `excess` tokens; all if they have fewer."""
    count = tokens = 0
    while count < len(lengths) and tokens < excess:
        tokens += lengths[count]
        count += 1
    return count


def forgotten_so_far(
    asked: Sequence[int], lengths: Sequence[int], start: int, size: int, overflow: Overflow
) -> int:
    """How many exchanges are forgotten at the end of a conversation typed straight.

    Of each exchange: the tokens that are there before its answer, and all. `start`: the tokens
    before the first one.
    """
    forgotten, used = 0, start
    room, step = room_for_answer(size), excess_during_answer(overflow, size)
    for index, (question, length) in enumerate(zip(asked, lengths, strict=True)):
        count = oldest(lengths[forgotten:index], used + question + room - size)
        used += length - sum(lengths[forgotten : forgotten + count])
        forgotten += count
        while used > size and forgotten < index:
            count = oldest(lengths[forgotten:index], step)
            used -= sum(lengths[forgotten : forgotten + count])
            forgotten += count
    return forgotten
