"""How much memory is there, read from invented machines."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from starling_local.machine.fitting.memory import HostMemory, host_memory

GIB, MIB = 2**30, 2**20
MEMINFO = {
    "proc/meminfo": "MemTotal:       16777216 kB\nMemFree: 1048576 kB\nMemAvailable: 12582912 kB\n"
}
NOTHING = "active_file 0\ninactive_file 0\n"


def machine(root: Path, files: dict[str, str]) -> HostMemory:
    for name, text in {**MEMINFO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return host_memory(root)


def group(folder: str, limit: object, usage: int, statistics: str = NOTHING) -> dict[str, str]:
    folder = f"sys/fs/cgroup/{folder}".rstrip("/")
    return {
        f"{folder}/memory.max": f"{limit}\n", f"{folder}/memory.high": "max\n",
        f"{folder}/memory.current": f"{usage}\n", f"{folder}/memory.stat": statistics,
    }  # fmt: skip


def test_a_machine_without_limits(tmp_path: Path) -> None:
    assert machine(tmp_path, {}) == HostMemory(16 * GIB, 12 * GIB)
    # The root group has no limit.
    assert machine(tmp_path, {"proc/self/cgroup": "0::/\n"}) == HostMemory(16 * GIB, 12 * GIB)


@pytest.mark.parametrize(
    ("files", "total", "available"),
    [
        # A container sees its own group as the root, or else by the path that the host knows.
        ({"proc/self/cgroup": "0::/\n", **group("", 4 * GIB, GIB)}, 4 * GIB, 3 * GIB),
        ({"proc/self/cgroup": "0::/docker/1\n", **group("", 4 * GIB, GIB)}, 4 * GIB, 3 * GIB),
        # Pages of files can be taken back, those of the model among them.
        (
            {
                "proc/self/cgroup": "0::/\n",
                **group(
                    "", 4 * GIB, 4 * GIB, f"anon 9\nactive_file {GIB}\ninactive_file {2 * GIB}\n"
                ),
            },
            4 * GIB, 3 * GIB,
        ),
        # The tightest of the groups above counts, and never more than the machine has.
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                **group("a/b", "max", GIB), **group("a", 6 * GIB, 5 * GIB),
            },
            6 * GIB, GIB,
        ),
        ({"proc/self/cgroup": "0::/\n", **group("", 99 * GIB, GIB)}, 16 * GIB, 12 * GIB),
        # More in use than is allowed.
        ({"proc/self/cgroup": "0::/\n", **group("", GIB, 2 * GIB)}, GIB, 0),
        # The first version of control groups, where no limit is a huge number.
        (
            {
                "proc/self/cgroup": "5:memory:/job\n1:name=systemd:/job\n0::/job\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{2 * GIB}\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{GIB}\n",
                "sys/fs/cgroup/memory/job/memory.stat": f"total_inactive_file {512 * MIB}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{8 * GIB}\n",
            },
            2 * GIB, GIB + 512 * MIB,
        ),
        # What cannot be understood is no limit.
        ({"proc/self/cgroup": "0::/\n", **group("", "?", GIB)}, 16 * GIB, 12 * GIB),
    ],
)  # fmt: skip
def test_a_limit(tmp_path: Path, files: dict[str, str], total: int, available: int) -> None:
    assert machine(tmp_path, files) == HostMemory(total, available)


def test_elsewhere_psutil_is_asked(tmp_path: Path) -> None:
    found = host_memory(tmp_path)
    assert found.total_bytes == psutil.virtual_memory().total
    assert 0 < found.available_bytes <= found.total_bytes


def test_this_machine() -> None:
    found = host_memory()
    assert 0 < found.available_bytes <= found.total_bytes <= psutil.virtual_memory().total


def test_a_part_is_left_to_others() -> None:
    assert HostMemory(8 * GIB, 6 * GIB).usable_bytes == 6 * GIB - 512 * MIB
    assert HostMemory(64 * GIB, 60 * GIB).usable_bytes == 59 * GIB
    assert HostMemory(8 * GIB, 0).usable_bytes == 0
    # What is small fits on a machine that is nearly full, too; more is never less.
    assert HostMemory(4 * GIB, 200 * MIB).usable_bytes == 150 * MIB
    usable = [HostMemory(8 * GIB, size * MIB).usable_bytes for size in range(8192)]
    assert usable == sorted(usable)
