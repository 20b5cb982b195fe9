"""What goes wrong outside the checkpoint: full disks, signals, other processes, old files."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from starling_convert.conversion import (
    MAX_THREADS,
    ConversionEvents,
    ConversionSettings,
    run_conversion,
)
from starling_convert.outputs import PartFile
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_local.errors import ExitCode
from tests.checkpoints import Shape, random_weights, write_checkpoint

# Large enough for a second or two of quantising.
SHAPE = Shape(layers=8, hidden=512, ffn=1536, heads=8, kv_heads=4, vocab=514)
COMMAND = [sys.executable, "-m", "starling_local", "convert"]
ROOT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'convert'}"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, small_tokenizer: bytes) -> Path:
    folder = tmp_path_factory.mktemp("safety") / "model"
    write_checkpoint(folder, SHAPE, tokenizer=small_tokenizer)
    return folder


@pytest.fixture(scope="module")
def whole(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an undisturbed conversion writes."""
    out = tmp_path_factory.mktemp("whole")
    assert subprocess.run(command(checkpoint, out), env=ENVIRON, check=False).returncode == 0
    return (out / "model-Q4_K_M.gguf").read_bytes()


def command(checkpoint: Path, out: Path, *more: str) -> list[str]:
    return [*COMMAND, str(checkpoint), "-q", "q4", "-o", str(out), "--no-verify", *more]


