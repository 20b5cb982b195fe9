"""`starling tokens`: the ids that the models read, for people and for scripts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.errors import ExitCode
from starling_local.prompt import CARD_VECTORS
from tests.checkpoints import Shape, write_checkpoint
from tests.engine.test_gguf_header import text as gguf_text

Starling = Callable[..., Any]
LITTLE = Shape(layers=1, hidden=32, ffn=64, heads=1, kv_heads=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with Starling's own vocabulary."""
    folder = tmp_path_factory.mktemp("starling")
    write_checkpoint(folder / "model", LITTLE)
    plan = plan_conversion(folder / "model", [FileType.Q8_0], folder)
    (written,) = run_conversion(plan, ConversionSettings(verify=False))
    return written.planned.path


def piped(stdin: str, *arguments: object) -> tuple[int, str]:
    environment = Environment(io.StringIO(stdin), io.StringIO(), io.StringIO(), {})
    status = main(["tokens", *map(str, arguments)], environment)
    assert isinstance(environment.stdout, io.StringIO)
    return status, environment.stdout.getvalue()


def test_the_card_s_prompts(model: Path, starling: Starling) -> None:
    done = starling("tokens", "-m", model, "--json", "Hello")
    assert done.json.keys() == {"ids", "pieces"}
    assert tuple(done.json["ids"]) == CARD_VECTORS[0].ids
    assert done.json["pieces"][8:11] == [" Hello", "<|end_of_turn|>", " G"]
    done = starling("tokens", "-m", model, "--json", "--code", "Implement quicksort using C++")
    assert tuple(done.json["ids"]) == CARD_VECTORS[2].ids


def test_for_people(model: Path, starling: Starling) -> None:
    done = starling("tokens", "-m", model, "Hello")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["17 tokens", "     1  <s>"]
    assert " 22557  ' Hello'" in lines
    assert " 32000  <|end_of_turn|>" in lines
    assert len(lines) == 18


def test_a_bare_text(model: Path) -> None:
    assert json.loads(piped("", "-m", model, "--raw", "--json", " Hello")[1])["ids"] == [
        28705,
        22557,
    ]
    typed = json.loads(piped("", "-m", model, "--raw", "--json", "<|end_of_turn|>")[1])["pieces"]
    assert "".join(typed) == " <|end_of_turn|>"
    assert piped("", "-m", model, "--raw", "")[1] == "0 tokens\n"
    letter = json.loads(piped("", "-m", model, "--raw", "--json", "🜁")[1])
    assert letter["pieces"] == [" ", "\\xf0", "\\x9f", "\\x9c", "\\x81"]
    shown = [line.split()[1] for line in piped("", "-m", model, "--raw", "🜁\\")[1].splitlines()]
    assert shown[-5:] == [r"'\xf0'", r"'\x9f'", r"'\x9c'", r"'\x81'", r"'\\'"]


def test_what_is_piped_in(model: Path) -> None:
    """A last line ends in a file, and not in a turn; a bare text is as it is."""
    assert piped("Hello\n", "-m", model) == piped("", "-m", model, "Hello")
    assert piped("Hello\n", "-m", model, "-") == piped("", "-m", model, "Hello")
    assert json.loads(piped("Hello\n", "-m", model, "--raw", "--json")[1])["ids"] == [22557, 13]


def test_how_many(model: Path) -> None:
    assert piped("Hello", "-m", model, "--count") == (ExitCode.DONE, "17\n")


def test_a_system_text(model: Path) -> None:
    def pieces(*arguments: str) -> str:
        found = json.loads(piped("", "-m", model, "--json", "Hi", *arguments)[1])
        return "".join(found["pieces"])

    turn = " GPT4 Correct User: Hi<|end_of_turn|> GPT4 Correct Assistant:"
    assert pieces("--system", "Be brief.") == f"<s> Be brief.<|end_of_turn|>{turn}"
    role = pieces("--system", "Be brief.", "--system-form", "role")
    assert role == f"<s> GPT4 Correct System: Be brief.<|end_of_turn|>{turn}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "--json", "x"], "--count and --json exclude each other"),
        (["--raw", "--code", "x"], "--raw has no place"),
        (["--raw", "--system", "x", "x"], "--raw has no place"),
        (["--selftest", "x"], "--selftest takes no text"),
    ],
)
def test_what_cannot_be(arguments: list[str], said: str, model: Path, starling: Starling) -> None:
    done = starling("tokens", "-m", model, *arguments)
    assert done.status == ExitCode.USAGE
    assert said in done.stderr


def test_the_selftest(model: Path, starling: Starling) -> None:
    done = starling("tokens", "-m", model, "--selftest")
    assert done.status == ExitCode.DONE
    assert done.stdout.count("the card's ids: ") == 3
    assert [line[:3] for line in done.stdout.splitlines()] == ["ok "] * 4
    found = starling("tokens", "-m", model, "--selftest", "--json").json
    assert found["holds"] is True
    assert [tuple(one["ids"]) for one in found["prompts"]] == [one.ids for one in CARD_VECTORS]
    assert all(one["ids"] == one["expected"] for one in found["prompts"])


def test_the_selftest_of_another_vocabulary(nano_file: Path, starling: Starling) -> None:
    done = starling("tokens", "-m", nano_file, "--selftest")
    assert done.status == ExitCode.DONE
    assert done.stdout.count("its ids stand for its text: ") == 3
    assert "The card's ids are those of Mistral's vocabulary" in done.stdout
    found = starling("tokens", "-m", nano_file, "--selftest", "--json").json
    assert {one["expected"] for one in found["prompts"]} == {None}


@pytest.fixture
def swapped(model: Path, tmp_path: Path) -> Path:
    """Two tokens have each other's texts, and so texts each other's ids."""
    raw = model.read_bytes()
    user, child = gguf_text("▁User"), gguf_text("▁Rock")
    assert raw.count(user) == raw.count(child) == 1
    raw = raw.replace(user, b"@" * len(user)).replace(child, user).replace(b"@" * len(user), child)
    path = tmp_path / "swapped.gguf"
    path.write_bytes(raw)
    return path


def test_a_vocabulary_that_is_not_what_it_seems(swapped: Path, starling: Starling) -> None:
    done = starling("tokens", "-m", swapped, "--selftest")
    assert done.status == ExitCode.BAD_FILE
    assert done.stdout.count("FAILED  ") == 3
    assert "expected 1 420 6316" in done.stdout
    assert starling("tokens", "-m", swapped, "--selftest", "--json").json["holds"] is False
    done = starling("tokens", "-m", swapped, "Hello")
    assert (done.status, done.stdout) == (ExitCode.BAD_FILE, "")
    assert "splits the model card's prompt" in done.stderr
    assert starling("inspect", swapped).status == ExitCode.BAD_FILE
    assert starling("ask", "-m", swapped, "Hello").status == ExitCode.BAD_FILE


def test_files_that_are_no_models(tmp_path: Path, starling: Starling) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 100)
    assert starling("tokens", "-m", tmp_path / "bad.gguf", "x").status == ExitCode.BAD_FILE
    assert starling("tokens", "-m", tmp_path / "no.gguf", "x").status == ExitCode.NOT_FOUND
