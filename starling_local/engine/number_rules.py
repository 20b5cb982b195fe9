"""Rules of GBNF for numbers within bounds, digit by digit."""

from __future__ import annotations

import math

MOST_DIGITS = 15
# Up to here a float tells all numbers with six digits after the point apart.
_LARGEST_OPEN_BOUND = 10**9

# A bound, and whether it is itself out of bounds.
Bound = tuple[float, bool]


def integers(low: Bound | None, high: Bound | None) -> str:
    """What integers within bounds look like. Raises ValueError if there are none."""
    least = low and (math.floor(low[0]) + 1 if low[1] else math.ceil(low[0]))
    most = high and (math.ceil(high[0]) - 1 if high[1] else math.floor(high[0]))
    if least is not None and most is not None and least > most:
        raise ValueError("no integer is within the bounds")
    signed = []
    if most is None or most >= 0:
        signed.append(_digits(max(least or 0, 0), most))
    if least is None or least < 0:
        nearest = 1 if most is None else max(-most, 1)
        signed.append(f'"-" ( {_digits(nearest, None if least is None else -least)} )')
    return " | ".join(signed)


def numbers(low: Bound | None, high: Bound | None) -> str:
    """What numbers within bounds look like. Raises ValueError for bounds it cannot hold to."""
    if any(bound and bound[0] % 1 for bound in (low, high)):
        raise ValueError("the bounds of a number have to be whole, those of an integer not")
    if any(bound and bound[1] and abs(bound[0]) > _LARGEST_OPEN_BOUND for bound in (low, high)):
        raise ValueError(f"an exclusive bound is beyond {_LARGEST_OPEN_BOUND}")
    signed = []
    if high is None or high[0] > 0 or high == (0, False):
        signed.append(_sizes_between(low if low and low[0] >= 0 else (0, False), high))
    if low is None or low[0] < 0:
        nearest = (-high[0], high[1]) if high and high[0] <= 0 else (0, False)
        signed.append(f'"-" ( {_sizes_between(nearest, low and (-low[0], low[1]))} )')
    return " | ".join(signed)


def _sizes_between(low: Bound, high: Bound | None) -> str:
    """What numbers without a sign look like; a fraction stands where there may be one."""
    first, end = int(low[0]), None if high is None else int(high[0])
    options = []
    if low[1] and first != end:
        options.append(f'"{first}." [0-9]{{0,5}} [1-9]')
        first += 1
    if end is None or first < end:
        options.append(f"( {_digits(first, None if end is None else end - 1)} ) fraction?")
    if high is not None and not high[1]:
        options.append(f'"{end}"')
    return " | ".join(options)


def _digits(least: int, most: int | None) -> str:
    """What integers without a sign look like."""
    first = str(least)
    if most is None:
        more = f"[1-9] [0-9]{{{len(first)},{MOST_DIGITS - 1}}}"
        return f"{_equally_long(first, '9' * len(first))} | {more}"
    options = []
    for length in range(len(first), len(str(most)) + 1):
        shortest = 10 ** (length - 1) if length > 1 else 0
        ends = str(max(least, shortest)), str(min(most, 10**length - 1))
        options.append(_equally_long(*ends))
    return " | ".join(options)


def _equally_long(first: str, last: str) -> str:
    """What the digits look like from `first` to `last`, which have the same number of them."""
    if first == last:
        return f'"{first}"'
    rest = len(first) - 1
    zeros, nines = "0" * rest, "9" * rest
    any_rest = f" [0-9]{{{rest}}}" if rest else ""
    if (first[1:], last[1:]) == (zeros, nines):
        return f"[{first[0]}-{last[0]}]{any_rest}"
    if first[0] == last[0]:
        return f'"{first[0]}" ( {_equally_long(first[1:], last[1:])} )'
    options = [f'"{first[0]}" ( {_equally_long(first[1:], nines)} )']
    if int(first[0]) + 1 < int(last[0]):
        options.append(f"[{int(first[0]) + 1}-{int(last[0]) - 1}]{any_rest}")
    return " | ".join([*options, f'"{last[0]}" ( {_equally_long(zeros, last[1:])} )'])
