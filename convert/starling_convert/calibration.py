"""Texts to make an importance matrix from: plain text, JSON lines, Parquet, and those that ship.

A row of JSON lines or Parquet is a conversation, which is put into the models' template:
`{"messages": [{"role", "content"}]}` as in OpenAI's requests, or `{"prompt", "response"}`, or a
bare `{"text"}`, each with `"condition": "Code"` for coding mode; or a row of the Nectar data set,
whose best answer counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from starling_convert.files import is_there
from starling_local.errors import BadFileError, NotFoundError, UsageError
from starling_local.prompt import Condition, Message, Role, Segment, prompt_segments

DEFAULT = "default"
_SHIPPED = Path(__file__).with_name("calibration.jsonl")
_LINES, _PARQUET = (".jsonl", ".ndjson"), ".parquet"
# Nectar's prompts: turns that begin with these words, the last one an empty Assistant's.
_NECTAR_TURN = re.compile(r"\n\n(Human|Assistant):")
# Of plain text no more is read: some ten thousand chunks.
_MOST_LETTERS = 20_000_000
_COLUMNS = ("messages", "prompt", "response", "text", "condition", "answers")

# A conversation in the template, or a text as it is.
CalibrationText: TypeAlias = "Sequence[Segment] | str"


def calibration_file(name: Path) -> Path:
    """The file a user means: `default` are the texts that ship, unless a file has that name.

    Raises:
        NotFoundError: there is no such file.
    """
    if name == Path(DEFAULT) and not name.is_file():
        return _SHIPPED
    hint = f"give a file, or --calibrate {DEFAULT}, which takes the texts that ship"
    if not is_there(name, hint):
        raise NotFoundError(f"there is no file {name}", hint=hint)
    return name


def calibration_texts(path: Path) -> Iterator[CalibrationText]:
    """The texts of a file one by one, read as they are asked for.

    Raises:
        BadFileError: the file is damaged, or a row is no conversation; the row is named.
        UsageError: it is Parquet, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in (*_LINES, _PARQUET):
        yield _plain_text(path)
        return
    rows = _parquet_rows(path) if suffix == _PARQUET else _json_rows(path)
    for number, row in enumerate(rows, 1):
        try:
            yield _text(row)
        except (KeyError, TypeError, ValueError) as error:
            raise BadFileError(
                f"{path}: row {number} is no conversation: {_reason(error)}",
                hint='rows are {"messages": [...]}, {"prompt", "response"} or {"text"}',
            ) from error


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _plain_text(path: Path) -> str:
    try:
        # Line ends stay as they are, as in llama-imatrix.
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read(_MOST_LETTERS)
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadFileError(
            f"{path} is not UTF-8 text: {error.reason}",
            hint="give a text, or a file named .jsonl or .parquet",
        ) from error


def _json_rows(path: Path) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parsed(line, f"{path}: line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"cannot read {path}: {error}") from error


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"{place} is no JSON: {error}") from error


def _parquet_rows(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise UsageError(
            f"{path} is Parquet, which needs pyarrow",
            hint="python -m pip install 'starling-local[parquet]'",
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=64, columns=columns):
                yield from batch.to_pylist()
    except (OSError, ArrowException) as error:
        raise BadFileError(f"cannot read {path}: {error}") from error


def _text(row: Any) -> CalibrationText:
    if not isinstance(row, Mapping):
        raise TypeError(f"it is {type(row).__name__}, not an object")
    row = {name: value for name, value in row.items() if value is not None}
    if "messages" not in row and "prompt" not in row:
        return _string(row["text"])
    if "messages" in row:
        messages = [Message(Role(one["role"]), _string(one["content"])) for one in row["messages"]]
    elif "answers" in row:
        messages = _nectar_messages(_string(row["prompt"]), row["answers"])
    else:
        messages = [
            Message(Role.USER, _string(row["prompt"])),
            Message(Role.ASSISTANT, _string(row["response"])),
        ]
    if not messages:
        raise ValueError("it has no messages")
    segments = prompt_segments(messages, Condition(row.get("condition", Condition.CHAT.value)))
    if messages[-1].role is Role.ASSISTANT:
        # A whole answer, not one that the model is to go on with.
        segments[-1] = Segment(segments[-1].text)
    return segments


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is where a text should be")
    return value


def _nectar_messages(prompt: str, answers: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The turns of a Nectar prompt and the answer of the lowest rank."""
    before, *parts = _NECTAR_TURN.split(prompt)
    if before.strip() or not parts:
        raise ValueError("its prompt does not begin with Human: as Nectar's do")
    turns = [
        Message(Role.USER if who == "Human" else Role.ASSISTANT, said.strip())
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    if turns[-1].role is Role.ASSISTANT and not turns[-1].content:
        turns.pop()
    best = min(answers, key=lambda answer: float(answer["rank"]))
    return [*turns, Message(Role.ASSISTANT, _string(best["answer"]))]
