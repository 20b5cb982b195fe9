"""What is wrong with this machine and this installation, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starling_local.machine.doctor.check import Check, Section, note
from starling_local.machine.doctor.checks_engine import engine_checks
from starling_local.machine.doctor.checks_graphics import device_checks
from starling_local.machine.doctor.checks_models import model_checks
from starling_local.machine.doctor.checks_network import network_checks
from starling_local.machine.doctor.checks_python import python_checks
from starling_local.machine.doctor.checks_settings import settings_checks
from starling_local.machine.doctor.checks_system import disk_checks, memory_checks, processor_checks
from starling_local.machine.doctor.host import Host
from starling_local.machine.doctor.probe import probe_host
from starling_local.store.hub import is_offline


@dataclass(frozen=True)
class Diagnosis:
    """What was found on a machine, and the verdicts on it."""

    host: Host
    checks: tuple[Check, ...]


def examine_machine(environ: Mapping[str, str], encoding: str, *, online: bool) -> Diagnosis:
    """Look at all there is; the network is touched only if `online`. `encoding` is stdout's."""
    host = probe_host(environ, encoding)
    checks = [*host_checks(host)]
    if host.engine.build is not None and all(package.installed for package in host.packages):
        checks += model_checks(environ)
    if online and is_offline(environ):
        checks.append(note(Section.NETWORK, "hub", "not asked: the environment forbids it"))
    elif online:
        checks += network_checks(environ)
    return Diagnosis(host, tuple(checks))


def host_checks(host: Host) -> tuple[Check, ...]:
    """All that can be judged by what is known of the machine."""
    judges = (
        python_checks, engine_checks, device_checks, processor_checks, memory_checks, disk_checks,
        settings_checks,
    )  # fmt: skip
    found: Iterable[Iterable[Check]] = (judge(host) for judge in judges)
    return tuple(check for checks in found for check in checks)
