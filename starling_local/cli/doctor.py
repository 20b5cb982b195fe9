"""`starling doctor`: what this machine can do, what is missing, and how to fix it."""

from __future__ import annotations

from typing import Annotated

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import JsonOption
from starling_local.cli.output import Output


def doctor(
    context: typer.Context,
    online: Annotated[
        bool,
        typer.Option(
            "--online",
            help="Also ask whether the hub can be reached, and knows the token; nothing else "
            "touches the network.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine can do, what is missing, and the command that fixes it.

    Example: starling doctor --json
    """
    from starling_local.cli.doctor_report import print_diagnosis
    from starling_local.machine.doctor.check import exit_code
    from starling_local.machine.doctor.diagnosis import examine_machine

    environment: Environment = context.obj
    environment.wants_json = as_json
    encoding = environment.stdout.encoding or "utf-8"
    found = examine_machine(environment.environ, encoding, online=online)
    print_diagnosis(Output(environment), found, is_terminal=environment.stdout.isatty())
    raise typer.Exit(exit_code(found.checks))