def start(checkpoint: Path, out: Path) -> subprocess.Popen[str]:
    """A conversion that has begun to read the weights."""
    process = subprocess.Popen(
        command(checkpoint, out), env=ENVIRON, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("converting"):
            break
    return process


def test_killed_at_random_moments(checkpoint: Path, tmp_path: Path, whole: bytes) -> None:
    moments = random.Random(0)
    for _ in range(6):
        with start(checkpoint, tmp_path) as process:
            time.sleep(moments.uniform(0, 1.2))
            process.kill()
        # Whatever has the final name is whole.
        for file in tmp_path.glob("*.gguf"):
            assert file.read_bytes() == whole
            file.unlink()
    # The next run takes over what was left, and is not disturbed by it.
    (tmp_path / "model-Q4_K_M.gguf.part").write_bytes(b"x" * (len(whole) + 1000))
    done = subprocess.run(command(checkpoint, tmp_path), env=ENVIRON, check=False)
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model-Q4_K_M.gguf"]
    assert (tmp_path / "model-Q4_K_M.gguf").read_bytes() == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(number: signal.Signals, checkpoint: Path, tmp_path: Path) -> None:
    with start(checkpoint, tmp_path) as process:
        process.send_signal(number)
        assert process.stderr is not None
        message = process.stderr.read()
    assert process.returncode == ExitCode.INTERRUPTED
    assert message == "error: interrupted; nothing half-made is left\n"
    assert not list(tmp_path.iterdir())


def test_interrupted_during_verification(checkpoint: Path, tmp_path: Path) -> None:
    arguments = [*command(checkpoint, tmp_path)[:-1], "-q", "F32"]  # without --no-verify
    with subprocess.Popen(arguments, env=ENVIRON, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("verifying model-F32"):
                break
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == ExitCode.INTERRUPTED
    assert not list(tmp_path.iterdir())


def test_what_nohup_ignores_stays_ignored(checkpoint: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["nohup", *command(checkpoint, tmp_path)], env=ENVIRON, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("converting"):
                break
        process.send_signal(signal.SIGHUP)
        process.stderr.read()
    assert process.returncode == ExitCode.DONE


def test_disk_full(checkpoint: Path, tmp_path: Path) -> None:
    def limit() -> None:
        # The kernel refuses to let a file grow beyond this, as a full disk would.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(
        command(checkpoint, tmp_path),
        env=ENVIRON,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert "cannot write" in done.stderr
    assert "converting" not in done.stderr  # before the first weight is read
    assert not list(tmp_path.iterdir())


def test_not_enough_free_space(tmp_path: Path, small_tokenizer: bytes, starling: Any) -> None:
    # Sparse weights of a model far larger than any disk this runs on.
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    shape = Shape(layers=1, hidden=4096, ffn=48, heads=1, kv_heads=1, vocab=514)
    # The sparse source is 0.6 times what is free, the F32 file 1.2 times.
    ffn = free // 40_000
    write_checkpoint(
        tmp_path / "in",
        shape,
        tokenizer=small_tokenizer,
        config={"intermediate_size": ffn},
        weights=zeros(shape),
    )
    enlarge(tmp_path / "in" / "model.safetensors", shape.ffn, ffn)
    done = starling("convert", tmp_path / "in", "-q", "F32", "-o", tmp_path / "out")
    assert done.status == ExitCode.CONVERSION_FAILED
    assert "MB free, the files need" in done.stderr
    assert not any((tmp_path / "out").iterdir())


def zeros(shape: Shape) -> dict[str, Any]:
    return {name: np.zeros(size, np.float32) for name, size in shape.tensor_shapes().items()}


def enlarge(path: Path, old: int, new: int) -> None:
    """Make every dimension `old` of a safetensors file `new`, with holes for data."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1].get("data_offsets", [-1])):
        if name == "__metadata__":
            continue
        entry["shape"] = [new if size == old else size for size in entry["shape"]]
        size = 2 * int(np.prod(entry["shape"], dtype=object))
        entry["data_offsets"] = [end, end + size]
        end += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize("place", ["in the way", "in the way/below", "/proc/starling"])
def test_folder_that_cannot_be_written(
    place: str, checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    (tmp_path / "in the way").touch()
    done = starling("convert", checkpoint, "-o", tmp_path / place)
    assert done.status == ExitCode.CONVERSION_FAILED
    assert "cannot write" in done.stderr
    assert "hint: " in done.stderr


def test_existing_output_is_kept(
    checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    target = tmp_path / "model-Q8_0.gguf"
    target.write_text("mine")
    arguments = ("convert", checkpoint, "-q", "q4", "-q", "q8", "-o", tmp_path, "--no-verify")
    done = starling(*arguments)
    assert done.status == ExitCode.USAGE
    assert "exists already and is kept" in done.stderr
    assert "--force" in done.stderr
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]

    assert starling(*arguments, "--force").status == 0
    assert target.read_bytes()[:4] == b"GGUF"


def test_a_failed_replacement_keeps_the_old_file(
    tmp_path: Path, small_tokenizer: bytes, starling: Callable[..., Any]
) -> None:
    shape = Shape(vocab=514)
    damaged = {name: values.copy() for name, values in random_weights(shape).items()}
    damaged["lm_head.weight"][3, 3] = np.nan
    write_checkpoint(tmp_path / "model", shape, tokenizer=small_tokenizer, weights=damaged)
    target = tmp_path / "out" / "model-Q8_0.gguf"
    target.parent.mkdir()
    target.write_text("mine")
    done = starling(
        "convert", tmp_path / "model", "-q", "q8", "-o", target.parent, "--force", "--no-verify"
    )
    assert done.status == ExitCode.BAD_FILE
    assert target.read_text() == "mine"
    assert list(target.parent.iterdir()) == [target]


def test_another_process_writes_the_same_file(
    checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    with PartFile(tmp_path / "model-Q4_K_M.gguf", force=False):
        done = starling("convert", checkpoint, "-q", "q4", "-o", tmp_path)
        assert done.status == ExitCode.CONVERSION_FAILED
        assert "another process is writing" in done.stderr
        assert (tmp_path / "model-Q4_K_M.gguf.part").exists()
    assert not list(tmp_path.iterdir())


def test_two_at_once(checkpoint: Path, tmp_path: Path, whole: bytes) -> None:
    processes = [
        subprocess.Popen(
            command(checkpoint, tmp_path), env=ENVIRON, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(2)
    ]
    codes = sorted(process.wait() for process in processes)
    assert codes[0] == 0
    assert codes[1] in (ExitCode.USAGE, ExitCode.CONVERSION_FAILED)
    assert [path.name for path in tmp_path.iterdir()] == ["model-Q4_K_M.gguf"]
    assert (tmp_path / "model-Q4_K_M.gguf").read_bytes() == whole


def test_every_byte_is_read_once(
    checkpoint: Path, tmp_path: Path, starling: Callable[..., Any], monkeypatch: Any
) -> None:
    counted = []
    preadv = os.preadv

    def counting(fd: int, buffers: list[Any], offset: int) -> int:
        counted.append(preadv(fd, buffers, offset))
        return counted[-1]

    monkeypatch.setattr(os, "preadv", counting)
    done = starling(
        "convert", checkpoint, "-q", "q4", "-q", "q5", "-q", "q8", "-o", tmp_path, "--no-verify"
    )
    assert done.status == 0
    raw = (checkpoint / "model.safetensors").read_bytes()
    assert sum(counted) == len(raw) - 8 - int.from_bytes(raw[:8], "little")


def test_links_in_the_way_are_not_followed(
    checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    part = tmp_path / "model-Q4_K_M.gguf.part"
    final = tmp_path / "model-Q4_K_M.gguf"
    arguments = ("convert", checkpoint, "-o", tmp_path, "--no-verify")

    part.symlink_to(precious)
    assert starling(*arguments).status == ExitCode.CONVERSION_FAILED
    part.unlink()
    part.hardlink_to(precious)
    assert starling(*arguments).status == ExitCode.CONVERSION_FAILED
    part.unlink()
    final.symlink_to(tmp_path / "nowhere")
    assert starling(*arguments).status == ExitCode.USAGE
    assert starling(*arguments, "--force").status == ExitCode.USAGE
    final.unlink()
    final.mkdir()
    assert starling(*arguments, "-q", "q4", "-q", "q8", "--force").status == ExitCode.USAGE
    assert precious.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", final.name}


def test_modules_in_the_current_folder_are_not_run(small_tokenizer: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_checkpoint(folder, Shape(vocab=514), tokenizer=small_tokenizer)
    for name in ("llama_cpp", "numpy", "json", "starling_convert"):
        (folder / f"{name}.py").write_text("open('ran', 'w'); import os; os._exit(0)")
    script = Path(sys.executable).parent / "starling"
    done = subprocess.run(
        [str(script), "convert", ".", "-q", "q8", "-o", str(tmp_path / "out")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (folder / "ran").exists()


def test_threads_are_bounded(checkpoint: Path, tmp_path: Path) -> None:
    # Each has buffers of its own, so their number decides on the memory.
    counted: list[int] = []
    before = threading.active_count()
    run_conversion(
        plan_conversion(checkpoint, [FileType.Q8_0], tmp_path),
        ConversionSettings(threads=500, verify=False),
        ConversionEvents(on_tensor=lambda _done, _name: counted.append(threading.active_count())),
    )
    assert counted
    assert max(counted) - before <= MAX_THREADS
