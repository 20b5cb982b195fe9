"""Counting, sequences, lists in a known order, sorting."""

from __future__ import annotations

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw
from starling_nano.world import (
    ANIMALS,
    COLOURS,
    DAYS,
    DRINKS,
    FRUITS,
    INSTRUMENTS,
    JOBS,
    MONTHS,
    PLANETS,
    RAINBOW,
    SEASONS,
    SPORTS,
    VEGETABLES,
)

SMALL_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ALPHABET = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
ORDERED = {
    "days of the week": DAYS,
    "months of the year": MONTHS,
    "seasons": SEASONS,
    "planets": PLANETS,
    "colours of the rainbow": RAINBOW,
    "letters of the alphabet": ALPHABET,
}
KINDS_OF_THINGS = {
    "fruits": FRUITS,
    "vegetables": VEGETABLES,
    "animals": ANIMALS,
    "colours": COLOURS,
    "sports": SPORTS,
    "drinks": DRINKS,
    "jobs": JOBS,
    "instruments": INSTRUMENTS,
}
LONGEST_COUNT = 16
LIST_ITEMS = 10


def sequences(draw: Draw, memory: Memory) -> Turn:
    """Something to be listed in order."""
    return draw.pick(
        (_count, _count, _count_down, _multiples, _continued, _continued, _continued, _ordered,
         _neighbour, _things, _things, _sorted, _sorted, _sorted, _repeated, _repeated, _repeated,
         _even_numbers, _even_numbers)
    )(draw)  # fmt: skip


def _joined(items: list[str] | tuple[str, ...]) -> str:
    return ", ".join(items)


def _count(draw: Draw) -> Turn:
    is_short = draw.chance(0.3)
    low, high = draw.numbers(
        "count",
        (1, 1) if is_short else (0, 90),
        (2, 29) if is_short else (1, LONGEST_COUNT - 1),
        arrange=lambda drawn: [drawn[0], drawn[0] + drawn[1]],
    )
    patterns = [
        "[count|please count|can you count|list the numbers|say the numbers|give me the numbers"
        "|count up|write the numbers|let us count] from {low} to {high}.",
        "[count|count up|the numbers|all numbers] from {low} [up to|until|to] {high}[| please].",
    ]
    if low == 1:
        patterns.append("[count|please count|can you count|let us count] [to|up to] {high}.")
    user = draw.phrase(*patterns, low=str(low), high=str(high))
    return Turn(user, _joined([str(number) for number in range(low, high + 1)]))


def _count_down(draw: Draw) -> Turn:
    high, low = draw.numbers("down", (6, 20), (0, 3))
    user = draw.phrase(
        "[count down|count backwards|please count down|count back|can you count down"
        "|let us count down] from {high} to {low}.",
        high=str(high),
        low=str(low),
    )
    return Turn(user, _joined([str(number) for number in range(high, low - 1, -1)]))


def _multiples(draw: Draw) -> Turn:
    factor, length = draw.numbers("multiples", (2, 12), (3, 10))
    user = draw.phrase(
        "[list|give me|tell me|show me|what are|write|say|~name] the first {length} multiples of"
        " {factor}.",
        length=draw.pick((str(length), SMALL_NUMBERS[length - 1])),
        factor=str(factor),
    )
    return Turn(user, _joined([str(factor * number) for number in range(1, length + 1)]))


def _even_numbers(draw: Draw) -> Turn:
    # There are too few of these to keep some back: the end of each must be known.
    remainder, high = draw.between(0, 1), draw.between(4, 30)
    kind = "odd" if remainder else "even"
    user = draw.phrase(
        "[list|give me|tell me|show me|what are|write|say|~name] [the|all|all the] {kind} numbers"
        " [up"
        " to|to|until] {high}.",
        kind=kind,
        high=str(high),
    )
    return Turn(user, _joined([str(number) for number in range(2 - remainder, high + 1, 2)]))


def _continued(draw: Draw) -> Turn:
    start, step = draw.numbers("continued", (1, 20), (1, 10))
    shown = _joined([str(start + step * index) for index in range(4)])
    user = draw.phrase(
        "[continue|go on with|continue the sequence|continue the series|carry on with"
        "|please complete][:|] {shown}[|, ...]",
        "[what comes after|what comes next in|what comes next:|what follows|which numbers follow]"
        " {shown}?",
        shown=shown,
    )
    return Turn(user, _joined([str(start + step * index) for index in range(4, 8)]))


def _ordered(draw: Draw) -> Turn:
    what = draw.pick(tuple(ORDERED))
    user = draw.phrase(
        "[list|name|tell me|what are|give me|say|can you list|please list|can you name|show me"
        "|write"
        " down|recite] [the|all the|all] {what}.",
        what=what,
    )
    return Turn(user, _joined(ORDERED[what]))


def _neighbour(draw: Draw) -> Turn:
    what = draw.pick((*tuple(ORDERED)[:2], "letters of the alphabet"))
    items = ORDERED[what]
    index = draw.between(0, len(items) - 1)
    kind = {"days of the week": "day", "months of the year": "month"}.get(what, "letter")
    if kind == "letter":
        # Nothing comes before A or after Z.
        index = min(max(index, 1), len(items) - 2)
    after = draw.chance(0.6)
    word = "[after|right after|directly after]" if after else "[before|right before|~just before]"
    user = draw.phrase(
        f"[what|which] {{kind}} [comes|is] {word} {{item}}?",
        f"[what comes|what is|tell me the {{kind}}] {word} {{item}}?",
        kind=kind,
        item=items[index],
    )
    other = items[(index + (1 if after else -1)) % len(items)]
    return Turn(user, f"{other} comes {'after' if after else 'before'} {items[index]}.")


def _things(draw: Draw) -> Turn:
    """The first so many of a kind, one a line."""
    what = draw.pick(tuple(KINDS_OF_THINGS))
    number = draw.between(2, LIST_ITEMS)
    spoken = draw.pick((str(number), SMALL_NUMBERS[number - 1]))
    user = draw.phrase(
        "[list|name|tell me|give me|can you name|please list|show me|write down|can you list|I need"
        "|think of] {number} {what}.",
        "[give me|make|write|I want|can you make|please write|prepare] a list of {number} {what}.",
        number=spoken,
        what=what,
    )
    items = KINDS_OF_THINGS[what][:number]
    return Turn(user, "\n".join(f"{place}. {item}" for place, item in enumerate(items, 1)))


def _sorted(draw: Draw) -> Turn:
    ranges = [(1, draw.pick((9, 99, 99))) for _ in range(3)]
    values = draw.numbers("sorted", *ranges)
    user = draw.phrase(
        "[sort|order|please sort|can you sort|put in order|arrange|~put into order]"
        "[ these numbers:| the numbers|:|] {values}[.|]",
        values=_joined([str(value) for value in values]),
    )
    return Turn(user, _joined([str(value) for value in sorted(values)]))


def _repeated(draw: Draw) -> Turn:
    """A word or a name said several times."""
    word = draw.name() if draw.chance(0.6) else draw.pick(ANIMALS)
    times = draw.between(2, 4)
    user = draw.phrase(
        "[say|write|repeat|please say|can you say|~I want you to say] {word} {times} times.",
        "[say|write|repeat] the word {word} {times} times.",
        word=word,
        times=draw.pick((str(times), SMALL_NUMBERS[times - 1])),
    )
    return Turn(user, " ".join([word] * times))
