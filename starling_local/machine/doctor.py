"""What is wrong with this machine and this installation, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable

from starling_local.machine.check import Check
from starling_local.machine.checks_engine import engine_checks
from starling_local.machine.checks_graphics import device_checks
from starling_local.machine.checks_python import python_checks
from starling_local.machine.checks_settings import settings_checks
from starling_local.machine.checks_system import disk_checks, memory_checks, processor_checks
from starling_local.machine.host import Host


def host_checks(host: Host) -> tuple[Check, ...]:
    """All that can be judged by what is known of the machine."""
    judges = (
        python_checks, engine_checks, device_checks, processor_checks, memory_checks, disk_checks,
        settings_checks,
    )  # fmt: skip
    found: Iterable[Iterable[Check]] = (judge(host) for judge in judges)
    return tuple(check for checks in found for check in checks)
