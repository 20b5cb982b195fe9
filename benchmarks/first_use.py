"""How long a new user waits for the built-in model: the first use, and every later one.

    python -m benchmarks.first_use

There is no peer: this is time in our own program alone, in whole processes from start to end.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

ROUNDS = 9
CODE = "import os; from starling_local.store.nano import nano_model; nano_model(os.environ, print)"
NOTHING = "pass"


def seconds(code: str, cache: Path) -> float:
    """Wall time of a Python process that runs the code."""
    started = monotonic()
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "STARLING_CACHE_DIR": str(cache)},
    )
    return monotonic() - started


def main() -> None:
    """Print medians and spreads, in seconds."""
    first, later, nothing = [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            first.append(seconds(CODE, Path(folder)))
            later.append(seconds(CODE, Path(folder)))
            nothing.append(seconds(NOTHING, Path(folder)))
    for name, times in (
        ("first use (converted)", first),
        ("later uses (found)", later),
        ("python that does nothing", nothing),
    ):
        print(f"{name:26} {statistics.median(times):.2f} s  ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()
