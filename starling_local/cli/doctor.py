"""`starling doctor`: what this machine can do, what is missing, and how to fix it."""

from __future__ import annotations

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import JsonOption
from starling_local.cli.output import Output


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Say what this machine can do, what is missing, and the command that fixes it.

    Example: starling doctor --json
    """
    from starling_local.cli import doctor_report
    from starling_local.machine.check import exit_code
    from starling_local.machine.doctor import host_checks
    from starling_local.machine.probe import probe_host

    environment: Environment = context.obj
    environment.wants_json = as_json
    output = Output(environment)
    host = probe_host(environment.environ, environment.stdout.encoding or "utf-8")
    checks = host_checks(host)
    output.result(
        doctor_report.as_text(checks), doctor_report.as_json(checks), doctor_report.fixes(checks)
    )
    raise typer.Exit(exit_code(checks))
