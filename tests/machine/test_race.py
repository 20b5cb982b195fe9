"""Successive halving on invented measurements, with an invented clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from starling_local.machine.tuning.race import (
    FINAL_EFFORTS,
    LEAST_PAIRS,
    MOST_PAIRS,
    Outcome,
    Race,
    Sample,
    Verdict,
    gain,
)

START_S = 1.0


class Bench:
    """Candidates that take so many seconds for a round; a clock that goes on as they work."""

    def __init__(self, rounds_s: Mapping[str, float], noise: float = 0.0, seed: int = 0) -> None:
        self.rounds_s, self.noise = rounds_s, noise
        self.random = random.Random(seed)
        self.now_s = 0.0
        self.fails: Callable[[str, int], bool] = lambda _name, _count: False
        self.counts: Counter[str] = Counter()

    def measure(self, name: str, effort: float) -> Sample | None:
        self.counts[name] += 1
        sample = Sample(START_S, self.rounds_s[name] * self.random.lognormvariate(0, self.noise))
        self.now_s += sample.took_s(effort)
        return None if self.fails(name, self.counts[name]) else sample

    def run(self, budget_s: float = 1000.0) -> Outcome[str]:
        default, *others = self.rounds_s
        race = Race(
            default,
            others,
            self.measure,
            lambda sample: sample.start_s + sample.round_s,
            combine,
            lambda: self.now_s,
            budget_s,
        )
        return race.run()


def combine(_better: Sequence[str]) -> str | None:
    return None


def test_the_fastest_wins_and_by_how_much() -> None:
    found = Bench({"usual": 10.0, "a": 8.0, "b": 12.0, "c": 5.0, "d": 9.0}).run()
    assert (found.winner, found.verdict) == ("c", Verdict.FASTER)
    assert found.gain == pytest.approx(11 / 6)
    assert found.untried == ()


def test_what_is_equal_changes_nothing() -> None:
    found = Bench(dict.fromkeys(("usual", "a", "b", "c"), 10.0)).run()
    assert (found.winner, found.gain) == ("usual", 1.0)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_noise_seldom_wins(noise: float) -> None:
    """Of equal settings another than the default wins no more often than the test allows."""
    names = ("usual", *"abcdefgh")
    wins = sum(
        Bench(dict.fromkeys(names, 10.0), noise, seed).run().winner != "usual"
        for seed in range(200)
    )
    assert wins <= 25


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_what_wins_is_seldom_slower(noise: float) -> None:
    rounds_s = {"usual": 10.0, "a": 10.5, "b": 11.0, "c": 12.0, "d": 20.0}
    wins = sum(Bench(rounds_s, noise, seed).run().winner != "usual" for seed in range(200))
    assert wins <= 8


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_a_clear_gain_is_found_in_noise(noise: float) -> None:
    rounds_s = {"usual": 10.0, "a": 10.0, "b": 6.0, "c": 11.0, "d": 15.0}
    found = [Bench(rounds_s, noise, seed).run() for seed in range(50)]
    assert sum(one.winner == "b" for one in found) >= 45


def test_who_is_worse_is_measured_less() -> None:
    bench = Bench({"usual": 10.0, "a": 9.0, "b": 8.0, "c": 7.0, "d": 9.5, "e": 20.0, "f": 30.0})
    found = bench.run()
    assert bench.counts["e"] == bench.counts["f"] == 1
    assert bench.counts["c"] >= LEAST_PAIRS + 2
    efforts = [trial.effort for trial in found.trials if trial.candidate == "c"]
    assert efforts == sorted(efforts)
    final = [trial.candidate for trial in found.trials if trial.is_final]
    # In turn, and the other one first each second time.
    assert final[:4] == ["c", "usual", "usual", "c"]


def test_what_is_better_alone_is_tried_together() -> None:
    bench = Bench({"usual": 10.0, "a": 8.0, "b": 9.0, "c": 11.0})
    bench.rounds_s = {**bench.rounds_s, "ab": 6.0}
    race = Race(
        "usual",
        ("a", "b", "c"),
        bench.measure,
        lambda sample: sample.start_s + sample.round_s,
        lambda better: "".join(better),
        lambda: bench.now_s,
        1000.0,
    )
    assert race.run().winner == "ab"


@pytest.mark.parametrize("when", [1, 2, 4])
def test_a_candidate_that_fails_is_dropped(when: int) -> None:
    bench = Bench({"usual": 10.0, "a": 8.0, "b": 5.0})
    bench.fails = lambda name, count: name == "b" and count >= when
    found = bench.run()
    # Later than in the first rung there is only one left beside the default.
    assert found.winner == ("a" if when == 1 else "usual")
    failed = [trial for trial in found.trials if trial.sample is None]
    assert [trial.candidate for trial in failed] == ["b"]


def test_all_candidates_fail() -> None:
    bench = Bench({"usual": 10.0, "a": 8.0, "b": 5.0})
    bench.fails = lambda name, _count: name != "usual"
    found = bench.run()
    assert (found.winner, found.verdict) == ("usual", Verdict.NONE_BETTER)


def test_the_default_takes_too_long() -> None:
    bench = Bench({"usual": 10.0, "a": 8.0})
    bench.fails = lambda name, _count: name == "usual"
    found = bench.run(budget_s=5.0)
    assert (found.winner, found.verdict, found.needed_s) == ("usual", Verdict.NO_TIME, 10.0)
    later = Bench({"usual": 10.0, "a": 8.0})
    later.fails = lambda name, count: name == "usual" and count > 1
    found = later.run()
    assert (found.winner, found.verdict) == ("usual", Verdict.NONE_BETTER)


def test_there_is_nothing_but_the_default() -> None:
    found = Bench({"usual": 10.0}).run()
    assert (found.winner, found.verdict) == ("usual", Verdict.NONE_BETTER)


@pytest.mark.parametrize("budget_s", [1, 5, 10, 20, 30, 50, 100, 200])
def test_the_budget_is_kept(budget_s: float) -> None:
    """But for the measurement of the default without which nothing is known."""
    bench = Bench({"usual": 10.0, "a": 8.0, "b": 9.0, "c": 5.0, "d": 11.0})
    found = bench.run(budget_s)
    assert bench.now_s <= max(budget_s, START_S + FINAL_EFFORTS[-1] * 10.0)
    if found.verdict is Verdict.FASTER:
        final = [trial for trial in found.trials if trial.is_final]
        assert len(final) >= 2 * LEAST_PAIRS
    else:
        assert found.winner == "usual"


def test_time_that_is_too_short_says_so() -> None:
    found = Bench({"usual": 10.0, "a": 1.0}).run(budget_s=10.0)
    assert (found.winner, found.verdict) == ("usual", Verdict.NO_TIME)
    again = Bench({"usual": 10.0, "a": 9.0}).run(found.needed_s)
    assert again.verdict is Verdict.FASTER
    assert found.untried == ("a",)


def test_a_long_budget_is_not_used_up() -> None:
    bench = Bench({"usual": 10.0, "a": 10.0, "b": 9.99}, noise=0.01)
    found = bench.run(budget_s=10**6)
    assert sum(trial.is_final for trial in found.trials) <= 2 * MOST_PAIRS
    assert bench.now_s < 1000


def test_gains_are_those_of_pairs() -> None:
    times, least = gain([(2.0, 1.0), (2.2, 1.1), (1.8, 0.9)])
    assert times == pytest.approx(2.0)
    assert least == pytest.approx(2.0)
    times, least = gain([(1.0, 1.0), (1.2, 1.0), (1.0, 1.2)])
    assert least < times == pytest.approx(1.0)
    # Student's t for 97.5 % and two degrees of freedom is 4.303.
    _, least = gain([(1.0, 1.0), (1.1, 1.0), (1.21, 1.0)])
    assert least == pytest.approx(1.1 / 1.1 ** (4.303 / 3**0.5))
    assert gain([(2.0, 1.0), (2.0, 1.0)])[1] == 0.0
    assert gain([]) == (1.0, 0.0)
