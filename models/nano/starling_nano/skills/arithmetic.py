"""Sums with small numbers, as a symbol, in words and as a follow-up."""

from __future__ import annotations

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw

ASK = (
    "[what is|what's|how much is|calculate|compute|tell me|please calculate|can you tell me|work"
    " out"
    "|solve|~now calculate] {sum}?",
    "{sum}[?| =| = ?|]",
    "[can you calculate|can you compute|what is the result of|what do you get for|what is the"
    " answer"
    " to|~how many is] {sum}?",
)
LARGEST = 50
LARGEST_FACTOR = 12
FRUITS = ("apples", "pears", "plums", "lemons", "oranges", "bananas", "figs", "melons")


def arithmetic(draw: Draw, memory: Memory) -> Turn:
    """One sum; its result is what a following `and plus 3?` goes on from."""
    kinds = [_plus] * 5 + [_minus] * 5 + [_times] * 3 + [_divided, _compare, _even, _double, _half]
    kinds += [_word_problem] * 2
    if memory.last_number is not None and memory.last_number <= LARGEST:
        kinds += [_follow_up] * 5
    return draw.pick(kinds)(draw, memory)


def _ask(draw: Draw, memory: Memory, spoken: str, written: str, result: int) -> Turn:
    memory.last_number = result
    return Turn(draw.phrase(*ASK, sum=spoken), f"{written} = {result}.")


def _plus(draw: Draw, memory: Memory) -> Turn:
    a, b = draw.numbers("plus", (0, LARGEST), (0, LARGEST))
    sign = draw.pick((" + ", " + ", " plus ", "+"))
    return _ask(draw, memory, f"{a}{sign}{b}", f"{a} + {b}", a + b)


def _minus(draw: Draw, memory: Memory) -> Turn:
    a, b = sorted(draw.numbers("minus", (0, LARGEST), (0, LARGEST)), reverse=True)
    sign = draw.pick((" - ", " - ", " minus ", "-"))
    return _ask(draw, memory, f"{a}{sign}{b}", f"{a} - {b}", a - b)


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
    (number,) = draw.numbers("double", (0, 50))
    user = draw.phrase(
        "[what is|what's|tell me|how much is|calculate] [twice|double|the double of|two times|~2"
        " times] {number}?",
        number=str(number),
    )
    memory.last_number = 2 * number
    return Turn(user, f"2 * {number} = {2 * number}.")


def _half(draw: Draw, memory: Memory) -> Turn:
    (number,) = draw.numbers("half", (0, 50))
    user = draw.phrase(
        "[what is|what's|tell me|how much is|calculate] [half of|one half of|a half of|~half]"
        " {number}?",
        number=str(2 * number),
    )
    memory.last_number = number
    return Turn(user, f"{2 * number} / 2 = {number}.")


def _word_problem(draw: Draw, memory: Memory) -> Turn:
    fruit = draw.pick(FRUITS)
    a, b = draw.numbers("problem", (2, 40), (2, 40))
    if draw.chance(0.5):
        memory.last_number = a + b
        user = draw.phrase(
            "[I have|I had|if I have|we have|~I own] {a} {fruit} and [get|buy|find|take]"
            " {b} more. How many {fruit} [do I have|are there now|do I have now|is that]?",
            a=str(a), b=str(b), fruit=fruit,
        )  # fmt: skip
        return Turn(user, f"{a} + {b} = {a + b}, so it is {a + b} {fruit}.")
    a, b = max(a, b), min(a, b)
    memory.last_number = a - b
    user = draw.phrase(
        "[I have|I had|if I have|we have|~I own] {a} {fruit} and [eat|lose|sell|give away]"
        " {b}. How many {fruit} [do I have|are left|are there now|do I have left]?",
        a=str(a), b=str(b), fruit=fruit,
    )  # fmt: skip
    return Turn(user, f"{a} - {b} = {a - b}, so it is {a - b} {fruit}.")


def _follow_up(draw: Draw, memory: Memory) -> Turn:
    """A step that goes on from the last result."""
    last = memory.last_number
    assert last is not None
    sign = draw.pick("+-")
    (step,) = draw.numbers("step", (0, LARGEST))
    step = min(step, last) if sign == "-" else step
    result = last - step if sign == "-" else last + step
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
    memory.last_number = result
    user = draw.phrase(*patterns[sign], step=str(step))
    return Turn(user, f"{last} {sign} {step} = {result}.")


def too_large(draw: Draw, memory: Memory) -> Turn:
    """A sum beyond what the model learns."""
    largest = draw.pick((99, 999, 9999, 999_999))
    if draw.chance(0.5):
        sign = draw.pick((" + ", " - ", " plus ", " minus ", "+", "-"))
        a, b = draw.between(LARGEST + 1, largest), draw.between(0, largest)
    else:
        sign = draw.pick((" * ", " times ", " x ", "*"))
        a, b = draw.between(LARGEST_FACTOR + 1, largest), draw.between(2, largest)
    if draw.chance(0.5) and sign.strip() not in ("-", "minus"):
        a, b = b, a
    reply = (
        f"That is too large for me: I add up to {LARGEST} + {LARGEST} and multiply up to 12 * 12."
    )
    return Turn(draw.phrase(*ASK, sum=f"{a}{sign}{b}"), reply)
