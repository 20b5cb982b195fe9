"""`starling convert --calibrate`: the matrix it makes, and what stops it on the way."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from starling_convert.imatrix import read_imatrix
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_local.engine.importance import collect_importance, token_chunks
from starling_local.engine.model import Model
from starling_local.errors import ExitCode
from starling_local.quality.calibration import file_type_to_run
from tests.checkpoints import DtypeOf, Shape, write_checkpoint

SHAPE = Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
ROOT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'convert'}"}
MATRIX, MODEL = "model.imatrix.gguf", "model-Q4_0.gguf"
# Some tens of chunks.
TEXT = "The quick brown fox jumps over the lazy dog, and 17 others watch.\n" * 600


@pytest.fixture
def checkpoint(tmp_path: Path, small_tokenizer: bytes) -> Path:
    write_checkpoint(tmp_path / "model", SHAPE, tokenizer=small_tokenizer)
    return tmp_path / "model"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def arguments(checkpoint: Path, text: Path, *more: object) -> list[object]:
    out = checkpoint.parent / "out"
    return ["convert", checkpoint, "-q", "q4_0", "-o", out, "--calibrate", text, *more]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_matrix_in_the_same_command(
    checkpoint: Path, text: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    options = arguments(checkpoint, text, "--calibrate-chunks", 3, "--json")
    planned = starling(*options, "--dry-run")
    assert not (tmp_path / "out").exists()
    done = starling(*options)
    assert done.status == 0
    out = tmp_path / "out"
    assert names(out) == [MODEL, MATRIX]
    importance = {"file": str(out / MATRIX), "dataset": str(text), "chunks": 3, "tensors": 14}
    assert planned.json["importance"] == done.json["importance"] == importance
    assert planned.json["files"][0]["size_bytes"] == (out / MODEL).stat().st_size
    assert "calibrating on 3 chunks" in done.stderr
    # With the matrix as a file, the very same.
    again = starling(*options[:5], tmp_path / "again", "--imatrix", out / MATRIX)
    assert again.status == 0
    assert (tmp_path / "again" / MODEL).read_bytes() == (out / MODEL).read_bytes()


def test_the_numbers_of_the_matrix(
    checkpoint: Path, text: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    options = arguments(checkpoint, text, "--calibrate-chunks", 2, "--threads", 1)
    assert starling(*options).status == 0
    starling("convert", checkpoint, "-q", "bf16", "-o", tmp_path)
    with Model(tmp_path / "model-BF16.gguf") as model:
        tokens = [model.vocabulary.bos, *model.vocabulary.tokenise(TEXT)]
        chunks = token_chunks(tokens, 512, model.vocabulary.bos)[:2]
        expected = collect_importance(model, chunks, threads=1)
    matrix = read_imatrix(tmp_path / "out" / MATRIX)
    assert matrix.means.keys() == expected.keys()
    for name, found in expected.items():
        np.testing.assert_array_equal(matrix.means[name], found.sums / np.float32(1024))


def test_the_texts_that_ship(checkpoint: Path, starling: Callable[..., Any]) -> None:
    done = starling(*arguments(checkpoint, Path("default"), "--calibrate-chunks", 1, "--json"))
    assert done.status == 0
    assert done.json["importance"]["dataset"] == "default"


@pytest.mark.parametrize("existing", [MATRIX, MODEL])
def test_existing_files_are_kept(
    existing: str, checkpoint: Path, text: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / existing).write_text("mine")
    options = arguments(checkpoint, text, "--calibrate-chunks", 1)
    done = starling(*options)
    assert done.status == ExitCode.USAGE
    assert f"{existing} exists already" in done.stderr
    assert ("--imatrix" in done.stderr) is (existing == MATRIX)
    assert "converting" not in done.stderr
    assert names(tmp_path / "out") == [existing]
    assert starling(*options, "--force").status == 0


def test_bad_calls(
    checkpoint: Path, text: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    done = starling(*arguments(checkpoint, text, "--imatrix", text))
    assert done.status == ExitCode.USAGE
    assert "choose one of them" in done.stderr
    done = starling(*arguments(checkpoint, tmp_path / "none.txt"))
    assert done.status == ExitCode.NOT_FOUND
    text.write_text("too short")
    done = starling(*arguments(checkpoint, text))
    assert done.status == ExitCode.BAD_FILE
    assert "512 are needed at least" in done.stderr
    # It is told before the model is made that is to read the text.
    assert "converting" not in done.stderr
    assert not (tmp_path / "out").exists()


def start(checkpoint: Path, text: Path, until: str, *more: object) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "starling_local",
        *map(str, arguments(checkpoint, text, *more)),
    ]
    process = subprocess.Popen(command, env=ENVIRON, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(until):
            break
    return process


@pytest.mark.parametrize("until", ["converting", "calibrating"])
def test_interrupted(until: str, checkpoint: Path, text: Path, tmp_path: Path) -> None:
    text.write_text(TEXT * 10)
    with start(checkpoint, text, until) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        message = process.stderr.read().splitlines()[-1]
    assert process.returncode == ExitCode.INTERRUPTED
    assert message == "error: interrupted; nothing half-made is left"
    assert names(tmp_path / "out") == []


def test_killed(checkpoint: Path, text: Path, tmp_path: Path) -> None:
    with start(checkpoint, text, "calibrating") as process:
        process.kill()
    out = tmp_path / "out"
    # The model that was run has no name any more, and so takes no space.
    assert not [path for path in out.rglob("*") if path.is_file() and path.stat().st_size]
    # The next run takes over what a process left that was killed before that.
    (out / ".model.calibration").mkdir(exist_ok=True)
    (out / ".model.calibration" / "model-BF16.gguf").write_bytes(b"x")
    with start(checkpoint, text, "nothing", "--calibrate-chunks", 1) as process:
        pass
    assert process.returncode == 0
    assert names(out) == [MODEL, MATRIX]


def test_disk_full(checkpoint: Path, text: Path, tmp_path: Path) -> None:
    def limit() -> None:
        # Too little for the model that is run.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [sys.executable, "-m", "starling_local", *map(str, arguments(checkpoint, text))]
    done = subprocess.run(
        command, env=ENVIRON, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert "cannot write" in done.stderr
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("BF16", FileType.BF16),
        ("F16", FileType.F16),
        ("F32", FileType.F32),
        (lambda name: "F16" if "embed" in name else "BF16", FileType.F32),
    ],
)
def test_what_is_run(
    dtype: DtypeOf, expected: FileType, tmp_path: Path, small_tokenizer: bytes
) -> None:
    write_checkpoint(tmp_path / "in", SHAPE, tokenizer=small_tokenizer, dtype=dtype)
    plan = plan_conversion(tmp_path / "in", [], tmp_path)
    assert file_type_to_run(plan, most_bytes=plan.source_bytes) is expected
    assert file_type_to_run(plan, most_bytes=plan.source_bytes - 1) is FileType.Q8_0
