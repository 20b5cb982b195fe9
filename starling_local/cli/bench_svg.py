"""Speed over depth as a picture that is readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import TYPE_CHECKING

from starling_local.cli.bench_chart import series
from starling_local.cli.bench_report import summary
from starling_local.plain_text import printable

if TYPE_CHECKING:
    from starling_local.machine.speed.bench_report import BenchReport
    from starling_local.machine.speed.bench_tests import Measured

_LINE_HEIGHT, _PANEL_WIDTH = 18, 390
_LABEL_WIDTH = 32  # of a depth
_COLOURS, _DASHES = 5, 3  # kinds of lines
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 }
.title { font-size: 15px; font-weight: 600 }
.quiet { fill: #666 }
.page { fill: #fff }
.grid { stroke: #ddd }
.axis { stroke: #888 }
.line { fill: none; stroke-width: 2 }
.s0 { stroke: #1f6fd0 } .s1 { stroke: #d1600a } .s2 { stroke: #1a8a4a }
.s3 { stroke: #8a4fc8 } .s4 { stroke: #b8860b }
.d1 { stroke-dasharray: 7 4 } .d2 { stroke-dasharray: 2 4 }
.dot { fill: #fff; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e6e6 }
.quiet { fill: #9a9a9a }
.page, .dot { fill: #16181d }
.grid { stroke: #33363d }
.axis { stroke: #777 }
.s0 { stroke: #6aa9ff } .s1 { stroke: #ff9d4d } .s2 { stroke: #4fc987 }
.s3 { stroke: #b98cf0 } .s4 { stroke: #e0b040 }
}"""


@dataclass(frozen=True)
class _Panel:
    """A part of the picture with axes of its own; sizes in pixels."""

    left: float
    top: float
    width: float
    height: float
    deepest: int
    most: float

    def x(self, depth: int) -> float:
        return self.left + self.width * depth / self.deepest

    def y(self, speed: float) -> float:
        return self.top + self.height * (1 - speed / self.most)


def svg(report: BenchReport) -> str:
    """The picture: a panel for reading and one for writing, each test a line over the depth.

    A whisker goes from the slowest repeat to the fastest.
    """
    kinds = {
        "Reading (prefill)": [one for one in report.measured if not one.test.generate],
        "Writing (decode)": [one for one in report.measured if not one.test.prompt],
        "Reading and writing": [
            one for one in report.measured if one.test.prompt and one.test.generate
        ],
    }
    panels = {title: series(tests) for title, tests in kinds.items() if tests}
    width = 50 + _PANEL_WIDTH * max(1, len(panels))
    legend = max((len(lines) for lines in panels.values()), default=0) * _LINE_HEIGHT
    words = summary(report)
    height = 345 + legend + len(words) * _LINE_HEIGHT
    parts = [f'<rect class="page" width="{width}" height="{height}"/>']
    parts.append(_text(20, 30, f"{report.model.name}: tokens per second", "title"))
    for number, (title, lines) in enumerate(panels.items()):
        parts += _panel(85 + _PANEL_WIDTH * number, title, lines)
    parts += [
        _text(20, 340 + legend + _LINE_HEIGHT * number, line, "quiet")
        for number, line in enumerate(words)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">\n<style>{_STYLE}\n</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _panel(left: float, title: str, lines: dict[str, list[Measured]]) -> list[str]:
    every = [one for tests in lines.values() for one in tests]
    ticks = _ticks(max(max(one.speeds) for one in every))
    panel = _Panel(left, 75, 295, 190, max(1, *(one.test.depth for one in every)), ticks[-1])
    bottom = panel.top + panel.height
    parts = [_text(left, 60, title)]
    for tick in ticks:
        y = panel.y(tick)
        parts.append(_stroke("grid", [(left, y), (left + panel.width, y)]))
        parts.append(_text(left - 8, y + 4, f"{tick:,g}", "quiet", "end"))
    parts.append(_stroke("axis", [(left, bottom), (left + panel.width, bottom)]))
    free = 0.0
    for depth in sorted({one.test.depth for one in every}):
        x = panel.x(depth)
        parts.append(_stroke("axis", [(x, bottom), (x, bottom + 4)]))
        if x >= free:
            parts.append(_text(x, bottom + 18, str(depth), "quiet", "middle"))
            free = x + _LABEL_WIDTH
    what = "tokens in the context before"
    parts.append(_text(left + panel.width / 2, bottom + 36, what, "quiet", "middle"))
    parts.append(
        f'<text class="quiet" text-anchor="middle" transform="translate({left - 62:g} '
        f'{panel.top + panel.height / 2:g}) rotate(-90)">tokens/s</text>'
    )
    for number, (name, tests) in enumerate(lines.items()):
        colour, dash = f"s{number % _COLOURS}", f"d{number // _COLOURS % _DASHES}"
        parts += _line(panel, colour, dash, tests)
        y = bottom + 44 + _LINE_HEIGHT * (number + 1)
        parts.append(_stroke(f"line {colour} {dash}", [(left, y - 4), (left + 22, y - 4)]))
        parts.append(_text(left + 30, y, name))
    return parts


def _line(panel: _Panel, colour: str, dash: str, tests: Sequence[Measured]) -> list[str]:
    middles = [(panel.x(one.test.depth), panel.y(one.median)) for one in tests]
    parts = [_stroke(f"line {colour} {dash}", middles)]
    for one, (x, y) in zip(tests, middles, strict=True):
        ends = [(x, panel.y(min(one.speeds))), (x, panel.y(max(one.speeds)))]
        parts.append(_stroke(colour, ends))
        parts.append(f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    return parts


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to at least `most`, four to eight of them."""
    unit = 10.0 ** floor(log10(most))
    step = next(unit * part for part in (0.2, 0.25, 0.5, 1, 2, 2.5) if unit * part * 6 >= most)
    count = next(number for number in range(1, 8) if step * number >= most)
    return [step * number for number in range(count + 1)]


def _stroke(name: str, points: Sequence[tuple[float, float]]) -> str:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{name}" points="{where}"/>'


def _text(x: float, y: float, text: str, name: str = "", anchor: str = "start") -> str:
    words = escape(printable(text))
    return f'<text class="{name}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{words}</text>'
