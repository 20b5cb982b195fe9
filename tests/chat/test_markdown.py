"""Markdown drawn while it comes: what the screen shows then, and that it does not matter how."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import pairwise, product

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from starling_local.chat.markdown import StreamedMarkdown

CLEAR_LINE = "\r\x1b[2K"
Look = tuple[str, bool, bool, str]  # a character, bold, italic, colour

PYTHON = '''\
def merge(left: list[int], right: list[int]) -> list[int]:
    """Merge two lists.

    Both are sorted.
    """
    out = []
    while left and right:
\tout.append(left.pop(0) if left[0] <= right[0] else right.pop(0))  # the smaller one, always

    return out + left + right
'''
ANSWER = f"""\
# Sorting *lists*

There are **two ways that you want to know**: `sorted()` and ~~qsort~~ `list.sort()`.
A line by itself.

1. **sorted(x)** returns a new list, which is often what one wants
2. `x.sort()` does not
   - it is faster
   - it returns `None`

10. ten

```python
{PYTHON}```
| Function | In place |
|---|:-:|
| `sorted` | no |
| `sort` | **yes** |

> Make it work.
> 1. Then make it fast.
---
See [the docs](https://docs.python.org/3/) and https://example.com, <b>really</b>.
"""
PARTS = [
    *ANSWER.split("\n\n"),
    PYTHON,
    f"```python\n{PYTHON}",
    "1. x\n   ```js\n   const a = `t\n   ${b}`;\n   ```\n   after",
    "**never closed, and long enough for some rows, at least where rows are short",
    "日本語のテキストは空白がないので長い行になります。**太字**です 👍",
    "| no table",
    "Title\n===",
    "a | b\n--|--\n1 | 2",
    "    indented",
    "supercalifragilisticexpialidocious" * 3,
    "[a](",
    "x\n" * 20,
    "- ",
    "12",
    "\n",
]


class Screen:
    """A stream, and what a terminal makes of it. Every `add` draws, `interval_s` being enough."""

    def __init__(self, width: int = 80, interval_s: float = 1) -> None:
        self.width = width
        self.now_s = 0.0
        self._interval_s = interval_s
        self._file = io.StringIO()
        self.console = Console(
            file=self._file,
            force_terminal=True,
            color_system="standard",
            width=width,
            _environ={},
        )
        self._markdown = StreamedMarkdown(self.console, clock=lambda: self.now_s)

    def add(self, *pieces: str) -> Screen:
        for piece in pieces:
            self._markdown.add(piece)
            self.now_s += self._interval_s
        return self

    def finish(self) -> Screen:
        self._markdown.finish()
        return self

    @property
    def raw(self) -> str:
        return self._file.getvalue()

    def looks(self) -> list[list[Look]]:
        """All rows down to the cursor's."""
        # The scrollback is a part of it: the screen is high.
        screen = pyte.Screen(self.width, 1 + self.raw.count("\n") + len(self.raw) // self.width)
        screen.set_mode(pyte.modes.LNM)
        pyte.Stream(screen).feed(self.raw)
        cells = [
            [screen.buffer[row][column] for column in range(self.width)]
            for row in range(screen.cursor.y + 1)
        ]
        return [[(cell.data, cell.bold, cell.italics, cell.fg) for cell in row] for row in cells]

    def rows(self) -> list[str]:
        return ["".join(look[0] for look in row).rstrip() for row in self.looks()]


def whole(text: str, width: int = 80) -> list[str]:
    """The rows of a text at once; the last one is empty, where the cursor is."""
    return Screen(width).add(text).finish().rows()


def unstyled(screen: Screen) -> str:
    """What was written, without what may drive the terminal."""
    return re.sub(r"\x1b\[[\d;]*m", "", screen.raw.replace(CLEAR_LINE, ""))


@st.composite
def documents(draw: st.DrawFn) -> str:
    noise = st.text("*_`#->|[]()~1. \n\\!ab:=", max_size=20)
    parts = draw(st.lists(st.sampled_from(PARTS) | noise, min_size=1, max_size=6))
    return "".join(part + draw(st.sampled_from(["", "\n", "\n\n"])) for part in parts)


@st.composite
def cut_documents(draw: st.DrawFn) -> list[str]:
    text = draw(documents())
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=60))
    return [text[start:end] for start, end in pairwise([0, *sorted(cuts), len(text)])]


