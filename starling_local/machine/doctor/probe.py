"""Looks at this machine for the doctor; nothing is judged here, and nothing is changed."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from starling_local.machine.doctor.checks_network import hub_home
from starling_local.machine.doctor.engine_probe import probe_engine
from starling_local.machine.doctor.host import Folder, FolderPart, Host, Memory, Package, Python
from starling_local.machine.fitting.memory import host_memory
from starling_local.machine.graphics import probe_graphics, run
from starling_local.machine.processor import probe_processor
from starling_local.store.folders import (
    CACHE_VARIABLE,
    DATA_VARIABLE,
    cache_folder,
    data_folder,
)

DISTRIBUTION = "starling-local"


def probe_host(environ: Mapping[str, str], encoding: str, root: Path = Path("/")) -> Host:
    """This machine. `encoding` is stdout's; `root` is where the file system begins."""
    return Host(
        system=platform.system(),
        python=_python(environ),
        packages=tuple(_packages()),
        engine=probe_engine(),
        processor=probe_processor(root),
        graphics=probe_graphics(environ, root),
        memory=_memory(root),
        folders=tuple(_folders(environ)),
        distribution=_distribution(root),
        container=_container(environ, root),
        is_wsl="microsoft" in platform.release().lower(),
        has_compiler=any(shutil.which(name) for name in ("c++", "g++", "clang++")),
        environ=environ,
        encoding=encoding,
    )


def _python(environ: Mapping[str, str]) -> Python:
    is_venv = sys.prefix != sys.base_prefix
    marker = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return Python(
        version=platform.python_version(),
        executable=sys.executable,
        architecture=platform.machine(),
        is_venv=is_venv,
        is_managed=not is_venv and marker.is_file(),
        is_translated=platform.system() == "Darwin" and _is_translated(),
        has_pip=find_spec("pip") is not None,
        uv=shutil.which("uv", path=environ.get("PATH", os.defpath)),
        site_packages=Path(sysconfig.get_path("purelib")),
    )


def _is_translated() -> bool:
    """Whether Rosetta runs this process. Source: Apple, "About the Rosetta environment"."""
    return run(["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"]).strip() == "1"


def _packages() -> Iterator[Package]:
    """What our metadata asks for, and what is there; any of it may be missing."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Package("packaging", None, "", False)
        return
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        lines = []  # run from its source
    for requirement in map(Requirement, lines):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement.name)
        yield Package(
            requirement.name,
            version,
            str(requirement.specifier),
            version is not None and requirement.specifier.contains(version, prereleases=True),
        )


def _version(name: str) -> str | None:
    """The version of a package; None if it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _memory(root: Path) -> Memory:
    usable = host_memory(root)
    try:
        import psutil
    except ImportError:
        return Memory(usable.total_bytes, usable.available_bytes)
    total = psutil.virtual_memory().total
    limit = usable.total_bytes if usable.total_bytes < total else None
    return Memory(total, usable.available_bytes, psutil.swap_memory().total, limit)


def _folders(environ: Mapping[str, str]) -> Iterator[Folder]:
    data, cache, hub = data_folder(environ), cache_folder(environ), _hub_cache(environ)
    again = "made again when needed"
    kept = (
        _part("models", data / "models", "starling models rm NAME", "yours"),
        _part("sessions", data / "sessions", None, "your saved chats"),
    )
    made = (
        _part("nano", cache / "nano", None, again),
        _part("prefixes", cache / "prefixes", None, again),
    )
    # Version 1 has other commands than those before.
    is_old = (_version("huggingface-hub") or "").startswith("0.")
    frees = "hf cache delete" if is_old else "hf cache rm model/OWNER/NAME (hf cache ls has them)"
    loaded = _part("downloads", hub, frees, "of all programs that use the hub")
    yield _folder("data", data, DATA_VARIABLE, kept)
    yield _folder("cache", cache, CACHE_VARIABLE, made)
    yield _folder("hub cache", hub, "HF_HUB_CACHE", (loaded,))


def _part(name: str, path: Path, frees: str | None, note: str) -> FolderPart:
    """A part of a folder; `frees` None means that it can simply be removed."""
    return FolderPart(name, size_bytes(path), frees or f"rm -r {shlex.quote(str(path))}", note)


def _folder(name: str, path: Path, variable: str, parts: tuple[FolderPart, ...]) -> Folder:
    place = next((one for one in (path, *path.parents) if one.exists()), Path("/"))
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        free = 0
    is_writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return Folder(name, path, variable, free, size_bytes(path), is_writable, parts)


def _hub_cache(environ: Mapping[str, str]) -> Path:
    """The hub's cache. Source: huggingface_hub's constants.py."""
    cache = environ.get("HF_HUB_CACHE") or f"{hub_home(environ)}/hub"
    return Path(os.path.expanduser(cache))  # noqa: PTH111


def size_bytes(folder: Path) -> int:
    """What the files of a folder take on the disk; links are not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118
            except OSError:
                continue
    return total


def _distribution(root: Path) -> tuple[str, ...]:
    """The identifiers of the Linux distribution, and of those it is like."""
    values = {}
    for line in _read(root / "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        values[name] = value.strip("\"'")
    return tuple(f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".split())


def _container(environ: Mapping[str, str], root: Path) -> str | None:
    """What contains this process: docker, podman and the like."""
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    return environ.get("container") or None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
