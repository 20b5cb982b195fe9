"""`starling inspect`: for people, for scripts, and for files that mean harm."""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from rich.console import Console

from starling_convert.recipe import FileType
from starling_local.cli.environment import Environment
from starling_local.cli.inspect_json import gguf_json
from starling_local.cli.inspect_report import TypesTable, bar, gguf_report, shown_value
from starling_local.cli.main import main
from starling_local.engine.inspection import inspect_gguf
from starling_local.errors import BadFileError, ExitCode
from tests.checkpoints import Shape, write_checkpoint
from tests.conftest import Finished
from tests.engine.test_gguf_header import Mutants, entry, file, string, tensor, text
from tests.terminal import Terminal

SHAPE = Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
Starling = Callable[..., Any]


@pytest.fixture
def checkpoint(tmp_path: Path, small_tokenizer: bytes) -> Path:
    write_checkpoint(tmp_path / "model", SHAPE, tokenizer=small_tokenizer)
    return tmp_path / "model"


@pytest.fixture
def good(checkpoint: Path, convert: Callable[..., dict[FileType, Path]]) -> Path:
    return convert(checkpoint, FileType.Q4_0)[FileType.Q4_0]


def strict(text: str) -> Any:
    """The JSON of a text that has no NaN and no infinity, which are not JSON."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def test_a_good_file(good: Path, starling: Starling) -> None:
    done = starling("inspect", good)
    assert (done.status, done.stderr) == (ExitCode.DONE, "")
    for said in ("model-Q4_0.gguf", "2 layers, 64 wide", "4 heads, 2 of keys", "514 tokens"):
        assert said in done.stdout
    row = next(line for line in done.stdout.splitlines() if line[:6] == " Q4_0 ")
    assert re.search(r"Q4_0 +15 +\S+ +4.50 +\S+ +\d\d\.\d% +█", row)
    assert done.stdout.count(" ok ") == 9
    assert re.search("chat template +Starling's", done.stdout)
    assert "blk.0" not in done.stdout
    assert "general.architecture" not in done.stdout
    assert " \n" not in done.stdout


def test_every_tensor_and_all_metadata(good: Path, starling: Starling) -> None:
    done = starling("inspect", good, "--tensors", "--metadata")
    assert re.search(r"blk\.1\.ffn_up\.weight +64 x 96 +Q4_0 +6,144 +3,456", done.stdout)
    assert re.search(r"llama\.block_count +2\n", re.sub(" +\n", "\n", done.stdout))
    assert "(514)" in done.stdout


def test_json(good: Path, starling: Starling) -> None:
    found = strict(starling("inspect", good, "--json").stdout)
    assert found["kind"] == "gguf"
    assert found["sound"] is True
    assert found["size_bytes"] == good.stat().st_size
    assert found["architecture"]["layers"] == 2
    assert found["kv_bytes_per_token"] == {"f16": 2 * 2 * 2 * 16 * 2, "q8_0": 2 * 2 * 2 * 17}
    assert sum(one["weights"] for one in found["types"]) == found["parameters"]
    assert len(found["metadata"]["tokenizer.ggml.tokens"]) == 514
    assert {one["verdict"] for one in found["checks"]} == {"holds"}
    assert found["checks"][0]["name"] == "the file is whole and undamaged"
    assert found["tensors"][0]["type"] in ("Q4_0", "Q6_K", "Q8_0")


@pytest.mark.parametrize("size", [3, 30, 1000, 20_000, 60_000])
def test_a_damaged_file(size: int, good: Path, tmp_path: Path, starling: Starling) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(good.read_bytes()[:size])
    done = starling("inspect", path)
    assert done.status == ExitCode.BAD_FILE
    assert re.match(r"error: .*cut\.gguf.*\nhint: ", done.stderr)
    as_json = strict(starling("inspect", path, "--json").stdout)
    assert ("error" in as_json) == (size == 3)
    assert as_json.get("sound", False) is False


def test_a_file_that_means_harm(good: Path, tmp_path: Path, starling: Starling) -> None:
    """Escape sequences, marks of direction, markup and numbers that are none."""
    path = tmp_path / ":smile: [red].gguf"
    raw = good.read_bytes()
    theta = "llama.rope.freq_base"
    for old, new in (
        (string("general.name", "Model"), string("general.name", "\x1b[31m")),
        (text("GGUF"), text("GGUF")),
        (entry(theta, 6, struct.pack("<f", 1e4)), entry(theta, 6, struct.pack("<f", float("nan")))),
        (text("<s>"), text("\u202e")),
    ):
        raw = raw.replace(old, new)
    path.write_bytes(raw)
    done = starling("inspect", path, "--metadata")
    assert done.status == ExitCode.BAD_FILE
    assert ":smile: [red].gguf" in done.stdout
    assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
    found = strict(starling("inspect", path, "--json").stdout)
    assert found["metadata"]["general.name"] == "\x1b[31m"
    assert found["architecture"]["rope_theta"] == "nan"


def test_damaged_files_can_be_drawn(good: Path, tmp_path: Path) -> None:
    source, path, count = Mutants(good, seed=200), tmp_path / "mutant.gguf", 0
    for _ in range(60):
        path.write_bytes(source.next())
        try:
            found = inspect_gguf(path, tries_llama_cpp=False)
        except BadFileError:
            continue
        count += 1
        console = Console(file=io.StringIO(), width=80, markup=False, emoji=False)
        with console.capture() as drawn:
            console.print(gguf_report(found, is_ascii=False, tensors=True, metadata=True))
        assert all(char.isprintable() for char in drawn.get() if char != "\n")
        strict(json.dumps(gguf_json(found)))
    assert count > 30


def test_long_lists_are_cut(tmp_path: Path, starling: Starling) -> None:
    path = tmp_path / "many.gguf"
    tensors = [tensor(f"t{place}", (1,), offset=32 * place) for place in range(5000)]
    keys = [string(f"key.{place}", "x") for place in range(3000)]
    path.write_bytes(file(*keys, tensors=tensors, data_bytes=32 * 5000))
    done = starling("inspect", path, "--tensors", "--metadata")
    assert "... and 1,000 more; --json has all" in done.stdout
    assert "... and 3,000 more; --json has all" in done.stdout
    assert len(strict(starling("inspect", path, "--json").stdout)["tensors"]) == 5000


def test_values_in_short() -> None:
    assert shown_value("x" * 10**6) == "x" * 199 + "…"
    assert shown_value("two\nlines") == "two lines"
    assert shown_value(True) == "True"


@pytest.mark.parametrize(
    ("part", "drawn"),
    [(1.0, "██████████"), (0.5, "█████"), (0.06, "▋"), (0.0001, "▏"), (0.99, "█████████▉")],
)
def test_bars(part: float, drawn: str) -> None:
    assert bar(part, is_ascii=False) == drawn
    assert bar(part, is_ascii=True) == "#" * max(round(part * 10), 1)


class _AsciiTerminal(io.TextIOWrapper):
    """A pipe would be made UTF-8; a terminal has what its locale says."""

    def isatty(self) -> bool:
        return True


def test_a_stream_without_utf_8(good: Path) -> None:
    stdout = _AsciiTerminal(io.BytesIO(), "ascii", errors="strict")
    environment = Environment(io.StringIO(), stdout, io.StringIO(), {"COLUMNS": "80"})
    assert main(["inspect", str(good)], environment) == ExitCode.DONE
    stdout.seek(0)
    drawn = stdout.read()
    assert "##" in drawn
    assert "\\u" not in drawn


@pytest.mark.parametrize("colour", [True, False])
def test_in_a_terminal_of_80_columns(colour: bool, good: Path) -> None:
    environ = {} if colour else {"NO_COLOR": "1"}
    with Terminal("inspect", good, environ=environ) as terminal:
        assert terminal.ended() == 0
    assert (b"\x1b[32m" in terminal.raw) == colour
    [row] = [line for line in terminal.text().splitlines() if line[:6] == " Q4_0 "]
    assert "█" in row


def test_a_narrow_terminal_gets_fewer_columns(good: Path) -> None:
    found = inspect_gguf(good, tries_llama_cpp=False)
    table = TypesTable(found.types, is_ascii=True)
    left_out = ["weights", "####", "tensors", "share"]
    for width, count in ((80, 0), (58, 1), (50, 2), (38, 3), (31, 4), (20, 4)):
        console = Console(file=io.StringIO(), width=width, record=True)
        console.print(table)
        text = console.export_text()
        assert [name for name in left_out if name not in text] == left_out[:count], width
        assert ("…" in text) == (width == 20), width


def test_a_folder_of_models(good: Path, starling: Starling) -> None:
    folder = good.parent / "two words"
    folder.mkdir()
    good.rename(folder / good.name)
    done = starling("inspect", folder)
    assert done.status == ExitCode.USAGE
    assert done.stderr.endswith(f"hint: name one: starling inspect '{folder / good.name}'\n")


# Checkpoints.


def test_a_checkpoint(checkpoint: Path, starling: Starling) -> None:
    done = starling("inspect", checkpoint, "--tensors")
    assert (done.status, done.stderr) == (ExitCode.DONE, "")
    assert re.search(r"BF16 +21 .* 100\.0%", done.stdout)
    assert "512 pieces, not Mistral's" in done.stdout
    assert "<|end_of_turn|> (512), <|pad_0|> (513)" in done.stdout
    assert "model.layers.1.mlp.up_proj.weight" in done.stdout
    found = strict(starling("inspect", checkpoint, "--json").stdout)
    dry = starling("convert", checkpoint, "-q", "q4", "-q", "q5", "-q", "q8", "--dry-run", "--json")
    sizes = [one["size_bytes"] for one in dry.json["files"]]
    assert [one["size_bytes"] for one in found["converts_to"]] == sizes
    assert found["tokenizer"]["added_tokens"] == {"<|end_of_turn|>": 512, "<|pad_0|>": 513}
    assert found["kind"] == "checkpoint"
    assert found["sound"] is True


def test_what_is_missing_from_a_checkpoint(checkpoint: Path, starling: Starling) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    (checkpoint / "tokenizer.model").unlink()
    done = starling("inspect", checkpoint)
    assert done.status == ExitCode.BAD_FILE
    assert "only pickled weights" in done.stdout
    assert "tokenizer.model is missing" in " ".join(done.stdout.split())
    assert "2 layers, 64 wide" in done.stdout
    found = strict(starling("inspect", checkpoint, "--json").stdout)
    assert [one["verdict"] for one in found["checks"]] == [
        "fails", "noted", "untried", "fails", "untried", "untried",
    ]  # fmt: skip


def test_folders_that_are_no_checkpoints(good: Path, tmp_path: Path, starling: Starling) -> None:
    done = starling("inspect", good.parent)
    assert done.status == ExitCode.USAGE
    assert str(good) in done.stderr
    (tmp_path / "empty").mkdir()
    assert starling("inspect", tmp_path / "empty").status == ExitCode.BAD_FILE
    assert starling("inspect", tmp_path / "nothing").status == ExitCode.NOT_FOUND


def test_a_name_longer_than_any_file_s(starling: Callable[..., Finished]) -> None:
    assert starling("inspect", "x" * 5000).status == ExitCode.NOT_FOUND