# There is no exception, whatever the text: all that is final is a function of the text alone.
@settings(max_examples=100, deadline=None)
@given(cut_documents(), st.sampled_from([6, 10, 24, 80]), st.sampled_from([0, 0.01, 1]))
def test_the_pieces_do_not_matter(pieces: list[str], width: int, interval_s: float) -> None:
    pieced = Screen(width, interval_s).add(*pieces).finish()
    assert pieced.looks() == Screen(width).add("".join(pieces)).finish().looks()


@pytest.mark.parametrize("width", [10, 40, 80])
def test_every_character_by_itself(width: int) -> None:
    assert Screen(width).add(*ANSWER).finish().rows() == whole(ANSWER, width)


@settings(max_examples=30, deadline=None)
@given(documents(), st.sampled_from([1, 2, 3, 10, 80]))
def test_nothing_but_styles_and_one_line_cleared(text: str, width: int) -> None:
    screen = Screen(width).add(*text).finish()
    assert unstyled(screen).replace("\n", "").isprintable()
    raw = screen.raw
    assert not raw or raw.endswith(("\n", CLEAR_LINE))


@pytest.mark.parametrize(
    "text",
    [
        "&#27;[2J &#x202e; &#155;2J",
        "<https://example.com/%1b%5b2J>",
        "[a](https://example.com/%1b%5b2J)",
        "[a](https://example.com/&#x202e;)",
        "```&#27;[2J\nx\n```",
        "![a](&#27;[2J)",
    ],
)
def test_no_control_character_comes_back(text: str) -> None:
    plain = unstyled(Screen().add(text).finish())
    assert plain.replace("\n", "").isprintable()
    assert "\u202e" not in plain


def test_what_it_looks_like() -> None:
    assert whole(ANSWER, 44) == [
        "Sorting lists",
        "",
        "There are two ways that you want to know:",
        "sorted() and qsort list.sort().",
        "A line by itself.",
        "",
        "1. sorted(x) returns a new list, which is",
        "   often what one wants",
        "2. x.sort() does not",
        "   • it is faster",
        "   • it returns None",
        "",
        "3. ten",
        "",
        "def merge(left: list[int], right: list[int])",
        " -> list[int]:",
        '    """Merge two lists.',
        "",
        "    Both are sorted.",
        '    """',
        "    out = []",
        "    while left and right:",
        "    out.append(left.pop(0) if left[0] <= rig",
        "ht[0] else right.pop(0))  # the smaller one,",
        " always",
        "",
        "    return out + left + right",
        "",
        "Function   In place",
        "───────────────────",
        "sorted        no",
        "sort         yes",
        "",
        "▌ Make it work.",
        "▌ 1. Then make it fast.",
        "",
        "────────────────────────────────────────",
        "",
        "See the docs (https://docs.python.org/3/)",
        "and https://example.com, <b>really</b>.",
        "",
    ]


def test_the_empty_answer() -> None:
    assert Screen().add("", "").finish().raw == ""
    assert Screen().add("\n\n").finish().raw == ""


@pytest.mark.parametrize("language", ["python", "", "no-such-language"])
@pytest.mark.parametrize("width", [23, 80])
def test_code_can_be_copied(language: str, width: int) -> None:
    code = PYTHON.expandtabs(4) * 4
    # With one drawing only, nothing was drawn twice: this is what the terminal wraps by itself.
    screen = Screen(width, interval_s=0).add("", *f"```{language}\n{code}```\n").finish()
    assert unstyled(screen) == code
    assert Screen(width).add(*f"```{language}\n{code}```\n").finish().rows() == screen.rows()


def test_code_in_an_item_can_be_copied() -> None:
    code = PYTHON.expandtabs(4)
    source = f"1. So:\n\n```python\n{code}```\n".replace("\n", "\n   ")
    indented = [f"   {line}".rstrip() for line in code.split("\n")]
    assert whole(source, 120) == ["1. So:", "", *indented]


