"""How much of the processor other programs used while something was measured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import perf_counter

import psutil

_MUCH = 0.1


@dataclass(frozen=True)
class Usage:
    """Seconds that have passed, and of processor time used by all and by this program.

    Its own are those of its processes that have ended, too.
    """

    elapsed_s: float
    all_s: float
    own_s: float


def usage() -> Usage:
    """What was used until now; only differences mean something."""
    times, own = psutil.cpu_times(), os.times()
    all_s = times.user + times.system + times.nice
    return Usage(perf_counter(), all_s, sum(own[:4]))


def disturbance(before: Usage, after: Usage, cores: int) -> str | None:
    """What to tell if others used much of the processor between the two; None if they did not."""
    elapsed_s = after.elapsed_s - before.elapsed_s
    others_s = (after.all_s - before.all_s) - (after.own_s - before.own_s)
    if elapsed_s <= 0 or others_s < _MUCH * cores * elapsed_s:
        return None
    percent = min(100, round(100 * others_s / (cores * elapsed_s)))
    return f"other programs used {percent} % of the processor meanwhile: measure again without them"
