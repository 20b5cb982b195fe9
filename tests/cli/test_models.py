"""`starling models`, and the names that a shell offers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from starling_local.cli.byte_bars import byte_bars
from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.cli.models_report import damage_error, list_report
from starling_local.errors import ExitCode
from starling_local.store.inventory import Entry
from starling_local.store.records import Record
from starling_local.store.verification import Verdict, Verification
from tests.conftest import Finished

Models = Callable[..., Finished]


@pytest.fixture
def folder(tmp_path: Path, nano_file: Path) -> Path:
    """The store's folder, with one model that works and one that is cut short."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    shutil.copy(nano_file, folder / "Elmo-Q8_0.gguf")
    (folder / "Bert-Q4_K_M.gguf").write_bytes(nano_file.read_bytes()[:-1000])
    return folder


@pytest.fixture
def models(folder: Path, nano_file: Path) -> Models:
    environ = {
        "STARLING_DATA_DIR": str(folder.parent),
        "STARLING_CACHE_DIR": str(nano_file.parents[2]),
    }

    def run(*args: object) -> Finished:
        environment = Environment(io.StringIO(), io.StringIO(), io.StringIO(), environ)
        status = main(["models", *map(str, args)], environment)
        assert isinstance(environment.stdout, io.StringIO)
        assert isinstance(environment.stderr, io.StringIO)
        return Finished(status, environment.stdout.getvalue(), environment.stderr.getvalue())

    return run


def test_the_list(models: Models, nano_file: Path) -> None:
    listed = models("list", "--json").json
    assert listed["default"] == "nano"
    found = {model["name"]: model for model in listed["models"]}
    assert list(found) == ["nano", "bert:Q4_K_M", "elmo:Q8_0"]
    assert found["nano"]["file"] == str(nano_file)
    assert found["elmo:Q8_0"]["size_bytes"] == nano_file.stat().st_size
    assert found["elmo:Q8_0"]["architecture"]["layers"] == 4
    assert "1000 of" in found["bert:Q4_K_M"]["damage"]
    table = models("list").stdout
    assert "! bert:Q4_K_M: " in table
    assert models().stdout == table
    assert "starling-7b-beta" in models("list", "--available").stdout


def test_a_model_in_full(models: Models, folder: Path) -> None:
    shown = models("show", "elmo").stdout
    assert "4 layers" in shown
    assert models("show", folder / "Elmo-Q8_0.gguf").status == 0
    assert models("show", "nano").status == 0
    assert models("show", "grover").status == ExitCode.NOT_FOUND


def test_verify_finds_a_changed_byte(models: Models, folder: Path) -> None:
    first = models("verify", "--json")
    assert first.status == ExitCode.DONE
    assert {model["result"] for model in first.json["models"]} == {"recorded"}
    assert {model["result"] for model in models("verify", "--json").json["models"]} == {"whole"}
    path = folder / "Elmo-Q8_0.gguf"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    changed = models("verify", "elmo", "bert", "--json")
    assert changed.status == ExitCode.BAD_FILE
    results = {model["name"]: model for model in changed.json["models"]}
    assert results["elmo:Q8_0"]["result"] == "damaged"
    assert results["elmo:Q8_0"]["sha256"] == hashlib.sha256(raw).hexdigest()
    assert results["bert:Q4_K_M"]["result"] == "whole"
    # What cannot be read does not keep the others from being looked at.
    (folder / "records" / "Bert-Q4_K_M.gguf.json").write_text("[]")
    os.mkfifo(folder / "Pipe.gguf")
    results = {model["name"]: model for model in models("verify", "--json").json["models"]}
    assert {name: model["result"] for name, model in results.items()} == {
        "bert:Q4_K_M": "unreadable",
        "elmo:Q8_0": "damaged",
        "pipe": "unreadable",
    }
    assert "holds no object" in results["bert:Q4_K_M"]["problem"]
    assert models("verify", "pipe").status == ExitCode.BAD_FILE
    said = models("verify")
    assert said.status == ExitCode.BAD_FILE
    assert "error: not what was recorded: elmo:Q8_0" in said.stderr


@pytest.mark.parametrize(
    ("source", "file", "again"),
    [
        (None, "Elmo-Q8_0.gguf", "convert or download it again"),
        (("a/b", None), "b-Q8_0.gguf", "starling pull a/b -q Q8_0 --force"),
        (("a/b", "q/b.Q8_0.gguf"), "b.Q8_0.gguf", "starling pull a/b/q/b.Q8_0.gguf --force"),
    ],
)
def test_how_to_get_a_damaged_file_again(
    source: tuple[str, str | None] | None, file: str, again: str
) -> None:
    repo, source_file = source or (None, None)
    record = Record(1, "0" * 64, "converted", "2026-01-01", repo, source_file=source_file)
    found = Verification("b", Path("/models") / file, Verdict.DAMAGED, "1" * 64, record)
    error = damage_error([found])
    assert error is not None
    assert error.hint == again


