"""Speed over depth, in plain characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starling_local.cli.bench_report import figure

if TYPE_CHECKING:
    from starling_local.machine.speed.bench_tests import Measured

BAR_COLUMNS, LEAST_COLUMNS = 40, 8
BLOCK, PLAIN = "█", "#"


def series(measured: Sequence[Measured]) -> dict[str, list[Measured]]:
    """The tests that differ only in their depth, by the name of the one without."""
    found: dict[str, list[Measured]] = {}
    for one in measured:
        found.setdefault(one.test.name_without_depth, []).append(one)
    return found


def chart(measured: Sequence[Measured], encoding: str, width: int) -> list[str]:
    """Lines of this width with a bar for each depth; none if no test has several depths.

    The bars of a test are drawn in relation to each other, its fastest as the longest.
    """
    groups = {name: tests for name, tests in series(measured).items() if len(tests) > 1}
    if not groups:
        return []
    block = _drawable(encoding)
    names = max(map(len, groups))
    head = f"{'test':{names}}  {'depth':>6}  "
    figures = max(len(figure(one.median)) for tests in groups.values() for one in tests)
    columns = max(LEAST_COLUMNS, min(BAR_COLUMNS, width - len(head) - 1 - figures))
    lines = [f"{head}tokens/s"]
    for name, tests in groups.items():
        most = max(one.median for one in tests)
        for number, one in enumerate(tests):
            bar = block * max(1, round(columns * one.median / most))
            label = "" if number else name
            lines.append(f"{label:{names}}  {one.test.depth:>6}  {bar} {figure(one.median)}")
    return lines


def _drawable(encoding: str) -> str:
    try:
        BLOCK.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCK
