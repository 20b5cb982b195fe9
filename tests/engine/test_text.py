"""Text put together from the bytes of tokens."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from starling_local.engine.text import StreamedText
from starling_local.errors import UsageError


def outputs(pieces: Iterable[bytes], stop: Sequence[str] = ()) -> list[str]:
    """What each piece gave, then what the end gave."""
    stream = StreamedText(stop)
    given_out = [stream.add(piece) for piece in pieces]
    given_out.append(stream.finish())
    assert stream.text == "".join(given_out)
    return given_out


def one_by_one(whole: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in whole]


def reference_cut(text: str, stop: Sequence[str]) -> tuple[str, str | None]:
    """`text` before the stop string that ends first (then: the longest), and that stop string."""
    found = [(text.find(s) + len(s), text.find(s), s) for s in stop if s in text]
    if not found:
        return text, None
    _, start, met = min(found)
    return text[:start], met


def reference(whole: bytes, stop: Sequence[str] = ()) -> tuple[str, str | None]:
    return reference_cut(whole.decode("utf-8", "replace").removeprefix(" "), stop)


# UTF-8


def test_an_emoji_cut_into_four_bytes_comes_with_the_last_one() -> None:
    assert outputs([b"\xf0", b"\x9f", b"\x98", b"\x80"]) == ["", "", "", "😀", ""]


def test_cjk_comes_character_by_character() -> None:
    assert outputs(one_by_one("中文".encode())) == ["", "", "中", "", "", "文", ""]


def test_a_combining_character_follows_its_letter_unchanged() -> None:
    pieces = [b"e", b"\xcc", b"\x81", b"!"]
    assert outputs(pieces) == ["e", "", "\N{COMBINING ACUTE ACCENT}", "!", ""]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"\xe4", b"\xb8", b"A"], ["", "", "\ufffdA", ""]),  # a sequence that breaks off
        ([b"\xf0\x9f", b"\xe4\xb8\xad"], ["", "\ufffd中", ""]),  # ... where another begins
        ([b"\x80", b"\xff"], ["\ufffd", "\ufffd", ""]),  # no sequence begins so
        ([b"\xed\xa0\x80"], ["\ufffd\ufffd\ufffd", ""]),  # a surrogate
        ([b"\xc0", b"\x80"], ["\ufffd", "\ufffd", ""]),  # overlong
        ([b"ok", b"\xf0\x9f\x98"], ["ok", "", "\ufffd"]),  # incomplete at the end
    ],
)
def test_invalid_bytes_become_replacement_characters(
    pieces: list[bytes], expected: list[str]
) -> None:
    assert outputs(pieces) == expected


# The leading space


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b" Hello", b" you"], ["Hello", " you", ""]),
        ([b" ", b"Hello"], ["", "Hello", ""]),
        ([b" ", b" ", b"Hello"], ["", " ", "Hello", ""]),
        ([b"", b" ", b"Hello"], ["", "", "Hello", ""]),
        ([b"   three"], ["  three", ""]),
        ([b"Hello", b" "], ["Hello", " ", ""]),
        ([b"\n", b" x"], ["\n", " x", ""]),
        (["\N{NO-BREAK SPACE}x".encode()], ["\N{NO-BREAK SPACE}x", ""]),
        ([b" "], ["", ""]),
        ([], [""]),
    ],
)
def test_exactly_one_leading_space_goes(pieces: list[bytes], expected: list[str]) -> None:
    assert outputs(pieces) == expected


def test_the_leading_space_stays_when_asked() -> None:
    stream = StreamedText([" x"], strip_leading_space=False)
    assert [stream.add(b" "), stream.add(b"y"), stream.add(b" x")] == ["", " y", ""]
    assert stream.stopped_by == " x"


# Stop strings


@pytest.mark.parametrize(
    ("stop", "pieces", "expected", "stopped_by"),
    [
        (["STOP"], [b"a S", b"TO", b"P b", b"c"], ["a ", "", "", "", ""], "STOP"),
        (["STOP"], [b"a ST", b"AR", b"T"], ["a ", "STAR", "T", ""], None),
        (["STOP"], [b"a STO"], ["a ", "STO"], None),
        (["STOP"], [b"S", b"S", b"STOP"], ["", "S", "S", ""], "STOP"),
        (["one", "two"], [b"two one"], ["", ""], "two"),
        (["aab"], [b"a", b"a", b"a", b"b"], ["", "", "a", "", ""], "aab"),
        # One inside what is held back for another: what came before it is text.
        (["abcd", "bd"], [b"xa", b"b", b"d", b"e"], ["x", "", "a", "", ""], "bd"),
        (["xabx", "ab"], [b"xabx"], ["x", ""], "ab"),
        # The one that ends first; then the longest.
        (["ab", "abc", "bc"], [b"xabc"], ["x", ""], "ab"),
        (["bc", "abc"], [b"xabc"], ["x", ""], "abc"),
        (["bc", "abc"], [b"xb", b"bc"], ["x", "b", ""], "bc"),
        (["bc", "abc"], [b"xab", b"b", b"c"], ["x", "ab", "", ""], "bc"),
        (["ab", "ab"], [b"ab"], ["", ""], "ab"),
        # At the very start, and where the leading space was.
        (["a"], [b"abc"], ["", ""], "a"),
        (["User:"], [b" ", b"User:"], ["", "", ""], "User:"),
        ([" x"], [b" x", b" x"], ["x", "", ""], " x"),
        ([" "], [b" ", b" ", b"x"], ["", "", "", ""], " "),
        # Any Unicode, a character cut into bytes inside it, too.
        (["終😀"], [b"\xe7\xb5", b"\x82\xf0", b"\x9f\x98", b"\x80x"], ["", "", "", "", ""], "終😀"),
        (["終😀"], ["終😁".encode()], ["終😁", ""], None),
        (["e\u0301"], [b"caf", b"e", b"\xcc\x81s"], ["caf", "", "", ""], "e\u0301"),
        (["\n\n"], [b"a\n", b"b\n", b"\n"], ["a", "\nb", "", ""], "\n\n"),
        (["\ufffd"], [b"a\xf0\x9f"], ["a", ""], "\ufffd"),
    ],
)
def test_stop_strings(
    stop: list[str], pieces: list[bytes], expected: list[str], stopped_by: str | None
) -> None:
    assert outputs(pieces, stop) == expected
    stream = StreamedText(stop)
    for piece in pieces:
        stream.add(piece)
    stream.finish()
    assert stream.stopped_by == stopped_by


def test_line_breaks_are_kept() -> None:
    assert outputs([b"\n", b"\r\n", b"\n"]) == ["\n", "\r\n", "\n", ""]


def test_nothing_comes_after_a_stop_string() -> None:
    stream = StreamedText(["."])
    assert stream.stopped_by is None
    assert stream.add(b"one. two") == "one"
    assert stream.stopped_by == "."
    assert [stream.add(b"three."), stream.finish(), stream.text] == ["", "", "one"]


def test_what_was_held_back_comes_once() -> None:
    stream = StreamedText(["abc"])
    assert [stream.add(b"xab"), stream.text] == ["x", "x"]
    assert [stream.finish(), stream.finish(), stream.text] == ["ab", "", "xab"]


def test_nothing_is_held_back_for_a_stop_string_that_cannot_be_met() -> None:
    assert outputs([b"a", b"b"], ["abc", "b"]) == ["a", "", ""]


@pytest.mark.parametrize("stop", [[""], ["a", ""]])
def test_an_empty_stop_string_is_refused(stop: list[str]) -> None:
    with pytest.raises(UsageError, match="empty"):
        StreamedText(stop)


# Against the whole text

# Few characters, so that stop strings are met, overlap, and almost are.
few = "ab é中😀\ufffd"
stops = st.lists(st.text(few, min_size=1, max_size=5), max_size=5)
broken_text = st.lists(
    st.one_of(
        st.sampled_from([char.encode() for char in few]),
        st.sampled_from([b"a", b"b"]),
        st.binary(min_size=1, max_size=2),
    ),
    max_size=30,
).map(b"".join)


@st.composite
def pieces_of(draw: st.DrawFn, wholes: st.SearchStrategy[bytes]) -> list[bytes]:
    whole = draw(wholes)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@settings(deadline=None)
@given(pieces_of(st.binary()))
@example([b"\xed", b"\xa0", b"\x80\xed", b"\xa0"])
def test_any_bytes_decode_as_the_whole_does(pieces: list[bytes]) -> None:
    assert "".join(outputs(pieces)) == reference(b"".join(pieces))[0]


@settings(deadline=None)
@given(pieces_of(broken_text), stops)
@example([b"\xf0", b""], ["\ufffd"])
def test_any_cuts_and_stop_strings_give_the_whole_cut_once(
    pieces: list[bytes], stop: list[str]
) -> None:
    whole = b"".join(pieces)
    for cut in (pieces, [whole], one_by_one(whole)):
        stream = StreamedText(stop)
        text = "".join([stream.add(piece) for piece in cut]) + stream.finish()
        assert (text, stream.stopped_by) == reference(whole, stop)


@settings(deadline=None)
@given(
    st.text("ab 😀", max_size=20), st.lists(st.text("ab 😀", min_size=1, max_size=5), max_size=5)
)
def test_only_what_can_still_become_a_stop_string_is_held_back(text: str, stop: list[str]) -> None:
    endings = ["", *(s[start:] for s in stop for start in range(len(s)))]
    stream = StreamedText(stop, strip_leading_space=False)
    for end, char in enumerate(text, 1):
        stream.add(char.encode())
        so_far = text[:end]
        certain = min(len(reference_cut(so_far + ending, stop)[0]) for ending in endings)
        assert stream.text == so_far[:certain]


@settings(deadline=None)
@given(st.one_of(st.binary(), broken_text))
@example(b"a\xe0\x80\xe0\xa0\xed\x80\xed\xa0\xf0\x80\xf0\x90\x80\xf4\x80\xf4\x90")
def test_only_incomplete_sequences_are_held_back(whole: bytes) -> None:
    # Every incomplete sequence is completed by one of these.
    endings = [b"", *(byte * count for byte in (b"\x80", b"\xbf") for count in (1, 2, 3))]
    stream = StreamedText(strip_leading_space=False)
    for end in range(1, len(whole) + 1):
        stream.add(whole[end - 1 : end])
        if whole[:end][-2:-1] == b"\xed" and whole[end - 1] in range(0xA0, 0xC0):
            continue  # half a surrogate, which CPython's decoder keeps for one byte more
        texts = [(whole[:end] + ending).decode("utf-8", "replace") for ending in endings]
        assert all(text.startswith(stream.text) for text in texts)
        assert len({text[len(stream.text) :][:1] for text in texts}) > 1  # no longer one would do


# Time


@pytest.mark.parametrize(
    ("whole", "stop"),
    [
        ("The quick brown fox. " * 5000, [f"<|{name}|>" for name in "abcdefghijklmnop"]),
        ("a" * 100_000, ["a" * 5000 + chr(ord("b") + number) for number in range(16)]),
        ("ab" * 50_000, ["ab" * length + "c" for length in range(1, 17)]),
    ],
)
def test_time_is_linear(whole: str, stop: list[str]) -> None:
    pieces = one_by_one(whole.encode())
    start_s = time.process_time()
    text = "".join(outputs(pieces, stop))
    assert time.process_time() - start_s < 1.0
    assert text == whole
