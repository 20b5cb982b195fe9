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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from math import inf
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode
from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, JustifyMethod
from rich.control import Control
from rich.segment import ControlType, Segments
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.table import Table
from rich.text import Text

_CLEAR_ROW = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
_DRAWINGS_PER_S = 30
_TAB = 4
_NARROWEST = 4  # cells that an indentation must leave
_RULE = 40  # cells
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

# What an unfinished text may end with: half a marker, a link's address, code.
_HALF_MARKER = re.compile(r"(?:[*_~`\\]+|!?\[)\Z")
_OPEN_LINK = re.compile(r"\[[^\[\]]*\]\([^()\s]*\Z")
_CODE_SPAN = re.compile(r"\\.|(`+)(?!`)(?:.*?[^`])\1(?!`)|(?P<open>`+)", re.DOTALL)
# What is shown however the markers are understood, and at whatever width.
_WEIGHTY = re.compile(r"[^\s*_`~\[\]()!\\▌]")

# Of the colours that each terminal sets itself, those for dark and light alike. Errors have none:
# half a line of code is one more often than not.
_THEME = ANSISyntaxTheme(
    {
        tuple(token.split(".")): Style.parse(style)
        for style, tokens in {
            "dim italic": "Comment",
            "magenta": "Keyword Operator.Word",
            "cyan": "Keyword.Type Literal.Number Name.Attribute Name.Builtin",
            "green": "Literal.String Generic.Inserted",
            "blue": "Name.Function Name.Tag",
            "bold blue": "Name.Class",
            "yellow": "Name.Decorator Name.Variable",
            "red": "Generic.Deleted",
            "bold": "Generic.Heading",
        }.items()
        for token in tokens.split()
    }
)
_STYLES = {
    "strong": Style(bold=True),
    "em": Style(italic=True),
    "s": Style(strike=True),
    "code": Style(color="cyan"),
}
_PLAIN = Style()
_DIM = Style(dim=True)


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
        self._unwritten: list[_Row] = []  # rows that are final
        self._tail = ""  # the text from its last block on: all that can still change
        self._begun = _Begun()  # what is final of the tail
        self._seen = 0  # characters of the tail that were followed
        self._room = 0.0  # cells until a row may be full
        self._is_decided = False  # whether the line is known for what it is
        self._page = _Page(console, "")  # as it was where rows were made

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
                self._room -= _TAB if char == "\t" else max(1, cell_len(char))
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
        block, *others = page.blocks(self._begun)
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
        final: list[_Row] = []
        left: list[_Row] = []
        rows: list[_Row] = []
        block, begun = None, self._begun
        for block in page.blocks(begun):
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

    def _read(self, text: str, *, is_finished: bool = False) -> tuple[_Page, str]:
        """The page of `text`, without a last line that is undecided; the line of a table to be."""
        if is_finished:
            return _Page(self._console, text, is_finished=True), ""
        line = text[text.rfind("\n") + 1 :]
        is_barred = self._is_barred(line)
        if is_barred or self._is_undecided(line):
            text = text[: len(text) - len(line)]
        page = _Page(self._console, text)
        if page.in_table or page.in_code:
            return page, ""
        # Only the line after it tells whether a line is the head of a table.
        before = text[text.rfind("\n", 0, -1) + 1 :]
        if before.endswith("\n") and self._is_barred(before):
            text, is_barred, line = text.removesuffix(before), True, before
        return (_Page(self._console, text, is_finished=True), line) if is_barred else (page, "")

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


@dataclass(frozen=True)
class _Row:
    """What one row of the terminal shows; `wraps`: the terminal goes on in the next by itself."""

    text: Text
    wraps: bool = False


def _weight(rows: Sequence[_Row]) -> int:
    """How much the rows say: the characters shown however the markers are understood."""
    return sum(len(_WEIGHTY.findall(row.text.plain)) for row in rows)


def _is_styled(rows: Sequence[_Row]) -> bool:
    return any(row.text.spans for row in rows)


@dataclass(frozen=True)
class _Begun:
    """What comes before a block, its number in a list, and how much of it is final."""

    gap: bool = False
    number: int | None = None
    rows: int = 0
    weight: int = 0

    def fits(self, rows: list[_Row]) -> bool:
        """Whether the rows look as they did when some became final."""
        return _weight(rows[: self.rows]) == self.weight

    def left(self, rows: list[_Row]) -> list[_Row]:
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
class _Block:
    """A part of the text that cannot change once the next begins: an item, or all but a list."""

    node: SyntaxTreeNode
    is_next: bool  # and not the first of the tail
    gap: bool  # an empty row before it
    number: int | None = None

    @property
    def line(self) -> int:
        return _lines(self.node)[0]


@dataclass(frozen=True)
class _View:
    """A page, its last block and that one's rows; all rows that are final now, and the live one."""

    page: _Page
    block: _Block | None
    rows: list[_Row]
    final: list[_Row]
    live: Text
    begun: _Begun