def test_names_are_whole_in_a_narrow_terminal() -> None:
    name = "a-model-with-a-rather-long-name:Q4_K_M"
    path = Path("/a/folder/that/is/far/away") / ("long" * 20)
    entries = [Entry(name, "Q4_K_M", path, 4_370_000_000, None, is_ours=False)]
    for width in (60, 80):
        console = Console(width=width, file=io.StringIO())
        table, _, _ = list_report(entries, None, width)
        with console.capture() as captured:
            console.print(table)
        line = next(line for line in captured.get().splitlines() if name in line)
        assert "4.37 GB" in line


@pytest.mark.parametrize("width", [50, 80])
def test_a_bar_is_one_line(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    progress = byte_bars(console)
    task = progress.add_task("downloading model-00001-of-00003.safetensors", total=4_940_000_000)
    progress.update(task, completed=1_230_000_000)
    with console.capture() as captured:
        console.print(progress.get_renderable())
    (line,) = captured.get().splitlines()
    assert "1.2/4.9 GB" in line
    assert "downloading" in line


def test_rm_says_what_it_frees(models: Models, folder: Path, tmp_path: Path) -> None:
    models("verify")
    models("default", "bert")
    os.link(folder / "Elmo-Q8_0.gguf", tmp_path / "another name")
    done = models("rm", "elmo", "bert", "--json")
    assert done.status == ExitCode.DONE
    assert [model["freed_bytes"] > 0 for model in done.json["removed"]] == [False, True]
    assert "bert:Q4_K_M was the default" in done.stderr
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert models("rm", "elmo").status == ExitCode.NOT_FOUND
    assert models("rm").status == ExitCode.USAGE


def test_folders(models: Models, folder: Path, tmp_path: Path, nano_file: Path) -> None:
    other = tmp_path / "other" / "deep"
    other.mkdir(parents=True)
    shutil.copy(nano_file, other / "Oscar.gguf")
    (other / "ernie-Q8_0.gguf").write_bytes(b"GG\x1b[31m")
    (other / "\x1b[31mred.gguf").symlink_to("nowhere")
    added = models("add", other.parent, "--json").json
    assert sorted(added["models"])[1:] == ["ernie:Q8_0", "oscar"]
    listed = models("list")
    assert listed.status == ExitCode.DONE
    assert "\x1b" not in listed.stdout
    found = {model["name"]: model for model in models("list", "--json").json["models"]}
    assert found["oscar"]["type"] == "Q8_0"
    assert found["ernie:Q8_0"]["damage"]
    assert models("rm", "oscar").status == ExitCode.USAGE
    assert models("verify", "oscar", "--json").json["models"][0]["result"] == "recorded"
    assert not list(other.glob("*.json"))
    assert models("forget", other.parent).status == ExitCode.DONE
    assert models("forget", other.parent).status == ExitCode.NOT_FOUND
    assert models("add", tmp_path / "nowhere").status == ExitCode.NOT_FOUND
    assert models("add", folder).status == ExitCode.USAGE
    assert (other / "Oscar.gguf").exists()


def complete(folder: Path, **variables: str) -> str:
    """What a shell is offered."""
    environ = {**os.environ, "STARLING_DATA_DIR": str(folder.parent), **variables}
    return subprocess.run(
        [sys.executable, "-c", "from starling_local.cli.main import main; main([])"],
        env=environ, capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_names_in_the_shell(folder: Path) -> None:
    def bash(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        return complete(folder, _STARLING_COMPLETE="complete_bash", **words).split()

    other = folder.parent / "other"
    other.mkdir()
    (other / "birte-Q8_0.gguf").touch()
    (folder.parent / "models.json").write_text(
        json.dumps({"default": None, "folders": [str(other)]})
    )
    # In bash a colon would end the word.
    assert bash("starling ask -m e") == ["elmo-Q8_0"]
    assert bash("starling models show ") == ["nano", "bert-Q4_K_M", "elmo-Q8_0", "birte-Q8_0"]
    # What is in other folders is not removed.
    assert bash("starling models rm b") == ["bert-Q4_K_M"]
    assert bash("starling pull starling-7") == ["starling-7b-alpha", "starling-7b-beta"]
    zsh = complete(
        folder, _STARLING_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="starling chat -m e"
    )
    assert r"elmo\\:Q8_0" in zsh
    (folder.parent / "models.json").write_text("damaged")
    assert bash("starling models show e") == []
