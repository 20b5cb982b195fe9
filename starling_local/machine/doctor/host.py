"""What the doctor knows of a machine. `probe` fills it in; the checks judge it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starling_local.machine.doctor.engine_probe import Engine
from starling_local.machine.doctor.installing import LLAMA, Installer
from starling_local.machine.graphics import Graphics
from starling_local.machine.processor import Processor


@dataclass(frozen=True)
class Python:
    """The interpreter that runs this program, and what installs packages for it.

    `is_translated`: an x86-64 one that macOS translates for Apple silicon (Rosetta).
    `is_managed`: pip refuses to install beside the system's packages (PEP 668).
    """

    version: str
    executable: str
    architecture: str
    is_venv: bool = True
    is_managed: bool = False
    is_translated: bool = False
    has_pip: bool = True
    uv: str | None = None
    site_packages: Path = Path("site-packages")


@dataclass(frozen=True)
class Package:
    """A package that this program needs; `installed` None if it is not there."""

    name: str
    installed: str | None
    wanted: str
    """What the metadata asks for, such as `>=1.26`."""
    is_met: bool


@dataclass(frozen=True)
class Memory:
    """Memory of the machine, in bytes; `limit_bytes` is a container's, None without one.

    `available_bytes` is what this process can have without anything being swapped out.
    """

    total_bytes: int
    available_bytes: int
    swap_bytes: int = 0
    limit_bytes: int | None = None


@dataclass(frozen=True)
class FolderPart:
    """What takes room in a folder, and the command that frees it; `note` says what is lost."""

    name: str
    used_bytes: int
    frees: str
    note: str


@dataclass(frozen=True)
class Folder:
    """A folder that this program writes to, whether or not it exists yet."""

    name: str
    path: Path
    variable: str
    """The environment variable that names another one."""
    free_bytes: int
    used_bytes: int
    is_writable: bool
    parts: tuple[FolderPart, ...] = ()


@dataclass(frozen=True)
class Host:
    """A machine, and this program's installation on it.

    `system` is what `platform.system()` says; `distribution` the identifiers of /etc/os-release,
    the most specific one first; `container` the name of what contains this process.
    """

    system: str
    python: Python
    packages: tuple[Package, ...]
    engine: Engine
    processor: Processor
    graphics: Graphics
    memory: Memory
    folders: tuple[Folder, ...]
    distribution: tuple[str, ...] = ()
    container: str | None = None
    is_wsl: bool = False
    has_compiler: bool = True
    environ: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    """Of stdout."""

    @property
    def installer(self) -> Installer:
        """What installs packages here."""
        return Installer(self.python.executable, self.python.has_pip, self.python.uv)

    @property
    def llama_version(self) -> str:
        """The version of llama-cpp-python to install: the one that is there, if it is new enough.

        Else what the metadata asks for at least.
        """
        for package in self.packages:
            if package.name == LLAMA:
                least = package.wanted.removeprefix(">=")
                return package.installed if package.is_met and package.installed else least
        return ""

    def is_on_path(self, program: str) -> bool:
        """Whether a program, a path, is found by its name alone."""
        return os.path.dirname(program) in self.environ.get("PATH", "").split(os.pathsep)  # noqa: PTH120

    def has_back_end(self, *names: str) -> bool:
        """Whether one of these back ends is compiled into llama.cpp."""
        return bool(set(self.engine.back_ends) & set(names))

    @property
    def is_apple_silicon(self) -> bool:
        """Whether it is a Mac whose GPU Metal can use."""
        return self.system == "Darwin" and (
            self.python.architecture == "arm64" or self.python.is_translated
        )
