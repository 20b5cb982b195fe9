"""The processor: its name, what it can compute, and how much of it this process may use."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# The names that llama.cpp has for what Linux calls so in /proc/cpuinfo.
_LINUX_FEATURES = {
    "ssse3": "SSSE3", "avx": "AVX", "avx_vnni": "AVX_VNNI", "avx2": "AVX2", "f16c": "F16C",
    "fma": "FMA", "bmi2": "BMI2", "avx512f": "AVX512", "avx512vbmi": "AVX512_VBMI",
    "avx512_vnni": "AVX512_VNNI", "avx512_bf16": "AVX512_BF16", "amx_int8": "AMX_INT8",
    "asimd": "NEON", "asimdhp": "FP16_VA", "asimddp": "DOTPROD", "i8mm": "MATMUL_INT8",
    "sve": "SVE", "sme": "SME",
}  # fmt: skip
# And what macOS calls so in `sysctl hw.optional`, and in `machdep.cpu` on Intel.
_MACOS_FEATURES = {
    "hw.optional.neon": "NEON", "hw.optional.AdvSIMD": "NEON",
    "hw.optional.arm.FEAT_FP16": "FP16_VA", "hw.optional.arm.FEAT_DotProd": "DOTPROD",
    "hw.optional.arm.FEAT_I8MM": "MATMUL_INT8", "hw.optional.arm.FEAT_SME": "SME",
    "hw.optional.avx1_0": "AVX", "hw.optional.avx2_0": "AVX2", "hw.optional.fma": "FMA",
    "hw.optional.f16c": "F16C", "hw.optional.avx512f": "AVX512",
}  # fmt: skip
_FLAGS = re.compile(r"^(?:flags|Features)\s*:\s*(.*)$", re.MULTILINE)
_MODEL = re.compile(r"^(?:model name|Processor|Hardware)\s*:\s*(.*)$", re.MULTILINE)
_TIMEOUT_S = 3


@dataclass(frozen=True)
class Processor:
    """A processor as this process may use it.

    `features` have llama.cpp's names (AVX2, DOTPROD); empty if the system does not tell them.
    `cores` are those this process may run on, of `all_cores`; `quota` is how many of them a
    container grants in sum, None if it does not say.
    """

    name: str
    features: frozenset[str]
    cores: int
    all_cores: int
    quota: float | None = None


def probe_processor(root: Path = Path("/")) -> Processor:
    """The processor of this machine; `root` is where its file system begins."""
    all_cores = os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else all_cores
    if platform.system() == "Darwin":
        values = _sysctl()
        name = values.get("machdep.cpu.brand_string", platform.machine())
        return Processor(name, macos_features(values), cores, all_cores)
    name, features = linux_features(_read(root / "proc/cpuinfo"))
    return Processor(name or platform.machine(), features, cores, all_cores, cpu_quota(root))


def linux_features(cpuinfo: str) -> tuple[str, frozenset[str]]:
    """Name and features by the text of /proc/cpuinfo."""
    model, flags = _MODEL.search(cpuinfo), _FLAGS.search(cpuinfo)
    words = flags[1].split() if flags else []
    found = frozenset(_LINUX_FEATURES[word] for word in words if word in _LINUX_FEATURES)
    return (model[1].strip() if model else "", found)


def macos_features(values: dict[str, str]) -> frozenset[str]:
    """Features by what `sysctl` says."""
    return frozenset(
        feature for name, feature in _MACOS_FEATURES.items() if values.get(name) == "1"
    )


def cpu_quota(root: Path) -> float | None:
    """How many cores the control group grants in sum, by version 2 or 1; None without a limit.

    Source: the kernel's Documentation/admin-guide/cgroup-v2.rst (cpu.max), and
    Documentation/scheduler/sched-bwc.rst (cpu.cfs_quota_us).
    """
    for folder in control_groups(root, "cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if not quota:
            quota = _read(folder / "cpu.cfs_quota_us")
            period = _read(folder / "cpu.cfs_period_us")
        try:
            limit, of = int(quota), int(period)
        except ValueError:
            continue
        if limit > 0 and of > 0:
            return limit / of
    return None


def control_groups(root: Path, controller: str) -> list[Path]:
    """Folders of the control group of this process, and of those around it, innermost first."""
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controllers and controller)
        inner = base / path.lstrip("/")
        found += [inner, *(outer for outer in inner.parents if outer.is_relative_to(base))]
    return found


def _sysctl() -> dict[str, str]:
    """What macOS tells of its processor."""
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "hw.optional", "machdep.cpu"],
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(": ") for line in done.stdout.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
