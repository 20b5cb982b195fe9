"""How long a process takes from its start to the first byte that it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter

from starling_local.errors import BadFileError, DoesNotFitError, StarlingError, UsageError

# With it, Python would compile the program anew each time, as no installed one does.
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
QUESTION = "What is the capital of France?"


def starling(*words: str) -> list[str]:
    """The command line that runs this program in another process."""
    return [sys.executable, "-m", "starling_local", *words]


def first_byte_s(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Seconds from the start of a process to the first byte on its stdout that is no space.

    It is left to end by itself. Raises StarlingError if it prints nothing, with what it says.
    """
    environ = {key: value for key, value in environ.items() if key != NO_BYTECODE}
    started = perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environ,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            byte = b" "
            while byte.isspace():
                byte = os.read(process.stdout.fileno(), 1)
            took = perf_counter() - started
            _, said = process.communicate()
        except BaseException:
            # Ctrl-C must not wait until a large model has answered.
            process.kill()
            raise
    if not byte:
        raise _failure(process.returncode, said)
    return took


def _failure(status: int, said: bytes) -> StarlingError:
    """The error that the other process ended with."""
    lines = said.decode("utf-8", "replace").splitlines() or ["it printed nothing"]
    errors = [line for line in lines if line.startswith("error: ")]
    kinds = {int(kind.exit_code): kind for kind in (BadFileError, DoesNotFitError)}
    return kinds.get(status, UsageError)((errors or lines)[-1].removeprefix("error: "))