class _Page:
    """Text read as Markdown, and what it looks like; a pure function of the text and the width."""

    def __init__(self, console: Console, text: str, *, is_finished: bool = False) -> None:
        self._console = console
        self._width = max(2, console.width)
        self._lines = text.split("\n")
        self._root = SyntaxTreeNode(_MARKDOWN.parse(text))
        self._open = [] if is_finished else self._unfinished()
        last = self._open[-1] if self._open else self._root
        self.in_table = last.type == "table"  # and the next line may be a row
        self.in_code = last.type == "fence" and _is_unclosed(last)  # or of code
        self.code_line = _lines(last)[0] if self.in_code else None  # where that is opened

    def _unfinished(self) -> list[SyntaxTreeNode]:
        """The nodes that the text ends in, from the outermost on."""
        nodes = [self._root]
        while nodes[-1].children and nodes[-1].type != "table":
            nodes.append(nodes[-1].children[-1])
        last = [_lines(node)[1] for node in nodes[1:] if node.map]
        return nodes if last and last[-1] >= len(self._lines) - (not self._lines[-1]) else []

    def offset(self, line: int) -> int:
        """Where in the text a line begins."""
        return sum(len(text) + 1 for text in self._lines[:line])

    def blocks(self, begun: _Begun) -> Iterator[_Block]:
        """All blocks, the first of which is `begun`."""
        is_next, gap, start = False, begun.gap, begun.number
        for node in self._root.children:
            if node.type in ("bullet_list", "ordered_list"):
                for index, item in enumerate(node.children):
                    if index:
                        gap = self._is_parted(item)
                    yield _Block(item, is_next, gap, _number(node, index, start))
                    is_next = True
            else:
                yield _Block(node, is_next, gap)
            is_next, gap, start = True, True, None

    def rows(self, block: _Block) -> list[_Row]:
        """What the block looks like, the empty row before it included."""
        if block.node.type == "list_item":
            rows = self._item(block.node, block.number, self._width)
        else:
            rows = self._rows(block.node, self._width)
        return [_Row(Text()), *rows] if block.gap and rows else rows

    def _is_parted(self, node: SyntaxTreeNode) -> bool:
        """Whether there is an empty line before the node."""
        return not self._lines[_lines(node)[0] - 1].strip(" \t>")

    def _rows(self, node: SyntaxTreeNode, width: int) -> list[_Row]:
        match node.type:
            case "paragraph":
                return self._wrapped(self._inline(node), width)
            case "heading":
                text = self._inline(node)
                text.stylize(Style(bold=True, underline=node.tag == "h1"))
                return self._wrapped(text, width)
            case "fence" | "code_block":
                return self._code(node, width)
            case "hr":
                return [_Row(Text("─" * min(width, _RULE), _DIM))]
            case "table":
                return self._table(node, width)
            case "blockquote":
                return self._inside(node, width, Text("▌ ", _DIM), Text("▌ ", _DIM))
            case _:
                return self._children(node, width)

    def _children(self, node: SyntaxTreeNode, width: int) -> list[_Row]:
        rows: list[_Row] = []
        for index, child in enumerate(node.children):
            if index and self._is_parted(child):
                rows.append(_Row(Text()))
            if child.type == "list_item":
                rows += self._item(child, _number(node, index), width)
            else:
                rows += self._rows(child, width)
        return rows

    def _item(self, node: SyntaxTreeNode, number: int | None, width: int) -> list[_Row]:
        marker = "• " if number is None else f"{number}{node.markup} "
        return self._inside(node, width, Text(marker), Text(" " * len(marker)))

    def _inside(self, node: SyntaxTreeNode, width: int, first: Text, other: Text) -> list[_Row]:
        """The children, with something before each of their rows where there is room for it."""
        if width - len(first) < _NARROWEST:
            first = other = Text()
        rows: list[_Row] = []
        for row in self._children(node, width - len(first)) or [_Row(Text())]:
            text = (other if rows else first) + row.text
            if not row.text:
                text.rstrip()
            rows.append(replace(row, text=text))
        return rows

    def _wrapped(self, text: Text, width: int) -> list[_Row]:
        lines = text.wrap(self._console, width, overflow="fold", tab_size=_TAB)
        for line in lines:
            line.rstrip()
        return [_Row(line) for line in lines]

    def _code(self, node: SyntaxTreeNode, width: int) -> list[_Row]:
        """Lines of code. The terminal wraps them, so that it copies them without a break."""
        wraps = width == self._width
        rows: list[_Row] = []
        for line in _highlighted(node.info, _code_lines(node)):
            *full, last = _divided(line, width)
            rows += [_Row(part, wraps and part.cell_len == width) for part in full]
            rows.append(_Row(last))
        return rows

    def _table(self, node: SyntaxTreeNode, width: int) -> list[_Row]:
        head, *body = [row for part in node.children for row in part.children]
        if node in self._open:
            status = Text(f"… table, {len(body)} row" + "s" * (len(body) != 1), _DIM)
            status.truncate(width)
            return [_Row(status)]
        table = Table(
            box=box.SIMPLE, show_edge=False, pad_edge=False, header_style="bold", border_style=_DIM
        )
        for cell in head.children:
            justify = str(cell.attrs.get("style", "")).removeprefix("text-align:") or "left"
            table.add_column(
                self._inline(cell), justify=cast(JustifyMethod, justify), overflow="fold"
            )
        for row in body:
            table.add_row(*(self._inline(cell) for cell in row.children))
        options = self._console.options.update(width=width)
        lines = self._console.render_lines(table, options, pad=False)
        texts = [Text.assemble(*((part.text, part.style or "") for part in line)) for line in lines]
        for text in texts:
            text.rstrip()
        return [_Row(text) for text in texts]

    def _inline(self, node: SyntaxTreeNode) -> Text:
        """The text of a paragraph, heading or cell; what is open at the end of all is closed."""
        inline = node.children[0]
        content = _closed(inline.content) if inline in self._open else inline.content
        text, styles = Text(), [_PLAIN]
        links: list[tuple[int, str]] = []  # where the text begins, and the address
        for token in _MARKDOWN.inline.parse(content, _MARKDOWN, {}, []):
            style = styles[-1]
            if token.tag in _STYLES and token.nesting == 1:
                styles.append(style + _STYLES[token.tag])
            elif token.tag in _STYLES and token.nesting == -1:
                styles.pop()
            elif token.type == "link_open":
                links.append((len(text), str(token.attrs["href"])))
            elif token.type == "link_close":
                start, address = links.pop()
                text.append(_address(text.plain[start:], address), style)
            elif token.type == "image":
                text.append(token.content, style)
                text.append(_address(token.content, str(token.attrs["src"])), style)
            elif token.type in ("softbreak", "hardbreak"):
                text.append("\n")
            else:
                text.append(token.content, style + _STYLES.get(token.tag, _PLAIN))
        return text


