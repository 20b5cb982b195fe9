"""Sums with small numbers, as a symbol, in words and as a follow-up."""

from __future__ import annotations

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw

ASK = (
    "[what is|what's|how much is|calculate|compute|tell me|please calculate|can you tell me|work"
    " out"
    "|solve|~I would like you to calculate] {sum}?",
    "{sum}[?| =| = ?|]",
    "[can you calculate|can you compute|what is the result of|what do you get for|what is the"
    " answer"
    " to|how many is|how much do you get for|how much would it be] {sum}?",
)
LARGEST = 50
LARGEST_FACTOR = 12
FRUITS = ("apples", "pears", "plums", "lemons", "oranges", "bananas", "figs", "melons")


def arithmetic(draw: Draw, memory: Memory) -> Turn:
    """One sum; its result is what a following `and plus 3?` goes on from."""
    last = memory.last_number if memory.topic == "arithmetic" else None
    memory.last_number = None
    if last is not None and last <= LARGEST and draw.chance(0.25):
        return _follow_up(draw, memory, last)
    kinds = [_plus] * 5 + [_minus] * 5 + [_times] * 3 + [_divided, _word_problem] * 2
    return draw.pick([*kinds, _compare, _even, _double, _half])(draw, memory)


def _ask(draw: Draw, memory: Memory, spoken: str, written: str, result: int) -> Turn:
    memory.last_number = result
    return Turn(draw.phrase(*ASK, sum=spoken), f"{written} = {result}.")


def _plus(draw: Draw, memory: Memory) -> Turn:
    a, b = draw.numbers("plus", (0, LARGEST), (0, LARGEST))
    sign = draw.pick((" + ", " + ", " plus ", "+"))
    return _ask(draw, memory, f"{a}{sign}{b}", f"{a} + {b}", a + b)


def _minus(draw: Draw, memory: Memory) -> Turn:
    a, b = draw.numbers("minus", (0, LARGEST), (0, LARGEST), arrange=_largest_first)
    sign = draw.pick((" - ", " - ", " minus ", "-"))
    return _ask(draw, memory, f"{a}{sign}{b}", f"{a} - {b}", a - b)


def _largest_first(numbers: list[int]) -> list[int]:
    return sorted(numbers, reverse=True)


def _times(draw: Draw, memory: Memory) -> Turn:
    a, b = draw.between(0, LARGEST_FACTOR), draw.between(0, LARGEST_FACTOR)
    sign = draw.pick((" * ", " x ", " times ", " multiplied by ", "*"))
    return _ask(draw, memory, f"{a}{sign}{b}", f"{a} * {b}", a * b)


def _divided(draw: Draw, memory: Memory) -> Turn:
    b, result = draw.between(1, LARGEST_FACTOR), draw.between(0, LARGEST_FACTOR)
    sign = draw.pick((" / ", " divided by ", "/"))
    return _ask(draw, memory, f"{b * result}{sign}{b}", f"{b * result} / {b}", result)


def _compare(draw: Draw, memory: Memory) -> Turn:
    a, b = draw.numbers("compare", (0, 99), (0, 99))
    if a == b:
        b = (a + 7) % 100
    larger = draw.chance(0.6)
    word = "[larger|bigger|greater|more]" if larger else "[smaller|less]"
    user = draw.phrase(
        f"[which|what] [is|number is] {word}[, |: ]{{a}} or {{b}}?",
        f"[which one is|tell me which is|~say which is] {word}[, |: ]{{a}} or {{b}}?",
        a=str(a),
        b=str(b),
    )
    first, second = (max(a, b), min(a, b)) if larger else (min(a, b), max(a, b))
    return Turn(user, f"{first} is {'larger' if larger else 'smaller'} than {second}.")


def _even(draw: Draw, memory: Memory) -> Turn:
    (number,) = draw.numbers("even", (0, 99))
    user = draw.phrase(
        "[is|tell me, is|can you tell me: is|~say, is] {number} [an even number|even|odd|an odd"
        " number|even or odd|odd or even]?",
        number=str(number),
    )
    return Turn(user, f"{number} is {'odd' if number % 2 else 'even'}.")


def _double(draw: Draw, memory: Memory) -> Turn:
    number = draw.between(0, LARGEST)
    user = draw.phrase(
        "[what is|what's|tell me|how much is|calculate] [twice|double|the double of|two times"
        "|~twice as much as] {number}?",
        number=str(number),
    )
    memory.last_number = 2 * number
    return Turn(user, f"2 * {number} = {2 * number}.")


