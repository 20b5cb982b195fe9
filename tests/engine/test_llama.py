"""A llama.cpp that is broken or missing: every command that needs it says so, and is no bug."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from starling_local.errors import ExitCode
from tests.checkpoints import Shape, write_checkpoint

LOADER = "Failed to load shared library '/libllama.so': libcudart.so.12: cannot open"
BROKEN = f'raise RuntimeError("{LOADER}")'


def with_stub(folder: Path, body: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command with a package `llama_cpp` that does what the real one does when broken."""
    # Not in the current folder, where the child processes do not look.
    package = folder / "stub" / "llama_cpp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(body)
    return subprocess.run(
        [sys.executable, "-m", "starling_local", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (BROKEN, ExitCode.BAD_FILE, LOADER),
        ("raise FileNotFoundError('no library llama')", ExitCode.BAD_FILE, "no library llama"),
        ("import ctypes; ctypes.CDLL(None).llama_x", ExitCode.BAD_FILE, "undefined symbol"),
        ("import no_such_package", ExitCode.NOT_FOUND, "No module named 'no_such_package'"),
        ("from os import no_such_name", ExitCode.BAD_FILE, "cannot import name 'no_such_name'"),
    ],
)
def test_what_may_be_wrong(
    body: str, status: ExitCode, said: str, nano_file: Path, tmp_path: Path
) -> None:
    done = with_stub(tmp_path, body, "ask", "-m", nano_file, "Hello", "--json")
    assert done.returncode == status, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] == status.name.lower()
    assert error["message"].startswith("llama.cpp cannot be loaded: ")
    assert said in error["message"]
    assert error["hint"].startswith("starling doctor ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["batch", "in.jsonl", "out.jsonl", "-m"],
        ["bench", "-m"],
        ["fit"],
        ["inspect"],
        ["tokens", "Hello", "-m"],
        ["tune", "-m"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_command_says_so(arguments: list[str], nano_file: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").touch()
    done = with_stub(tmp_path, BROKEN, *arguments, nano_file, "--json")
    assert done.returncode == ExitCode.BAD_FILE, done.stderr
    assert LOADER in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize("command", ["chat", "stdio"])
def test_commands_without_json(command: str, nano_file: Path, tmp_path: Path) -> None:
    done = with_stub(tmp_path, BROKEN, command, "-m", nano_file)
    assert done.returncode == ExitCode.BAD_FILE, done.stderr
    assert f"error: llama.cpp cannot be loaded: {LOADER}\nhint: starling doctor" in done.stderr


def test_a_conversion_is_not_to_blame(tmp_path: Path, small_tokenizer: bytes) -> None:
    """What was written cannot be verified, and is not kept."""
    shape = Shape(layers=1, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
    write_checkpoint(tmp_path / "model", shape, tokenizer=small_tokenizer)
    done = with_stub(tmp_path, BROKEN, "convert", "model", "-q", "Q8_0", "--json")
    assert done.returncode == ExitCode.BAD_FILE, done.stderr
    error = json.loads(done.stdout)["error"]
    assert LOADER in error["message"]
    assert "--no-verify" in error["hint"]
    assert not list(tmp_path.glob("*.gguf*"))


def test_the_doctor_knows_why(tmp_path: Path) -> None:
    body = "import ctypes; ctypes.CDLL(None).llama_x"
    done = with_stub(tmp_path, body, "doctor", "--json")
    assert done.returncode == ExitCode.BAD_FILE, done.stderr
    checks = json.loads(done.stdout)["checks"]
    [library] = [check for check in checks if check["name"] == "library"]
    assert library["status"] == "problem"
    assert "undefined symbol: llama_x" in library["detail"]
    assert "--no-binary llama-cpp-python" in library["fix"]
