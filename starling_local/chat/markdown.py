"""A model's answer as Markdown, drawn in a terminal while it is still being written.

Drawing only appends. A row that another one follows is final; the last one, the live row, is drawn
again, and nothing else ever is. So nothing flickers, the scrollback is complete, and a window that
changes its size disturbs one row.

What is final does not depend on where the text was cut into tokens: rows are made at places that
the text alone decides. They are each line's first character that tells what the line is, and
wherever a row may have become full. A drawing in between only shows a newer live row.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType, Segments
from rich.text import Text

from starling_local.chat.page import TAB, Block, Page, Row

_CLEAR_ROW = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
_DRAWINGS_PER_S = 30
# Of what is longer, the part that is final is not read again, but for some context.
_LONG_PARAGRAPH, _WORD = 10, "x\n"  # rows
_LONG_CODE, _CODE_CONTEXT = 100, 3  # lines

# What a line is inside of; a line that does not tell yet what it becomes; perhaps one of a table.
_CONTAINERS = r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*"
_UNDECIDED = re.compile(
    _CONTAINERS + r"(?:[-*_+=:| \t]*|#{1,6}[ \t]*|`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^`]*|\d{1,9}[.)]?)"
)
_UNDECIDED_IN_CODE = re.compile(r"[ \t>]*(?:`*|~*)[ \t]*")
_BARRED = re.compile(_CONTAINERS + r"\|")

# What is shown however the markers are understood, and at whatever width.
_WEIGHTY = re.compile(r"[^\s*_`~\[\]()!\\▌]")


class StreamedMarkdown:
    """Draws text as Markdown while it comes; it has no control characters but newline and tab.

    A drawing is one write to the console's file. There are at most 30 a second, and they take at
    most a tenth of the time; one that is left out comes with the next `add`, or with `finish`.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._next_drawing_s = -inf
        self._live = Text()  # what the screen's last row shows
        self._unwritten: list[Row] = []  # rows that are final
        self._tail = ""  # the text from its last block on: all that can still change
        self._begun = _Begun()  # what is final of the tail
        self._seen = 0  # characters of the tail that were followed
        self._room = 0.0  # cells until a row may be full
        self._is_decided = False  # whether the line is known for what it is
        self._page = Page(console, "")  # as it was where rows were made

    def add(self, text: str) -> None:
        """Take more of the answer, and draw it unless that was done a moment ago."""
        self._tail += text
        while end := self._next_place():
            self._make_rows(end)
        began_s = self._clock()
        if began_s >= self._next_drawing_s:
            view = self._view(len(self._tail))
            self._draw(view.final[0].text if view.final else view.live)
            ended_s = self._clock()
            self._next_drawing_s = ended_s + max(1 / _DRAWINGS_PER_S, 9 * (ended_s - began_s))

    def finish(self) -> None:
        """Draw all that is left; the cursor is on a new line then."""
        self._unwritten += self._view(len(self._tail), is_finished=True).final
        self._draw(Text())

    def _next_place(self) -> int:
        """Follow the text to the next place where rows are made; 0 if that is still to come."""
        for end in range(self._seen + 1, len(self._tail) + 1):
            self._seen = end
            char = self._tail[end - 1]
            if char == "\n":
                was_decided, self._is_decided, self._room = self._is_decided, False, 0
                if not was_decided:
                    return end
            else:
                self._room -= TAB if char == "\t" else max(1, cell_len(char))
                if self._room < 0 and not self._is_undecided(self._line(end)):
                    return end
        return 0

    def _line(self, end: int) -> str:
        return self._tail[self._tail.rfind("\n", 0, end) + 1 : end]

    def _is_undecided(self, line: str) -> bool:
        if self._page.in_code:
            return bool(_UNDECIDED_IN_CODE.fullmatch(line))
        return bool(_UNDECIDED.fullmatch(line)) or (self._page.in_table and self._is_barred(line))

    def _is_barred(self, line: str) -> bool:
        return not self._page.in_code and bool(_BARRED.match(line))

    def _make_rows(self, end: int) -> None:
        view = self._view(end)
        self._unwritten += view.final
        self._page = view.page
        if line := self._line(end):
            self._is_decided = not self._is_barred(line)
            self._room = self._console.width - view.live.cell_len if self._is_decided else inf
        if view.block is not None:
            self._begun = view.begun
            self._cut(view.page.offset(view.block.line))
            if view.page.code_line is not None:
                self._shorten_code(view, view.page.code_line - view.block.line)
            elif view.block.node.type == "paragraph":
                self._shorten_paragraph(view)

    def _cut(self, end: int, stub: str = "") -> None:
        """Leave the tail's text up to `end` out, but for a `stub` of it."""
        self._tail = stub + self._tail[end:]
        self._seen += len(stub) - end

    def _shorten_paragraph(self, view: _View) -> None:
        """Keep the live row, if it is the very text that it shows, or else the last line.

        A word stands for the rest, and keeps it what it is: the middle of a paragraph.
        """
        text = self._tail[: self._seen].rstrip()
        live = view.live.plain
        is_shown = text.endswith(live) and live[:1].isalpha() and not view.live.spans
        start = len(text) - len(live) if is_shown else text.rfind("\n") + 1
        if len(view.rows) > _LONG_PARAGRAPH and start > len(_WORD):
            self._shorten(view, start, _WORD)

    def _shorten_code(self, view: _View, opening: int) -> None:
        """Keep the `opening` line and the last ones, if those look the same without the others.

        If not, perhaps with the first line, such as `<?php`.
        """
        lines = self._tail[: self._seen].split("\n")
        head, code = lines[: opening + 1], lines[opening + 1 :]
        if len(code) > _CODE_CONTEXT and len(code) % _CODE_CONTEXT == 0:
            start = self._seen - len("\n".join(code[-_CODE_CONTEXT:]))
            is_same = len(code) < _LONG_CODE
            if not self._shorten(view, start, "\n".join([*head, ""]), is_same=is_same):
                self._shorten(view, start, "\n".join([*head, code[0], ""]), is_same=True)

    def _shorten(self, view: _View, start: int, stub: str, *, is_same: bool = False) -> bool:
        """Leave the tail's text up to `start` out, but for a `stub` of it.

        With `is_same` only if the last rows stay the same; and they must tell: have some style.
        """
        page, _ = self._read(stub + self._tail[start : self._seen])
        block, *others = page.blocks(self._begun.gap, self._begun.number)
        rows = page.rows(block)
        last, before = rows[-_CODE_CONTEXT:], view.rows[-_CODE_CONTEXT:]
        looks_same = last == before and _is_styled(last) == _is_styled(view.rows)
        # The live row might be one with the end of the line before: of code that goes on.
        if others or last[-1:] != before[-1:] or (is_same and not looks_same):
            return False
        begun = self._begun
        final = begun.rows - len(view.rows) + len(rows)
        weight = begun.weight - _weight(view.rows) + _weight(rows)
        self._begun = replace(begun, rows=final, weight=weight)
        self._cut(start, stub)
        return True

    def _view(self, end: int, *, is_finished: bool = False) -> _View:
        """The tail up to `end` as rows: those that are final now, and the live one."""
        page, held = self._read(self._tail[:end], is_finished=is_finished)
        final: list[Row] = []
        left: list[Row] = []
        rows: list[Row] = []
        block, begun = None, self._begun
        for block in page.blocks(begun.gap, begun.number):
            if block.is_next:
                begun = _Begun(block.gap, block.number)
            final += left
            rows = page.rows(block)
            left = begun.left(rows)
            if block.node.type == "table" and not begun.fits(rows):
                left = rows  # what was final is its head, as text
        live = [] if held or is_finished else left[-1:]
        if left:
            final += left[: len(left) - len(live)]
            begun = replace(begun, rows=len(rows) - len(live), weight=_weight(rows) - _weight(live))
        head = Text(held.strip())
        head.truncate(self._console.width, overflow="ellipsis")
        return _View(page, block, rows, final, live[0].text if live else head, begun)

    def _read(self, text: str, *, is_finished: bool = False) -> tuple[Page, str]:
        """The page of `text`, without a last line that is undecided; the line of a table to be."""
        if is_finished:
            return Page(self._console, text, is_finished=True), ""
        line = text[text.rfind("\n") + 1 :]
        is_barred = self._is_barred(line)
        if is_barred or self._is_undecided(line):
            text = text[: len(text) - len(line)]
        page = Page(self._console, text)
        if page.in_table or page.in_code:
            return page, ""
        # Only the line after it tells whether a line is the head of a table.
        before = text[text.rfind("\n", 0, -1) + 1 :]
        if before.endswith("\n") and self._is_barred(before):
            text, is_barred, line = text.removesuffix(before), True, before
        return (Page(self._console, text, is_finished=True), line) if is_barred else (page, "")

    def _draw(self, live: Text) -> None:
        if not self._unwritten and live == self._live:
            return
        drawn = Text()
        for row in self._unwritten:
            drawn.append_text(row.text).append("" if row.wraps else "\n")
        with self._console:  # which writes all at its end
            if self._live:
                self._console.control(_CLEAR_ROW)
            # As segments: of a text, some versions of rich leave out spaces that exceed a row.
            segments = drawn.append_text(live).render(self._console)
            self._console.print(Segments(segments), soft_wrap=True)
        self._unwritten, self._live = [], live


