"""Measuring one way of running a model, in a process of its own.

So llama.cpp is fresh each time, the start counts as it does for a user, and what makes it crash,
hang or run out of memory does no more harm than that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from starling_local.machine.tuning.race import Sample
from starling_local.machine.tuning.workload import Workload
from starling_local.settings import ContextSettings, LoadSettings

CHILD = (sys.executable, "-m", "starling_local.machine.tuning.trial_child")
_TAIL_BYTES = 2000


@dataclass(frozen=True)
class Way:
    """How a model is run."""

    path: Path
    load: LoadSettings
    context: ContextSettings


class TrialFailed(Exception):
    """The process ended without a result, or had to be killed; the message says how.

    `status` is its exit status, below 0 if a signal ended it; `is_late` if it was killed for the
    time it took.
    """

    def __init__(self, message: str, status: int, *, is_late: bool = False) -> None:
        super().__init__(message)
        self.status, self.is_late = status, is_late


def run_trial(
    way: Way,
    workload: Workload,
    effort: float,
    timeout_s: float,
    environ: Mapping[str, str],
    command: Sequence[str] = CHILD,
) -> Sample:
    """Measure the start and a part of one round of work.

    Raises TrialFailed, also if it takes longer than the timeout.
    """
    prompt, generate = workload.part(effort)
    task = {
        "path": str(way.path),
        "load": asdict(way.load),
        "context": {**asdict(way.context), "kv_type": way.context.kv_type.value},
        "tokens": [prompt, generate],
    }
    started = perf_counter()
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            env={**environ}, text=True, encoding="utf-8",
        ) as process,
    ):  # fmt: skip
        killer = threading.Timer(timeout_s, process.kill)
        # Ctrl-C between any two steps must leave nothing to wait for.
        killer.daemon = True
        try:
            killer.start()
            start_s, said = _listen(process, task, started)
            # It waits for the end of its input only if it hangs.
            status = process.wait()
        finally:
            killer.cancel()
            process.kill()
        if "read_s" not in said or status:
            is_late = perf_counter() - started >= timeout_s
            why = f"not finished in {timeout_s:.0f} s" if is_late else _why(said, status, errors)
            raise TrialFailed(why, status, is_late=is_late)
    read_s = said["read_s"] * workload.prompt / prompt
    return Sample(start_s, read_s + said["write_s"] * workload.generate / generate)


def _listen(
    process: subprocess.Popen[str], task: Mapping[str, Any], started: float
) -> tuple[float, dict[str, Any]]:
    """Seconds until the first token, and the last thing that the process says."""
    assert process.stdin is not None
    assert process.stdout is not None
    start_s, said = 0.0, dict[str, Any]()
    # Past the buffer: what it could not take would fail again when the pipe is closed.
    with suppress(BrokenPipeError):
        os.write(process.stdin.fileno(), (json.dumps(task) + "\n").encode())
    for line in process.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "first" in said:
            start_s = perf_counter() - started
    return start_s, said


def _why(said: Mapping[str, Any], status: int, errors: IO[bytes]) -> str:
    """Why a process failed: what it says itself, else its last line, and how it ended."""
    if "error" in said:
        return str(said["error"])
    errors.seek(0)
    lines = errors.read()[-_TAIL_BYTES:].decode("utf-8", "replace").strip().splitlines()
    ended = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
    return f"{ended}: {lines[-1]}" if lines else ended
