"""The doctor's findings, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from starling_local.cli.output import Output
from starling_local.machine.doctor.check import Check, Status, exit_code
from starling_local.machine.doctor.diagnosis import Diagnosis
from starling_local.machine.doctor.host import Host
from starling_local.plain_text import counted, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {Status.OK: "green", Status.NOTE: "yellow", Status.PROBLEM: "bold red"}


def print_diagnosis(output: Output, found: Diagnosis, *, is_terminal: bool) -> None:
    """Print it as JSON if that is wanted, else as suits a terminal or a pipe."""
    checks = found.checks
    if output.wants_json or is_terminal:
        output.result(as_table(checks), as_json(found), fixes(checks))
    else:
        output.data("".join(f"{line}\n" for line in as_lines(checks)))


def as_lines(checks: Sequence[Check]) -> list[str]:
    """A line for each check, by sections, and then `fixes`: what a pipe gets."""
    lines = []
    for section, found in groupby(checks, key=lambda check: check.section):
        lines.append(section.value)
        lines += [
            f"  {check.status.value:7} {printable(check.name)}: {printable(check.detail)}"
            for check in found
        ]
    return [*lines, *fixes(checks)]


def as_table(checks: Sequence[Check]) -> RenderableType:
    """The same lines for a terminal, without the fixes."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for section, found in groupby(checks, key=lambda check: check.section):
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, min_width=9)
        table.add_column(overflow="fold")
        for check in found:
            line = Text(f"{printable(check.name)}: {printable(check.detail)}")
            table.add_row(Text(f"  {check.status.value}", style=_STYLES[check.status]), line)
        parts += [Text(section.value, style="bold"), table]
    return Group(*parts)


def fixes(checks: Sequence[Check]) -> list[str]:
    """What to do, problems last; commands stand on lines of their own, uncut, to be pasted."""
    lines = [""]
    for status in (Status.NOTE, Status.PROBLEM):
        for check in checks:
            if check.status is not status or not (check.fix or check.advice):
                continue
            lines.append(f"{status.value}: {printable(check.name)}: {printable(check.detail)}")
            if check.fix:
                lines.append(f"  {printable(check.fix)}")
            if check.advice:
                lines.append(f"  {printable(check.advice)}")
    return [*lines, _verdict(checks)]


def _verdict(checks: Sequence[Check]) -> str:
    counts = {status: sum(check.status is status for check in checks) for status in Status}
    notes, problems = counts[Status.NOTE], counts[Status.PROBLEM]
    if not problems:
        return f"nothing is broken; {counted(notes, 'note')}"
    return f"{counted(problems, 'problem')}, {counted(notes, 'note')}"


def as_json(found: Diagnosis) -> dict[str, Any]:
    """The same, for `--json`, and in numbers what the verdicts are about."""
    checks = found.checks
    return {
        "exit_code": int(exit_code(checks)),
        "machine": _machine_json(found.host),
        "checks": [
            {
                "section": check.section.value,
                "name": check.name,
                "status": check.status.value,
                "detail": check.detail,
                "fix": check.fix,
                "advice": check.advice,
            }
            for check in checks
        ],
    }


def _machine_json(host: Host) -> dict[str, Any]:
    build, processor = host.engine.build, host.processor
    return {
        "system": host.system,
        "python": {"version": host.python.version, "architecture": host.python.architecture},
        "packages": {package.name: package.installed for package in host.packages},
        "llama_cpp": build
        and {
            "version": build.llama_version,
            "ggml_version": build.ggml_version,
            "back_ends": list(build.back_ends),
            "features": {name: dict(features) for name, features in build.features},
        },
        "devices": [
            {
                "name": device.name,
                "description": device.description,
                "backend": device.backend,
                "kind": device.kind.name.lower(),
                "free_bytes": device.free_bytes,
                "total_bytes": device.total_bytes,
            }
            for device in host.engine.devices
        ],
        "processor": {
            "name": processor.name,
            "cores": processor.cores,
            "quota": processor.quota,
            "features": sorted(processor.features),
        },
        "memory": asdict(host.memory),
        "folders": [
            {
                "name": folder.name,
                "path": str(folder.path),
                "free_bytes": folder.free_bytes,
                "used_bytes": folder.used_bytes,
            }
            for folder in host.folders
        ],
    }
