"""Is the interpreter the right one, and are the packages there?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from starling_local.errors import ExitCode
from starling_local.machine.doctor.check import Check, Section, note, ok, problem
from starling_local.machine.doctor.checks_engine import rebuilt_as_it_is
from starling_local.machine.doctor.host import Host, Package
from starling_local.machine.doctor.installing import LLAMA, Installer

_SECTION = Section.PYTHON


def python_checks(host: Host) -> Iterator[Check]:
    """The interpreter, then the packages of our metadata."""
    yield _interpreter(host)
    if host.python.is_managed:
        yield note(
            _SECTION,
            "environment",
            "this is the system's Python, into which pip refuses to install",
            advice="install starling-local in an environment of its own: python3 -m venv .venv",
        )
    met = [package for package in host.packages if package.is_met]
    if met:
        listed = ", ".join(f"{package.name} {package.installed}" for package in met)
        yield ok(_SECTION, "packages", listed)
    for package in host.packages:
        if not package.is_met:
            found = f"{package.installed} is too old" if package.installed else "is missing"
            fix, advice = _upgrade(host, package)
            yield problem(
                _SECTION,
                package.name,
                f"{found}; {package.wanted} is wanted",
                ExitCode.BAD_FILE if package.installed else ExitCode.NOT_FOUND,
                fix=fix,
                advice=advice,
            )


def _upgrade(host: Host, package: Package) -> tuple[str, str | None]:
    """The command for a package, and advice; llama.cpp keeps its back ends."""
    if package.name == LLAMA:
        return rebuilt_as_it_is(host)
    return host.installer.install("--upgrade", f"{package.name}{package.wanted}"), None


def _interpreter(host: Host) -> Check:
    python = host.python
    kind = "virtual environment" if python.is_venv else "no virtual environment"
    detail = f"{python.version}, {python.architecture}, {kind}: {python.executable}"
    if not python.is_translated:
        return ok(_SECTION, "interpreter", detail)
    return note(
        _SECTION,
        "interpreter",
        f"{detail}; macOS translates it for Apple silicon, which is several times slower, and "
        "Metal is out of reach",
        fix=_native_python(host.installer),
        advice=None if host.installer.uv else "Homebrew for Apple silicon is at https://brew.sh",
    )


def _native_python(installer: Installer) -> str:
    """The commands for a Python of this Mac's own architecture, with this program in it."""
    if installer.uv:
        uv = shlex.quote(installer.uv)
        return (
            f"{uv} venv --python cpython-3.12-macos-aarch64-none .venv-arm64 && "
            f"{uv} pip install --python .venv-arm64/bin/python starling-local"
        )
    return (
        "/opt/homebrew/bin/brew install python@3.12 && "
        "/opt/homebrew/bin/python3.12 -m venv .venv-arm64 && "
        ".venv-arm64/bin/pip install starling-local"
    )
