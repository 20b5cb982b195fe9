"""The commands that install packages for the interpreter that runs this program."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

LLAMA = "llama-cpp-python"
# Source: README of llama-cpp-python, "Supported Backends", "Pre-built Wheel".
WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
# Only what is needed to compile C++; the build fetches CMake and Ninja by itself.
_COMPILERS = {
    "debian": "sudo apt install build-essential",
    "ubuntu": "sudo apt install build-essential",
    "fedora": "sudo dnf install gcc-c++ make",
    "rhel": "sudo dnf install gcc-c++ make",
    "arch": "sudo pacman -S --needed base-devel",
    "suse": "sudo zypper install gcc-c++ make",
    "opensuse": "sudo zypper install gcc-c++ make",
    "alpine": "sudo apk add build-base",
    "Darwin": "xcode-select --install",
}
_VULKAN_LOADERS = {
    "debian": "sudo apt install libvulkan1 mesa-vulkan-drivers",
    "ubuntu": "sudo apt install libvulkan1 mesa-vulkan-drivers",
    "fedora": "sudo dnf install vulkan-loader mesa-vulkan-drivers",
    "arch": "sudo pacman -S --needed vulkan-icd-loader",
}
_VULKAN_SDKS = {
    "debian": "sudo apt install libvulkan-dev glslc spirv-headers mesa-vulkan-drivers",
    "ubuntu": "sudo apt install libvulkan-dev glslc spirv-headers mesa-vulkan-drivers",
    "fedora": "sudo dnf install vulkan-loader-devel glslc spirv-headers-devel mesa-vulkan-drivers",
    "arch": "sudo pacman -S --needed vulkan-headers vulkan-icd-loader shaderc spirv-headers",
}
_NVIDIA_DRIVERS = {
    "ubuntu": "sudo ubuntu-drivers install",
    "debian": "sudo apt install nvidia-driver",
    "fedora": "sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",
    "arch": "sudo pacman -S --needed nvidia-open nvidia-utils",
}


@dataclass(frozen=True)
class Installer:
    """What installs packages: pip of this interpreter, or uv where there is no pip."""

    executable: str
    has_pip: bool = True
    uv: str | None = None

    def install(self, *words: str) -> str:
        """Install or upgrade packages."""
        return f"{self._command} {shlex.join(words)}"

    def wheel(self, index: str, version: str) -> str:
        """Install the prebuilt llama-cpp-python of one of WHEELS.

        From this index alone, and without looking at what it depends on: else the package index
        would have a newer source, and that be compiled without the back end.
        """
        return self.install(
            *self._anew, "--index-url", f"{WHEELS}/{index}", "--only-binary", LLAMA,
            f"{LLAMA}=={version}",
        )  # fmt: skip

    def build(self, options: str, version: str) -> str:
        """Compile llama-cpp-python on this machine; `options` are for CMake."""
        compiled = self.install(*self._anew, "--no-binary", LLAMA, f"{LLAMA}=={version}")
        return f'CMAKE_ARGS="{options}" {compiled}'

    @property
    def _command(self) -> str:
        python = shlex.quote(self.executable)
        if self.has_pip:
            return f"{python} -m pip install"
        if self.uv:
            return f"{shlex.quote(self.uv)} pip install --python {python}"
        return f"{python} -m ensurepip && {python} -m pip install"

    @property
    def _anew(self) -> tuple[str, ...]:
        if self.uv and not self.has_pip:
            return ("--reinstall", "--no-deps", "--no-cache")
        return ("--force-reinstall", "--no-deps", "--no-cache-dir")


def compiler(system: str, distribution: tuple[str, ...]) -> str | None:
    """The command that installs a C++ compiler, where it is known."""
    return _first(_COMPILERS, (*distribution, system))


def vulkan_loader(distribution: tuple[str, ...]) -> str | None:
    """The command that installs Vulkan's loader, and Mesa's drivers, where it is known."""
    return _first(_VULKAN_LOADERS, distribution)


def vulkan_sdk(distribution: tuple[str, ...]) -> str | None:
    """The command that installs what compiles for Vulkan, where it is known."""
    return _first(_VULKAN_SDKS, distribution)


def nvidia_driver(distribution: tuple[str, ...]) -> str | None:
    """The command that installs NVIDIA's driver, where it is known."""
    return _first(_NVIDIA_DRIVERS, distribution)


def _first(commands: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((commands[name] for name in names if name in commands), None)