def _address(text: str, address: str) -> str:
    """What follows a link's text: nothing of what a terminal shows is to be where it is not."""
    return "" if address in ("", text, f"mailto:{text}") else f" ({address})"


def _lines(node: SyntaxTreeNode) -> tuple[int, int]:
    """The node's first line, and the one after its last."""
    assert node.map is not None
    return node.map


def _number(items: SyntaxTreeNode, index: int, start: int | None = None) -> int | None:
    """The number of an item, if it has one."""
    if items.type == "bullet_list":
        return None
    return int(items.attrs.get("start", 1) if start is None else start) + index


def _closed(content: str) -> str:
    """`content` with all closed that its last line leaves open."""
    content = _HALF_MARKER.sub("", content.rstrip()).rstrip()
    code = [span for span in _CODE_SPAN.finditer(content) if span["open"]]
    if code and "\n" not in content[code[-1].end() :]:
        content += code[-1]["open"]
    elif _OPEN_LINK.search(content):
        content += ")"
    environment: dict[str, str] = {}
    _MARKDOWN.inline.parse(content, _MARKDOWN, environment, [])
    return content + environment["closers"]


def _note_open(state: StateInline) -> None:
    """A rule of the inline parser: what would close the emphasis that the last line leaves open."""
    breaks = [at for at, token in enumerate(state.tokens) if token.tag == "br"]
    state.env["closers"] = "".join(
        chr(marker.marker) * (2 if chr(marker.marker) == "~" else 1)
        for marker in reversed(state.delimiters)
        if marker.open
        and marker.end < 0
        and marker.token > max(breaks, default=-1)
        # Single ones within a word, as in 2*3, more often are none.
        and (not marker.close or marker.length > 1)
    )


def _parser() -> MarkdownIt:
    """CommonMark with tables, and without what would make the text another one than was written.

    So HTML, entities and `<links>` stay what they are; the last two could also bring control
    characters back. References and underlined headings would change lines that are final.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.disable(["inline", "entity", "autolink", "reference", "lheading"])
    parser.inline.ruler2.push("note_open", _note_open)
    return parser


_MARKDOWN = _parser()


def _is_unclosed(fence: SyntaxTreeNode) -> bool:
    first, after = _lines(fence)
    return after - first == 1 + len(_code_lines(fence))


def _code_lines(node: SyntaxTreeNode) -> list[str]:
    code = node.content.expandtabs(_TAB).removesuffix("\n")
    return code.split("\n") if node.content else []


def _divided(line: Text, width: int) -> Sequence[Text]:
    """The rows that the terminal makes of a line."""
    if line.cell_len <= width:
        return [line]
    ends = list(accumulate(len(part) for part in chop_cells(line.plain, width)))
    return list(line.divide(ends[:-1]))


@lru_cache
def _syntax(language: str) -> Syntax | None:
    """What knows the colours of a language, if any does."""
    lexer = Syntax("", language).lexer
    return lexer and Syntax("", lexer, theme=_THEME)


def _highlighted(info: str, lines: list[str]) -> list[Text]:
    syntax = _syntax(info.partition(" ")[0].lower())
    if syntax is None:
        return [Text(line) for line in lines]
    text = syntax.highlight("\n".join(lines))
    return list(text.split("\n", allow_blank=True))[: len(lines)]