def opening_of_code(console: Console, text: str) -> str:
    """The line that opens the code which a text ends in; empty if it ends in none."""
    line = Page(console, text).code_line
    found = line is not None and re.search(r"(?:`{3,}|~{3,}).*", text.split("\n")[line])
    return found[0] if found else ""


def _weight(rows: Sequence[Row]) -> int:
    """How much the rows say: the characters shown however the markers are understood."""
    return sum(len(_WEIGHTY.findall(row.text.plain)) for row in rows)


def _is_styled(rows: Sequence[Row]) -> bool:
    return any(row.text.spans for row in rows)


@dataclass(frozen=True)
class _Begun:
    """What comes before a block, its number in a list, and how much of it is final."""

    gap: bool = False
    number: int | None = None
    rows: int = 0
    weight: int = 0

    def fits(self, rows: list[Row]) -> bool:
        """Whether the rows look as they did when some became final."""
        return _weight(rows[: self.rows]) == self.weight

    def left(self, rows: list[Row]) -> list[Row]:
        """Those of all its rows that are not final.

        The width may have changed since, or a marker that was thought to be closed is not: then
        no letter must be lost or come twice.
        """
        if self.fits(rows):
            return rows[self.rows :]
        weight = self.weight
        for index, row in enumerate(rows):
            if not weight:
                return rows[index:]
            places = [found.start() for found in _WEIGHTY.finditer(row.text.plain)]
            if weight < len(places):
                # What is between the two letters belongs to the first, up to a space.
                between = row.text.plain[places[weight - 1] + 1 : places[weight]]
                start = places[weight] - len(between.partition(" ")[2])
                return [replace(row, text=row.text.divide([start])[1]), *rows[index + 1 :]]
            weight -= len(places)
        return []


@dataclass(frozen=True)
class _View:
    """A page, its last block and that one's rows; all rows that are final now, and the live one."""

    page: Page
    block: Block | None
    rows: list[Row]
    final: list[Row]
    live: Text
    begun: _Begun
