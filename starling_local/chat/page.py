"""Text as Markdown: its blocks, and the rows of a terminal that show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode
from rich import box
from rich.cells import chop_cells
from rich.console import Console, JustifyMethod
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.table import Table
from rich.text import Text

TAB = 4
_NARROWEST = 4  # cells that an indentation must leave
_RULE = 40  # cells

# What an unfinished text may end with: half a marker, a link's address, code.
_HALF_MARKER = re.compile(r"(?:[*_~`\\]+|!?\[)\Z")
_OPEN_LINK = re.compile(r"\[[^\[\]]*\]\([^()\s]*\Z")
_CODE_SPAN = re.compile(r"\\.|(`+)(?!`)(?:.*?[^`])\1(?!`)|(?P<open>`+)", re.DOTALL)

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


@dataclass(frozen=True)
class Row:
    """What one row of the terminal shows; `wraps`: the terminal goes on in the next by itself."""

    text: Text
    wraps: bool = False


@dataclass(frozen=True)
class Block:
    """A part of the text that cannot change once the next begins: an item, or all but a list."""

    node: SyntaxTreeNode
    is_next: bool  # and not the first of the tail
    gap: bool  # an empty row before it
    number: int | None = None

    @property
    def line(self) -> int:
        """Its first line in the text."""
        return _lines(self.node)[0]


class Page:
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

    def blocks(self, gap: bool, number: int | None) -> Iterator[Block]:
        """All blocks; the first may have a gap before it, and a number if it is of a list."""
        is_next, start = False, number
        for node in self._root.children:
            if node.type in ("bullet_list", "ordered_list"):
                for index, item in enumerate(node.children):
                    if index:
                        gap = self._is_parted(item)
                    yield Block(item, is_next, gap, _number(node, index, start))
                    is_next = True
            else:
                yield Block(node, is_next, gap)
            is_next, gap, start = True, True, None

    def rows(self, block: Block) -> list[Row]:
        """What the block looks like, the empty row before it included."""
        if block.node.type == "list_item":
            rows = self._item(block.node, block.number, self._width)
        else:
            rows = self._rows(block.node, self._width)
        return [Row(Text()), *rows] if block.gap and rows else rows

    def _is_parted(self, node: SyntaxTreeNode) -> bool:
        """Whether there is an empty line before the node."""
        return not self._lines[_lines(node)[0] - 1].strip(" \t>")

    def _rows(self, node: SyntaxTreeNode, width: int) -> list[Row]:
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
                return [Row(Text("─" * min(width, _RULE), _DIM))]
            case "table":
                return self._table(node, width)
            case "blockquote":
                return self._inside(node, width, Text("▌ ", _DIM), Text("▌ ", _DIM))
            case _:
                return self._children(node, width)

    def _children(self, node: SyntaxTreeNode, width: int) -> list[Row]:
        rows: list[Row] = []
        for index, child in enumerate(node.children):
            if index and self._is_parted(child):
                rows.append(Row(Text()))
            if child.type == "list_item":
                rows += self._item(child, _number(node, index), width)
            else:
                rows += self._rows(child, width)
        return rows

    def _item(self, node: SyntaxTreeNode, number: int | None, width: int) -> list[Row]:
        marker = "• " if number is None else f"{number}{node.markup} "
        return self._inside(node, width, Text(marker), Text(" " * len(marker)))

    def _inside(self, node: SyntaxTreeNode, width: int, first: Text, other: Text) -> list[Row]:
        """The children, with something before each of their rows where there is room for it."""
        if width - len(first) < _NARROWEST:
            first = other = Text()
        rows: list[Row] = []
        for row in self._children(node, width - len(first)) or [Row(Text())]:
            text = (other if rows else first) + row.text
            if not row.text:
                text.rstrip()
            rows.append(replace(row, text=text))
        return rows

    def _wrapped(self, text: Text, width: int) -> list[Row]:
        lines = text.wrap(self._console, width, overflow="fold", tab_size=TAB)
        for line in lines:
            line.rstrip()
        return [Row(line) for line in lines]

    def _code(self, node: SyntaxTreeNode, width: int) -> list[Row]:
        """Lines of code. The terminal wraps them, so that it copies them without a break."""
        wraps = width == self._width
        rows: list[Row] = []
        for line in _highlighted(node.info, _code_lines(node)):
            *full, last = _divided(line, width)
            rows += [Row(part, wraps and part.cell_len == width) for part in full]
            rows.append(Row(last))
        return rows

    def _table(self, node: SyntaxTreeNode, width: int) -> list[Row]:
        head, *body = [row for part in node.children for row in part.children]
        if node in self._open:
            status = Text(f"… table, {len(body)} row" + "s" * (len(body) != 1), _DIM)
            status.truncate(width)
            return [Row(status)]
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
        return [Row(text) for text in texts]

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
    code = node.content.expandtabs(TAB).removesuffix("\n")
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
