"""Runs what llama.cpp may not survive in a child process, and says how that ended.

llama.cpp ends its process for some damage in a file: an assertion is no exception. A child that
dies of a file is a fact about the file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import starling_local
from starling_local import errors

# `-I` keeps the current folder, which may be a download, out of the module path. The time limit is
# the kernel's: it ends a child that no longer listens, also when the parent is gone.
_CHILD = """
import importlib, json, os, resource, signal, sys
# Only the answer goes to stdout; what libraries print goes where it is not taken for one.
stdout = os.dup(1)
os.dup2(2, 1)
request = json.load(sys.stdin)
signal.alarm(request["limit_s"])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.path[:] = request["sys_path"]
from starling_local.errors import StarlingError
said = {}
try:
    said["answer"] = importlib.import_module(request["module"]).answer(request["request"])
except StarlingError as error:
    said["error"] = [type(error).__name__, error.message, error.hint]
with open(stdout, "w") as file:
    json.dump(said, file)
"""
_LONGEST_LINE = 300


class ChildDied(Exception):
    """The child was ended by a signal: what it died of, in words, and its last line on stderr."""


def ask_child(module: str, request: Mapping[str, Any], limit_s: int) -> Any:
    """What the function `answer` of a module gives for a request; both are JSON.

    Raises ChildDied if llama.cpp, the time limit or the system ended the child, and a
    `StarlingError` as `answer` has raised it. Any other failure of the child is a bug, and raises
    RuntimeError with its traceback.
    """
    message = {
        "module": module,
        "request": request,
        "limit_s": limit_s,
        "sys_path": _module_path(),
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", _CHILD],
        input=json.dumps(message).encode(),
        capture_output=True,
        # A crash must not start a debugger.
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        check=False,
    )
    if done.returncode < 0:
        raise ChildDied(cause_of_death(-done.returncode, done.stderr, limit_s))
    if done.returncode > 0:
        raise RuntimeError(f"{module} failed:\n{done.stderr.decode('utf-8', 'replace')}")
    said = json.loads(done.stdout)
    if "error" in said:
        kind, text, hint = said["error"]
        raise getattr(errors, kind)(text, hint=hint)
    return said["answer"]


def cause_of_death(number: int, stderr: bytes, limit_s: int) -> str:
    """What a signal that ended the child says, with the line of its stderr that tells the most."""
    if number == signal.SIGALRM:
        return f"llama.cpp was not done after {limit_s} s"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    if number == signal.SIGKILL:
        return f"llama.cpp was ended (signal {number}, {name}): there may be too little memory"
    text = stderr.decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    telling = [line for line in lines if "GGML_ASSERT" in line or "what():" in line]
    line = (telling or lines)[-1]
    return f"llama.cpp crashed (signal {number}, {name}): {line:.{_LONGEST_LINE}}"


def _module_path() -> list[str]:
    """Where the child finds this very package and llama_cpp, and never the current folder."""
    own = str(Path(starling_local.__path__[0]).parent)
    try:
        here = Path.cwd()
    except OSError:
        here = None  # it was removed
    return [own, *(entry for entry in sys.path if entry and Path(entry).resolve() != here)]