def test_code_has_the_colours_of_its_language() -> None:
    docstring = "".join(f"    words {number}, import\n\n" for number in range(20))
    code = f'def f(x):\n    """\n{docstring}    """\n    return x  # so\n' * 3
    looks = Screen().add(*f"```python\n{code}").finish().looks()
    rows = ["".join(look[0] for look in row).rstrip() for row in looks]
    for row, text in zip(looks, rows, strict=True):
        if text.startswith("    words"):
            assert {look[3] for look in row[4 : len(text)]} == {"green"}
        if text == "def f(x):":
            assert row[0][3] == "magenta"
    plain = Screen().add(f"```no-such-language\n{code}").finish().looks()
    assert {look[3] for row in plain for look in row} == {"default"}


def test_a_first_line_on_which_the_colours_depend() -> None:
    code = "<?php\n" + "foreach ($list as $item) { echo 1; }\n" * 120
    looks = Screen().add(f"```php\n{code}").finish().looks()
    assert [row[0][3] for row in looks[1:-1]] == ["magenta"] * 120


def test_bold_is_bold_from_its_first_letter() -> None:
    text = "It is **bold text that is long enough for two rows**, see?"
    screen = Screen(30)
    for char in text:
        shown = [look for row in screen.add(char).looks() for look in row if look[0] != " "]
        assert "*" not in {look[0] for look in shown}
        letters = "".join(look[0] for look in shown)
        bold = "".join(look[0] for look in shown if look[1])
        assert bold == letters[4:].split(",")[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a **b", "a b"),
        ("a **b *c", "a b c"),
        ("a `b **c", "a b **c"),
        ("a **b `c", "a b c"),
        ("a [b](https://ex", "a b (https://ex)"),
        ("**a [b](https://ex", "a b (https://ex)"),
        ("a ~~b", "a b"),
        ("2*3 and x_y and 2 * 3", "2*3 and x_y and 2 * 3"),
        ("这是**太", "这是太"),
        ("a **", "a"),
        ("# a **b", "a b"),
        ("- a **b", "• a b"),
        ("> a **b", "▌ a b"),
    ],
)
def test_open_markers(text: str, shown: str) -> None:
    assert Screen().add(text).rows() == [shown]


def test_what_stays_open_is_shown_as_it_is() -> None:
    assert whole("**Note: all words\n\nare there") == ["**Note: all words", "", "are there", ""]
    long = "**Note: all words are there, once"
    words = re.findall(r"\w+", " ".join(whole(f"{long}\n\nmore", 10)))
    assert words == [*re.findall(r"\w+", long), "more"]


def test_undecided_lines_wait() -> None:
    screen = Screen().add("text\n", "--")
    assert screen.rows() == ["text"]
    assert screen.add("-\n", "x").rows() == ["text", "", "─" * 40, "", "x"]
    assert Screen().add("```py", "th").raw == ""
    assert Screen().add("text\n", "1", ".").rows() == ["text"]


def test_an_underlined_title_stays_text() -> None:
    assert whole("Title\n===\n\ntext") == ["Title", "===", "", "text", ""]
    assert whole("text\n---\nmore") == ["text", "", "─" * 40, "", "more", ""]


def test_a_table_waits_until_it_is_complete() -> None:
    screen = Screen().add("text\n", "| a | b")
    assert screen.rows() == ["text", "| a | b"]
    assert screen.add(" |\n", "|--").rows() == ["text", "| a | b |"]
    assert screen.add("-|---|\n").rows() == ["text", "", "… table, 0 rows"]
    assert screen.add("| 1 | 22").rows() == ["text", "", "… table, 0 rows"]
    assert screen.add("22 |\n").rows() == ["text", "", "… table, 1 row"]
    table = ["text", "", "a   b", "────────", "1   2222"]
    assert screen.add("\n").rows() == table
    assert screen.add("more").rows() == [*table, "", "more"]


