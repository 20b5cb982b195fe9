"""What a child process costs: time, processor time, memory, bytes written.

The measuring process must stay small itself. Between fork and exec a child carries its parent's
memory, and Linux counts that into the child's `ru_maxrss`; so neither this module nor its users
import numpy or map large files.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOG_TAIL_BYTES = 3000


@dataclass(frozen=True)
class Cost:
    """What one or several commands, run one after the other, have cost.

    `cpu_s` is user plus system time; `peak_rss_bytes` the largest resident set of any process,
    mapped file pages included; `written_bytes` the size of all files made, intermediate ones too.
    """

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    written_bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.wall_s + other.wall_s,
            self.cpu_s + other.cpu_s,
            max(self.peak_rss_bytes, other.peak_rss_bytes),
            self.written_bytes + other.written_bytes,
        )


class CommandFailed(Exception):
    """A measured command did not exit with 0; the message ends with what it printed last."""


def measure(command: Sequence[str], output: Path, log: Path) -> Cost:
    """Run `command`, which writes the file or folder `output`; its stdout and stderr go to `log`.

    Writes still waiting in the page cache at its end are not waited for. Raises CommandFailed.
    """
    environ = os.environ | {"HF_HUB_OFFLINE": "1"}  # nobody's time should depend on a network
    with log.open("wb") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environ
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        raise CommandFailed(f"{' '.join(command)}\nexit status {process.returncode}:\n{tail}")
    # getrusage(2): ru_maxrss is in KiB on Linux, in bytes on macOS.
    rss_unit_bytes = 1 if sys.platform == "darwin" else 1024
    return Cost(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * rss_unit_bytes,
        size_bytes(output),
    )


def size_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    return path.stat().st_size


def available_cores() -> int:
    """Cores this process and its children may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def processor_name() -> str:
    """The processor's model name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def module_versions(python: str, modules: Sequence[str]) -> str:
    """Version of the interpreter `python` and of modules that have a `__version__`.

    Importing them here also brings their files into the page cache, so that no measured import
    reads a cold disk. Raises CommandFailed.
    """
    script = (
        "import importlib, platform, sys\n"
        "versions = [name + ' ' + importlib.import_module(name).__version__"
        " for name in sys.argv[1:]]\n"
        "print('Python ' + platform.python_version(), *versions, sep=', ')\n"
    )
    command = [python, "-c", script, *modules]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandFailed(f"{python} cannot import {', '.join(modules)}:\n{done.stderr}")
    return done.stdout.strip()
