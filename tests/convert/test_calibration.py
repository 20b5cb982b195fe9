"""The texts an importance matrix is made from: every form of them, and the ones that ship."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from starling_convert import calibration
from starling_convert.calibration import calibration_file, calibration_texts
from starling_local.errors import BadFileError, NotFoundError, UsageError
from starling_local.prompt import Segment

NECTAR = {
    "prompt": "\n\nHuman: Hello\n\nAssistant: Hi!\n\nHuman: How are you?\n\nAssistant: ",
    "answers": [
        {"answer": "Meh.", "model": "a", "rank": 2.0},
        {"answer": "Fine, thanks.", "model": "b", "rank": 1.0},
    ],
    "turns": 2,
}
NECTAR_SEGMENTS = [
    Segment("GPT4 Correct User: Hello"),
    Segment("GPT4 Correct Assistant: Hi!"),
    Segment("GPT4 Correct User: How are you?"),
    Segment("GPT4 Correct Assistant: Fine, thanks."),
]
ROWS: list[tuple[dict[str, Any], object]] = [
    (
        {
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
            ],
            "condition": "Code",
            "id": 7,
        },
        [Segment("Be short."), Segment("Code User: Hi"), Segment("Code Assistant: Hello")],
    ),
    (
        {"messages": [{"role": "user", "content": "Hi"}]},
        [Segment("GPT4 Correct User: Hi"), Segment("GPT4 Correct Assistant:", is_open=True)],
    ),
    (
        {"prompt": "Hi", "response": "Hello", "condition": None},
        [Segment("GPT4 Correct User: Hi"), Segment("GPT4 Correct Assistant: Hello")],
    ),
    ({"text": "Once upon\na time"}, "Once upon\na time"),
    (NECTAR, NECTAR_SEGMENTS),
]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.JSONL"
    path.write_text("\n\n".join(json.dumps(row) for row, _ in ROWS), encoding="utf-8-sig")
    assert list(calibration_texts(path)) == [expected for _, expected in ROWS]


def test_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text('{"text": "ä"}\n', encoding="utf-8-sig")
    assert list(calibration_texts(path)) == ['{"text": "ä"}\n']


def test_plain_text_of_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_MOST_LETTERS", 5)
    path = tmp_path / "text.txt"
    path.write_bytes("äb\r\nöäöä".encode())
    assert list(calibration_texts(path)) == ["äb\r\nö"]


def test_plain_text_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"text, and then \xff\xfe")
    with pytest.raises(BadFileError, match=r"model\.bin is not UTF-8 text"):
        list(calibration_texts(path))


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "nectar.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([NECTAR] * 100), path)
    texts = list(calibration_texts(path))
    assert texts == [NECTAR_SEGMENTS] * 100
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadFileError, match=r"cannot read .*nectar\.parquet"):
        list(calibration_texts(path))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as raised:
        list(calibration_texts(tmp_path / "x.parquet"))
    assert raised.value.hint == "python -m pip install 'starling-local[parquet]'"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("[]", "row 2 is no conversation: it is list"),
        ("{}", "row 2 is no conversation: 'text' is missing"),
        ('{"text": 3}', "int is where a text should be"),
        ('{"messages": []}', "it has no messages"),
        ('{"messages": [{"role": "user"}]}', "'content' is missing"),
        ('{"messages": [{"role": "bot", "content": ""}]}', "'bot' is not a valid Role"),
        ('{"messages": "Hi"}', "row 2 is no conversation"),
        ('{"prompt": "Hi"}', "'response' is missing"),
        ('{"prompt": "Hi", "response": "Ho", "condition": "Poem"}', "'Poem' is not a valid"),
        ('{"prompt": "Hi", "answers": []}', "does not begin with Human:"),
        ('{"prompt": "\\n\\nHuman: Hi", "answers": []}', "row 2 is no conversation"),
        ('{"prompt": "\\n\\nHuman: Hi", "answers": [{"rank": 1}]}', "'answer' is missing"),
        ('{"text": ', "line 2 is no JSON"),
        ("[" * 100_000, "line 2 is no JSON"),
        ("\udcff", "cannot read"),
    ],
)
def test_bad_rows(row: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"text": "good"}}\n{row}\n', encoding="utf-8", errors="surrogateescape")
    with pytest.raises(BadFileError, match=r"rows\.jsonl") as raised:
        list(calibration_texts(path))
    assert message in raised.value.message


def test_the_texts_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = calibration_file(Path("default"))
    texts = list(calibration_texts(path))
    chats = [text for text in texts if not isinstance(text, str)]
    modes = {text[-1].text.split(" Assistant:")[0] for text in chats}
    assert modes == {"GPT4 Correct", "Code"}
    # Both, and several languages, wherever one stops reading.
    for third in range(3):
        part = str(texts[third * len(texts) // 3 : (third + 1) * len(texts) // 3])
        assert "Code User" in part
        assert any("぀" <= letter <= "鿿" or "Ѐ" <= letter <= "ӿ" for letter in part)
    assert len(texts) == len({str(text) for text in texts})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()
    assert calibration_file(Path("default")) == path
    with pytest.raises(BadFileError, match="no regular file") as raised:
        calibration_file(tmp_path)
    assert raised.value.hint is not None
    assert "--calibrate default" in raised.value.hint
    # A file of that name is meant where there is one.
    (tmp_path / "default").rmdir()
    (tmp_path / "default").touch()
    assert calibration_file(Path("default")) == Path("default")
    with pytest.raises(NotFoundError, match="no file other"):
        calibration_file(Path("other"))
