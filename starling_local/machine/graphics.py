"""The graphics cards of a machine, their drivers, and the tools that build for them.

All is found without a library of a vendor: by what the kernel tells, by the names of files, and,
for NVIDIA, by nvidia-smi, which comes with the driver.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_DISPLAY = "0x03"  # the class of display controllers on the PCI bus
# Where drivers put libraries without telling the loader's list.
_LIBRARY_FOLDERS = (
    "usr/lib", "usr/lib64", "usr/lib/wsl/lib", "usr/local/cuda/lib64", "usr/local/nvidia/lib64",
    "opt/rocm/lib",
)  # fmt: skip
_NVIDIA_SMI = ("--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader")
_KERNEL_DRIVER = re.compile(r"NVRM version:.*?\s(\d+\.[\d.]+)\s")
_CUDA_RELEASE = re.compile(r"release (\d+\.\d+)")
_GFX = re.compile(r"^gfx_target_version (\d+)$", re.MULTILINE)
_TIMEOUT_S = 5

Run = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class NvidiaCard:
    """A card as nvidia-smi names it; `compute_capability` such as 8.6, None if it does not say."""

    name: str
    compute_capability: float | None = None


@dataclass(frozen=True)
class Graphics:
    """What there is of graphics cards, drivers and tools; `None` and empty for what is not there.

    `vendors` are those of the cards on the bus. `nvidia_driver` is the version of the loaded
    driver; `libraries` those of LIBRARIES that are there.
    """

    vendors: frozenset[str] = frozenset()
    nvidia: tuple[NvidiaCard, ...] = ()
    nvidia_driver: str | None = None
    has_nvidia_device: bool = False
    nvcc: str | None = None
    nvcc_version: str | None = None
    amd_targets: tuple[str, ...] = ()
    has_kfd_access: bool = True
    hipcc: str | None = None
    glslc: str | None = None
    has_vulkan_driver: bool = False
    libraries: frozenset[str] = frozenset()


LIBRARIES = (
    "libcuda.so.1", "libcudart.so.11.0", "libcudart.so.12", "libcudart.so.13", "libvulkan.so.1",
    "libamdhip64.so.7",
)  # fmt: skip


def run(command: Sequence[str]) -> str:
    """What a command prints; nothing if it fails or takes too long."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def probe_graphics(environ: Mapping[str, str], root: Path = Path("/"), run: Run = run) -> Graphics:
    """The graphics cards of this machine; `root` is where its file system begins."""
    found = _Tools(environ, root)
    driver = _KERNEL_DRIVER.search(_read(root / "proc/driver/nvidia/version"))
    cards, smi_driver = _nvidia_cards(found, root, run)
    nvcc = found.tool("nvcc", "usr/local/cuda/bin")
    release = _CUDA_RELEASE.search(run([nvcc, "--version"])) if nvcc and cards else None
    kfd = root / "dev/kfd"
    return Graphics(
        vendors=_vendors(root),
        nvidia=cards,
        nvidia_driver=driver[1] if driver else smi_driver,
        has_nvidia_device=(root / "dev/nvidiactl").exists() or (root / "dev/dxg").exists(),
        nvcc=nvcc,
        nvcc_version=release[1] if release else None,
        amd_targets=_amd_targets(root),
        has_kfd_access=not kfd.exists() or os.access(kfd, os.R_OK | os.W_OK),
        hipcc=found.tool("hipcc", "opt/rocm/bin"),
        glslc=found.tool("glslc"),
        has_vulkan_driver=any(
            any((root / folder).glob("*.json"))
            for folder in ("usr/share/vulkan/icd.d", "etc/vulkan/icd.d")
        ),
        libraries=frozenset(name for name in LIBRARIES if found.has_library(name)),
    )


@dataclass(frozen=True)
class _Tools:
    environ: Mapping[str, str]
    root: Path

    def tool(self, name: str, folder: str = "usr/bin") -> str | None:
        """The path of a program, on PATH or in the folder where it is installed."""
        usual = self.root / folder / name
        return shutil.which(name, path=self.environ.get("PATH", os.defpath)) or (
            str(usual) if usual.is_file() else None
        )

    def has_library(self, name: str) -> bool:
        """Whether the loader would find a library."""
        told = self.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
        folders = [Path(folder) for folder in told if folder]
        folders += [self.root / folder for folder in _LIBRARY_FOLDERS]
        if any((folder / name).exists() for folder in folders):
            return True
        try:
            # The names in the loader's own list each end with a zero byte, see ldconfig(8).
            return name.encode() + b"\0" in (self.root / "etc/ld.so.cache").read_bytes()
        except OSError:
            return False


def _nvidia_cards(found: _Tools, root: Path, run: Run) -> tuple[tuple[NvidiaCard, ...], str | None]:
    """NVIDIA's cards and the driver's version, by nvidia-smi, else by the kernel's driver."""
    smi = found.tool("nvidia-smi", "usr/lib/wsl/lib")
    cards, driver = [], None
    for line in run([smi, *_NVIDIA_SMI]).splitlines() if smi else ():
        name, *rest = (word.strip() for word in line.split(","))
        driver, capability = [*rest, "", ""][:2]
        cards.append(NvidiaCard(name, _number(capability)))
    if not cards:
        for path in sorted(root.glob("proc/driver/nvidia/gpus/*/information")):
            model = re.search(r"^Model:\s*(.*)$", _read(path), re.MULTILINE)
            cards.append(NvidiaCard(model[1].strip() if model else "NVIDIA card"))
    return tuple(cards), driver or None


def _vendors(root: Path) -> frozenset[str]:
    """Vendors of the display controllers on the PCI bus."""
    found = set()
    for device in root.glob("sys/bus/pci/devices/*"):
        if _read(device / "class").startswith(_DISPLAY):
            found.add(_VENDORS.get(_read(device / "vendor"), "other"))
    return frozenset(found)


def _amd_targets(root: Path) -> tuple[str, ...]:
    """The architectures of AMD's cards, such as gfx1100, by the kernel's compute driver.

    The kernel has them as numbers: 110000 is gfx1100, 90010 is gfx90a (each part in hexadecimal).
    """
    found = []
    for path in sorted(root.glob("sys/class/kfd/kfd/topology/nodes/*/properties")):
        version = _GFX.search(_read(path))
        if version and (number := int(version[1])):
            major, minor, step = number // 10000, number // 100 % 100, number % 100
            found.append(f"gfx{major}{minor:x}{step:x}")
    return tuple(dict.fromkeys(found))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
