"""The contract of the command line: exit codes, streams, JSON, and what a terminal shows."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from starling_convert.recipe import FileType
from starling_local import __version__, errors
from starling_local.cli.app import COMMANDS, application
from starling_local.errors import ExitCode, StarlingError
from starling_local.plain_text import printable
from tests.checkpoints import Shape, write_checkpoint

SHAPE = Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
Starling = Callable[..., Any]


@pytest.fixture
def checkpoint(tmp_path: Path, small_tokenizer: bytes) -> Path:
    write_checkpoint(tmp_path / "model", SHAPE, tokenizer=small_tokenizer)
    return tmp_path / "model"


def test_version(capsys: pytest.CaptureFixture[str], starling: Starling) -> None:
    assert starling("--version").status == 0
    assert capsys.readouterr().out == f"starling-local {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert"], "Missing argument 'CHECKPOINT'"),
        (["nonsense"], "No such command 'nonsense'"),
        (["convert", "x", "--nonsense"], "No such option: --nonsense"),
        (["convert", "x", "-q", "Q9"], "unknown file type 'Q9'"),
        (["convert", "x", "-t", "0"], "-t"),
    ],
)
def test_usage_errors(arguments: list[str], message: str, starling: Starling) -> None:
    done = starling(*arguments)
    assert done.status == ExitCode.USAGE
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "\nhint: " in done.stderr
    assert done.stdout == ""
    assert message in starling(*arguments, "--json").json["error"]["message"]


def commands(wanted: str | None) -> set[str]:
    """The commands of the application that is made for one of them."""
    found: Any = typer.main.get_command(application(wanted))
    return set(found.commands)


def test_a_command_is_made_without_the_others() -> None:
    assert all(commands(name) == {name} for name in COMMANDS)
    for other in (None, "nonsense", "--version"):
        assert commands(other) == set(COMMANDS)


def test_every_code_has_an_error() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {
        kind.exit_code
        for kind in kinds
        if issubclass(kind, StarlingError) and kind is not StarlingError
    }
    assert codes == set(ExitCode) - {ExitCode.DONE, ExitCode.BUG}


def test_a_bug_shows_its_traceback(checkpoint: Path) -> None:
    # A broken dependency stands in for a bug.
    broken = (
        "import rich.table, starling_local.__main__ as main;"
        "del rich.table.Table; main.entry_point()"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken, "convert", str(checkpoint), "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.BUG
    assert "Traceback" in done.stderr


def test_dry_run_is_exact_and_writes_nothing(
    checkpoint: Path, tmp_path: Path, starling: Starling
) -> None:
    every = [argument for kind in FileType for argument in ("-q", kind.name)]
    out = tmp_path / "out"
    planned = starling("convert", checkpoint, *every, "-o", out, "--dry-run", "--json").json
    assert not out.exists()
    done = starling("convert", checkpoint, *every, "-o", out, "--no-verify", "--json").json
    assert [entry["type"] for entry in planned["files"]] == [kind.name for kind in FileType]
    for before, after in zip(planned["files"], done["files"], strict=True):
        assert Path(after["file"]).stat().st_size == before["size_bytes"] == after["size_bytes"]
        assert (before["written"], after["written"]) == (False, True)


def test_dry_run_reads_no_weights(checkpoint: Path, starling: Starling) -> None:
    path = checkpoint / "model.safetensors"
    raw = path.read_bytes()
    length = 8 + int.from_bytes(raw[:8], "little")
    path.write_bytes(raw[:length] + b"\xff" * (len(raw) - length))  # all NaN
    assert starling("convert", checkpoint, "--dry-run").status == 0


def test_json_of_a_conversion(checkpoint: Path, tmp_path: Path, starling: Starling) -> None:
    import hashlib

    done = starling("convert", checkpoint, "-q", "q8", "-o", tmp_path, "--json", "--sha256")
    assert done.status == 0
    assert done.stdout.count("\n") == 1
    [file] = done.json["files"]
    path = Path(file["file"])
    assert path.name == "model-Q8_0.gguf"
    assert file["verified"] is True
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file["tensor_types"] == {"Q8_0": 16, "F32": 5}
    assert done.json["parameters"] == 127_552
    assert done.json["elapsed_s"] > 0


def test_the_table_is_all_there_is_on_stdout(
    checkpoint: Path, tmp_path: Path, starling: Starling
) -> None:
    done = starling("convert", checkpoint, "-q", "q8", "-q", "q8", "-o", tmp_path)
    assert done.status == 0
    assert done.stdout.count("model-Q8_0.gguf") == 1
    assert re.search(r"Q8_0 +\d\.\d\d +\d+\.\d\d kB", done.stdout)
    assert "\x1b" not in done.stdout + done.stderr
    for stage in ("note: ", "converting", "flushing", "verifying model-Q8_0.gguf"):
        assert stage in done.stderr


def test_default_type(checkpoint: Path, starling: Starling) -> None:
    [file] = starling("convert", checkpoint, "--dry-run", "--json").json["files"]
    assert file["file"] == "model-Q4_K_M.gguf"


@pytest.mark.parametrize("no_color", [False, True])
def test_on_a_terminal(no_color: bool, checkpoint: Path, tmp_path: Path) -> None:
    screen, status = in_terminal(
        [sys.executable, "-m", "starling_local", "convert", str(checkpoint), "-o", str(tmp_path)],
        {"NO_COLOR": "1"} if no_color else {},
    )
    assert status == 0
    assert "model-Q4_K_M.gguf" in screen
    assert "/255.1 kB" in screen  # the progress bar
    colours = re.findall(r"\x1b\[[0-9;]*3\d[0-9;]*m", screen)
    assert bool(colours) is not no_color


def in_terminal(command: list[str], environ: dict[str, str]) -> tuple[str, int]:
    """Run a command on a pseudo-terminal; returns all it wrote and its exit code."""
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environ},
    )
    os.close(other_end)
    written = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            written += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
    os.close(terminal)
    return written.decode(), process.wait()


def test_names_from_files_cannot_drive_the_terminal() -> None:
    assert printable("a\x1b[31mb\nc\x9b\u202ed é🙂") == "a [31mb c  d é🙂"


def test_a_stdout_that_nobody_reads_or_can_write(checkpoint: Path) -> None:
    command = [sys.executable, "-m", "starling_local", "convert", str(checkpoint), "--dry-run"]

    def run(stdout: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
        os.close(stdout)
        return done

    reader, writer = os.pipe()
    os.close(reader)
    closed = run(writer)
    assert closed.returncode == ExitCode.DONE
    assert all(line.startswith("note: ") for line in closed.stderr.splitlines())
    refused = run(os.open(os.devnull, os.O_RDONLY))
    assert refused.returncode == ExitCode.CONVERSION_FAILED
    assert "error: cannot write to stdout: Bad file descriptor" in refused.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2</dev/null"])
def test_closed_streams(closed: str, checkpoint: Path, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m starling_local convert "$0" -o "$1" --no-verify {closed}'
    done = subprocess.run(
        ["sh", "-c", command, str(checkpoint), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    assert (tmp_path / "out" / "model-Q4_K_M.gguf").read_bytes()[:4] == b"GGUF"


def test_a_terminal_that_knows_only_ascii(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "caf\u00e9"
    checkpoint.rename(folder)
    done = subprocess.run(
        [sys.executable, "-m", "starling_local", "convert", str(folder), "--dry-run"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    assert b"-Q4_K_M.gguf" in done.stdout


def test_no_arguments_show_help(starling: Starling, capsys: pytest.CaptureFixture[str]) -> None:
    assert starling().status == ExitCode.DONE
    assert "Commands:" in capsys.readouterr().out


def test_shell_completion() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "starling_local"],
        env={
            **os.environ,
            "_STARLING_COMPLETE": "complete_bash",
            "COMP_WORDS": "starling conv",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "convert" in done.stdout.split()


def test_json_error_is_one_object(tmp_path: Path, starling: Starling) -> None:
    done = starling("convert", tmp_path / "nowhere", "--json")
    assert done.status == ExitCode.NOT_FOUND
    assert json.loads(done.stdout) == {
        "error": {
            "code": "not_found",
            "message": f"no such folder: {tmp_path / 'nowhere'}",
            "hint": "check the path of the checkpoint",
        }
    }
