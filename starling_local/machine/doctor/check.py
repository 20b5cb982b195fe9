"""One thing that the doctor looked at, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from starling_local.errors import ExitCode


class Section(Enum):
    """What a check is about; checks are shown in this order."""

    PYTHON = "Python"
    LLAMA_CPP = "llama.cpp"
    DEVICES = "Devices"
    PROCESSOR = "Processor"
    MEMORY = "Memory"
    DISK = "Disk"
    SETTINGS = "Settings"
    MODELS = "Models"
    NETWORK = "Network"


class Status(Enum):
    """A verdict: fine; works, but could be better, or worth knowing; broken."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """A verdict with its reason, and what to do about it.

    `fix` is a command to paste, or several joined with `&&`; `advice` is what cannot be a command.
    `exit_code` of a problem is the one that commands end with because of it.
    """

    section: Section
    name: str
    status: Status
    detail: str
    fix: str | None = None
    advice: str | None = None
    exit_code: ExitCode = ExitCode.DONE


def ok(section: Section, name: str, detail: str) -> Check:
    """A check that found nothing wrong."""
    return Check(section, name, Status.OK, detail)


def note(
    section: Section, name: str, detail: str, *, fix: str | None = None, advice: str | None = None
) -> Check:
    """A check that found something that is worth knowing."""
    return Check(section, name, Status.NOTE, detail, fix, advice)


def problem(
    section: Section,
    name: str,
    detail: str,
    exit_code: ExitCode,
    *,
    fix: str | None = None,
    advice: str | None = None,
) -> Check:
    """A check that found something broken."""
    return Check(section, name, Status.PROBLEM, detail, fix, advice, exit_code)


def exit_code(checks: Sequence[Check]) -> ExitCode:
    """That of the first problem; done if there is none."""
    codes = (check.exit_code for check in checks if check.status is Status.PROBLEM)
    return next(codes, ExitCode.DONE)
