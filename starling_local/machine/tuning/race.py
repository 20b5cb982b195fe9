"""Which of several settings is the fastest, within a time: successive halving.

All are measured shortly, the better half longer, and so on, the default each time among them. The
last one and the default then run in turn, and the default stays unless the other is faster by more
than the noise. What is measured, and by which clock, is given from outside.

Source: Jamieson and Talwalkar, Non-stochastic Best Arm Identification (2016), for the halving.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp, inf, log, sqrt
from statistics import mean, stdev
from typing import Generic, TypeVar

C = TypeVar("C")

EFFORTS = (1 / 8, 1 / 4, 1 / 2)
FINAL_EFFORTS = (1.0, 1 / 2, 1 / 4, 1 / 8)
LEAST_PAIRS, MOST_PAIRS = 3, 8
LEAST_GAIN = 1.01
# What is this much slower than the default in a first, short look is not looked at again.
_HOPELESS = 1.1
# Measurements vary, and so does the time that they take.
_SPARE = 1.25
# Student's t for 97.5 %, one-sided, by degrees of freedom: to look after each pair whether it is
# sure already makes it likelier to be wrong, about twice.
_T = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365}


@dataclass(frozen=True)
class Sample:
    """One measurement, in seconds: until the first token, and one whole round of work after it.

    Of the round only the part `effort` was done, and the rest is worked out from it.
    """

    start_s: float
    round_s: float

    def took_s(self, effort: float) -> float:
        """How long a measurement of such an effort takes."""
        return self.start_s + effort * self.round_s


@dataclass(frozen=True)
class Trial(Generic[C]):
    """A candidate, measured once; `sample` None means that it failed."""

    candidate: C
    effort: float
    sample: Sample | None
    is_final: bool = False


class Verdict(Enum):
    """How a race ended."""

    FASTER = "faster"
    WITHIN_NOISE = "within the noise"
    NONE_BETTER = "none better"
    NO_TIME = "no time"


@dataclass(frozen=True)
class Outcome(Generic[C]):
    """The winner of a race; `gain` is how many times as fast as the default it is.

    `needed_s` is the budget with which it would be sure, if candidates are as fast as the default.
    """

    winner: C
    verdict: Verdict
    gain: float
    needed_s: float
    trials: tuple[Trial[C], ...]
    untried: tuple[C, ...]


@dataclass(frozen=True)
class Race(Generic[C]):
    """What takes part, and how it is measured.

    `measure` takes a candidate and an effort from 0 to 1, and returns None if it failed; `cost_s`
    is what counts of a sample, in seconds; `combine` makes one of several candidates that are all
    better than the default, best first, or None.
    """

    default: C
    others: Sequence[C]
    measure: Callable[[C, float], Sample | None]
    cost_s: Callable[[Sample], float]
    combine: Callable[[Sequence[C]], C | None]
    clock: Callable[[], float]
    budget_s: float

    def run(self) -> Outcome[C]:
        """Measure until the best is known, or the time is over.

        If the default fails it stays, as there is nothing to compare with.
        """
        return _Run(self).outcome()


def gain(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """How many times as fast the second of each pair of costs is, and at least how many times.

    It is the geometric mean of the ratios, and a number above which it lies with a probability of
    97.5 %: a paired t-test. Below three pairs nothing is sure, and that number is 0.
    """
    ratios = [log(default_s / other_s) for default_s, other_s in pairs]
    if len(ratios) < LEAST_PAIRS:
        return exp(mean(ratios)) if ratios else 1.0, 0.0
    freedom = min(len(ratios) - 1, max(_T))
    return exp(mean(ratios)), exp(mean(ratios) - _T[freedom] * stdev(ratios) / sqrt(len(ratios)))


class _Run(Generic[C]):
    """A race while it is run."""

    def __init__(self, race: Race[C]) -> None:
        self._race = race
        self._started = race.clock()
        self._trials: list[Trial[C]] = []
        self._last: dict[C, Sample] = {}
        self._untried = tuple(race.others)

    def outcome(self) -> Outcome[C]:
        default = self._race.default
        alive = self._first_rung()
        for effort in EFFORTS[1:]:
            if len(alive) < 2 or not self._has_time([default, *alive], effort):
                break
            self._measure_all([default, *alive], effort)
            alive = self._better_half([one for one in alive if self._is_measured(one, effort)])
        if not alive or default not in self._last:
            is_all = len(self._last) > 1 or not self._untried
            return self._ended(default, Verdict.NONE_BETTER if is_all else Verdict.NO_TIME)
        return self._final(alive[0])

    def _first_rung(self) -> list[C]:
        """All candidates, shortly, as far as the time goes; the better ones, best first."""
        effort, default, tried = EFFORTS[0], self._race.default, list[C]()
        if self._try(default, effort) is None:
            return []
        for candidate in self._race.others:
            if not self._has_time([default], effort):
                break
            tried.append(candidate)
            self._try(candidate, effort)
        self._untried = tuple(self._race.others[len(tried) :])
        found = self._better_half([one for one in tried if one in self._last])
        better = [one for one in found if self._cost_s(one) < self._cost_s(default)]
        both = self._race.combine(better)
        return found if both is None or both in found else [both, *found]

    def _better_half(self, candidates: Sequence[C]) -> list[C]:
        """Those that may be faster than the default, at most half of all, best first."""
        limit_s = _HOPELESS * self._cost_s(self._race.default)
        ranked = sorted(candidates, key=self._cost_s)
        half = ranked[: (len(ranked) + 1) // 2]
        return [one for one in half if self._cost_s(one) < limit_s]

    def _final(self, other: C) -> Outcome[C]:
        """The default and another one in turn, until it is sure which is faster."""
        default, left_s = self._race.default, self._left_s
        efforts = (
            effort
            for effort in FINAL_EFFORTS
            if LEAST_PAIRS * self._expected_s([default, other], effort) <= left_s
        )
        effort = next(efforts, None)
        if effort is None:
            return self._ended(default, Verdict.NO_TIME)
        pairs: list[tuple[float, float]] = []
        while len(pairs) < MOST_PAIRS:
            order = [default, other] if len(pairs) % 2 else [other, default]
            samples = {one: self._try(one, effort, is_final=True) for one in order}
            default_sample, sample = samples[default], samples[other]
            if default_sample is None or sample is None:
                return self._ended(default, Verdict.NONE_BETTER)
            pairs.append((self._race.cost_s(default_sample), self._race.cost_s(sample)))
            is_over = self._expected_s([default, other], effort) > self._left_s
            if len(pairs) >= LEAST_PAIRS and (is_over or _is_decided(pairs)):
                break
        times, least = gain(pairs)
        if least > 1 and times >= LEAST_GAIN:
            return self._ended(other, Verdict.FASTER, times)
        return self._ended(default, Verdict.WITHIN_NOISE)

    def _ended(self, winner: C, verdict: Verdict, times: float = 1.0) -> Outcome[C]:
        default = self._race.default
        first_rung_s = self._expected_s([default, *self._race.others], EFFORTS[0])
        final_s = LEAST_PAIRS * self._expected_s([default, default], FINAL_EFFORTS[-1])
        needed_s = _SPARE * (first_rung_s + final_s)
        if default not in self._last:
            needed_s = 2 * self._race.budget_s
        return Outcome(winner, verdict, times, needed_s, tuple(self._trials), self._untried)

    def _measure_all(self, candidates: Sequence[C], effort: float) -> None:
        for candidate in candidates:
            self._try(candidate, effort)

    def _try(self, candidate: C, effort: float, *, is_final: bool = False) -> Sample | None:
        sample = self._race.measure(candidate, effort)
        self._trials.append(Trial(candidate, effort, sample, is_final))
        if sample is not None:
            self._last[candidate] = sample
        elif candidate != self._race.default:
            self._last.pop(candidate, None)
        return sample

    def _is_measured(self, candidate: C, effort: float) -> bool:
        last = next(trial for trial in reversed(self._trials) if trial.candidate == candidate)
        return last.effort == effort and last.sample is not None

    def _cost_s(self, candidate: C) -> float:
        sample = self._last.get(candidate)
        return inf if sample is None else self._race.cost_s(sample)

    @property
    def _left_s(self) -> float:
        return self._race.budget_s - (self._race.clock() - self._started)

    def _has_time(self, candidates: Sequence[C], effort: float) -> bool:
        """Whether there is time for measuring these, and for the shortest final after that."""
        default = self._race.default
        final_s = LEAST_PAIRS * self._expected_s([default, default], FINAL_EFFORTS[-1])
        return self._expected_s(candidates, effort) + final_s <= self._left_s

    def _expected_s(self, candidates: Sequence[C], effort: float) -> float:
        """How long it takes to measure these; what is not known yet takes as long as the default.

        If not even that is known it takes no time.
        """
        known = self._last.get(self._race.default, Sample(0.0, 0.0))
        return sum(self._last.get(one, known).took_s(effort) for one in candidates)


def _is_decided(pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether more pairs would change nothing."""
    times, least = gain(pairs)
    _, least_slower = gain([(other_s, default_s) for default_s, other_s in pairs])
    return (least > 1 and times >= LEAST_GAIN) or least_slower > 1