def test_what_is_no_table() -> None:
    assert whole("| a |\n| b |\nc") == ["| a |", "| b |", "c", ""]
    assert whole("| a |") == ["| a |", ""]
    # Wider than a row, without a bar at its start: the rows above cannot be taken back.
    assert whole("aaaa bbbb cccc | d\n--|--\n1 | 2\n", 12)[0] == "aaaa bbbb"


def test_html_and_entities_are_text() -> None:
    text = "<b>a</b> &amp; <!-- b --> <https://example.com>"
    assert whole(text) == [text, ""]
    assert whole(f"<div>\n{text}\n</div>\n\n<br>") == ["<div>", text, "</div>", "", "<br>", ""]


def test_links_say_where_they_lead() -> None:
    assert whole("[https://a.com](https://b.com) [https://a.com](https://a.com)") == [
        "https://a.com (https://b.com) https://a.com",
        "",
    ]
    assert whole("![alt](a.png) [x](javascript:b)") == ["alt (a.png) [x](javascript:b)", ""]
    assert "\x1b]" not in Screen().add("[a](https://b.com)").finish().raw


def test_blocks_are_one_row_apart() -> None:
    assert whole("# a\nb\n- c\n- d\n\n\n\n- e\n* f\n```\ng\n```\nh") == (
        ["a", "", "b", "", "• c", "• d", "", "• e", "", "• f", "", "g", "", "h", ""]
    )


@pytest.mark.parametrize("width", [1, 2, 3, 5, 10])
def test_narrow_terminals(width: int) -> None:
    screen = Screen(width).add(*ANSWER, "\n日本語\n\n> > > > - 1. deep").finish()
    assert screen.raw
    if width > 3:
        assert "".join(re.findall(r"\w", "".join(screen.rows()))).endswith("日本語deep")


def test_wide_and_long_words() -> None:
    assert whole("日本語日本語", 10) == ["日本語日本", "語", ""]
    assert whole("x\u0301" * 9, 10) == ["x\u0301" * 9, ""]
    assert whole("see " + "x" * 25, 10) == ["see", "x" * 10, "x" * 10, "x" * 5, ""]


def test_another_width_loses_and_doubles_nothing() -> None:
    words = [f"word{number}" for number in range(60)]
    screen = Screen(60)
    for index, word in enumerate(words):
        if index in (25, 45):
            screen.console.width = 35
        screen.add(f"{word} ")
    screen.finish()
    final = [line.split(CLEAR_LINE)[-1] for line in screen.raw.split("\n")]
    assert " ".join(final).split() == words


def test_at_most_thirty_drawings_a_second() -> None:
    now_s, written = [0.0], []

    class File(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return super().write(text)

    markdown = StreamedMarkdown(Console(file=File()), clock=lambda: now_s[0])
    for number in range(1000):
        markdown.add(f"w{number} ")
        now_s[0] += 0.001
    assert len(written) <= 31
    markdown.finish()
    assert "".join(written).endswith("w999\n")


def characters_read(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many characters the parser is given for a text, a small piece at a time."""
    read = 0
    parse = MarkdownIt.parse

    def counted(self: MarkdownIt, src: str, env: None = None) -> Sequence[object]:
        nonlocal read
        read += len(src)
        return parse(self, src, env)

    with monkeypatch.context() as patch:
        patch.setattr(MarkdownIt, "parse", counted)
        Screen(interval_s=0).add(*text).finish()
    return read


LINES = [
    "A line of an answer, and **some** more of it, so that it is long enough to be wrapped.\n",
    "7\n",
    "A paragraph.\n\n",
    "1. An item\n   - and one in it\n",
    PYTHON,
]


@pytest.mark.parametrize(
    ("before", "part"),
    [
        *product(["", "```python\n", "1. a\n   ```\n   "], LINES),
        ("", "A line that does not end, and **some** more of it. "),
    ],
)
def test_the_cost_is_linear(before: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if before.startswith("1"):
        part = part.replace("\n", "\n   ")
    count = 1500 // len(part)
    once = characters_read(before + part * count, monkeypatch)
    twice = characters_read(before + part * 2 * count, monkeypatch)
    assert twice < 2.5 * once