def _half(draw: Draw, memory: Memory) -> Turn:
    number = draw.between(0, LARGEST)
    user = draw.phrase(
        "[what is|what's|tell me|how much is|calculate] [half of|one half of|a half of|~half]"
        " {number}?",
        number=str(2 * number),
    )
    memory.last_number = number
    return Turn(user, f"{2 * number} / 2 = {number}.")


def _word_problem(draw: Draw, memory: Memory) -> Turn:
    fruit = draw.pick(FRUITS)
    if draw.chance(0.5):
        a, b = draw.numbers("plus", (2, 40), (2, 40))
        memory.last_number = a + b
        user = draw.phrase(
            "[I have|I had|if I have|we have|I own] {a} {fruit} and [get|buy|find|take] {b} more."
            " How many {fruit} [do I have|are there now|do I have now|is that]?",
            a=str(a), b=str(b), fruit=fruit,
        )  # fmt: skip
        return Turn(user, f"{a} + {b} = {a + b}, so it is {a + b} {fruit}.")
    a, b = draw.numbers("minus", (2, 40), (2, 40), arrange=_largest_first)
    memory.last_number = a - b
    user = draw.phrase(
        "[I have|I had|if I have|we have|I own] {a} {fruit} and [eat|lose|sell|give away] {b}."
        " How many {fruit} [do I have|are left|are there now|do I have left]?",
        a=str(a), b=str(b), fruit=fruit,
    )  # fmt: skip
    counted = fruit.removesuffix("s") if a - b == 1 else fruit
    return Turn(user, f"{a} - {b} = {a - b}, so it is {a - b} {counted}.")


def _follow_up(draw: Draw, memory: Memory, last: int) -> Turn:
    """A step that goes on from the last result."""
    # From a small number there are too few steps down to keep some of them back.
    sign = draw.pick("+-") if last > 4 else "+"
    largest, kind = (LARGEST, "plus") if sign == "+" else (last, "minus")
    _, step = draw.numbers(kind, (last, last), (0, largest))
    memory.last_number = last + step if sign == "+" else last - step
    patterns = {
        "+": (
            "[and|now|then|and then|and now|ok, now|~next] plus {step}[?|.|]",
            "[add|please add|now add] {step}[| to that| to it].",
        ),
        "-": (
            "[and|now|then|and then|and now|ok, now|~next] minus {step}[?|.|]",
            "[subtract|please subtract|now subtract|take away] {step}[| from that| from it].",
        ),
    }
    user = draw.phrase(*patterns[sign], step=str(step))
    return Turn(user, f"{last} {sign} {step} = {memory.last_number}.")


def beyond(draw: Draw, memory: Memory) -> Turn:
    """A sum that the model does not learn, and why."""
    spoken, reply = draw.pick((_too_large_sum, _too_large_product, _below_zero, _remainder))(draw)
    return Turn(draw.phrase(*ASK, sum=spoken), reply)


TOO_LARGE = "That is too large for me: I add and subtract up to 50, and multiply up to 12 * 12."


def _too_large_sum(draw: Draw) -> tuple[str, str]:
    largest = draw.pick((99, 999, 9999, 999_999))
    a, b = draw.between(LARGEST + 1, largest), draw.between(0, largest)
    if draw.chance(0.5):
        return f"{max(a, b)}{draw.pick((' - ', ' minus ', '-'))}{min(a, b)}", TOO_LARGE
    if draw.chance(0.5):
        a, b = b, a
    return f"{a}{draw.pick((' + ', ' plus ', '+'))}{b}", TOO_LARGE


def _too_large_product(draw: Draw) -> tuple[str, str]:
    largest = draw.pick((99, 999, 9999, 999_999))
    a, b = draw.between(LARGEST_FACTOR + 1, largest), draw.between(2, largest)
    if draw.chance(0.5):
        a, b = b, a
    return f"{a}{draw.pick((' * ', ' times ', ' x ', '*'))}{b}", TOO_LARGE


def _below_zero(draw: Draw) -> tuple[str, str]:
    a, span = draw.between(0, LARGEST - 1), draw.between(1, LARGEST)
    sign = draw.pick((" - ", " minus ", "-"))
    return (
        f"{a}{sign}{min(a + span, LARGEST)}",
        "That is below zero: I only know numbers from 0 up.",
    )


def _remainder(draw: Draw) -> tuple[str, str]:
    divisor = draw.between(2, LARGEST_FACTOR)
    number = divisor * draw.between(0, LARGEST_FACTOR) + draw.between(1, divisor - 1)
    sign = draw.pick((" / ", " divided by ", "/"))
    return f"{number}{sign}{divisor}", "I only divide where nothing is left over."
