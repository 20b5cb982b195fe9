"""How much memory a model may take on this machine, what can be reclaimed counted in.

On Linux the kernel's own files are read, which takes microseconds; importing psutil would take
longer than starting a small model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What is left to others: a sixteenth of all, a GiB at most; of little that is there, a quarter.
_SPARE_PART, _MOST_SPARE, _AVAILABLE_PART = 16, 2**30, 4


@dataclass(frozen=True)
class HostMemory:
    """The host's memory; `available_bytes` can be had without anything being swapped out.

    File pages in the page cache count as available: among them are those of the model's own file.
    Where a container has a limit, both numbers are what the limit allows.
    """

    total_bytes: int
    available_bytes: int

    @property
    def usable_bytes(self) -> int:
        """What a model may take; the rest is left to others.

        A small model is not refused on a machine that is nearly full, as long as it fits.
        """
        spare = min(self.total_bytes // _SPARE_PART, _MOST_SPARE)
        return self.available_bytes - min(spare, self.available_bytes // _AVAILABLE_PART)


@dataclass(frozen=True)
class _Group:
    """The names of a control group's files: limits, usage, and the file pages in `memory.stat`."""

    limits: tuple[str, ...]
    usage: str
    file_pages: tuple[str, ...]


# Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
_V2 = _Group(
    ("memory.max", "memory.high"), "memory.current",
    ("active_file", "inactive_file", "slab_reclaimable"),
)  # fmt: skip
_V1 = _Group(
    ("memory.limit_in_bytes",), "memory.usage_in_bytes",
    ("total_active_file", "total_inactive_file"),
)  # fmt: skip


def host_memory(root: Path = Path("/")) -> HostMemory:
    """The memory of this machine, or of the container that this process is in."""
    meminfo = _numbers(root / "proc/meminfo")
    if "MemAvailable" in meminfo:
        # In KiB, whatever it says.
        total, available = meminfo["MemTotal"] * 1024, meminfo["MemAvailable"] * 1024
    else:
        import psutil

        found = psutil.virtual_memory()
        total, available = int(found.total), int(found.available)
    for limit, left in _limits(root):
        total, available = min(total, limit), min(available, left)
    return HostMemory(total, available)


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Limits of the control groups that this process is in, and what is left below each."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        folder = base / path.lstrip("/")
        # Inside a container the path may be the host's, and its own group the root.
        for place in (folder, *folder.parents) if folder.is_dir() else (base,):
            yield from _limit(place, _V1 if controllers else _V2)
            if place == base:
                break


def _limit(folder: Path, group: _Group) -> Iterator[tuple[int, int]]:
    limits = [_text(folder / name).strip() for name in group.limits]
    numbers = [int(limit) for limit in limits if limit.isdecimal()]
    usage = _text(folder / group.usage).strip()
    if numbers and usage.isdecimal():
        statistics = _numbers(folder / "memory.stat")
        reclaimable = sum(statistics.get(name, 0) for name in group.file_pages)
        in_use = max(0, int(usage) - reclaimable)
        yield min(numbers), max(0, min(numbers) - in_use)


def _numbers(path: Path) -> dict[str, int]:
    """A file with a name and a number on each line."""
    words = (line.split() for line in _text(path).splitlines())
    return {
        found[0].rstrip(":"): int(found[1]) for found in words if found[1:] and found[1].isdecimal()
    }


def _text(path: Path) -> str:
    """The text of a file of the kernel; empty if there is none."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
