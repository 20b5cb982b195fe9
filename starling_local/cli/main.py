"""Runs a command and turns every outcome into an exit code.

`main` is the only place that catches errors. A `StarlingError` is reported with its code; what it
does not catch is a bug and shows its traceback (exit code 1, Python's own).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from starling_local.cli.app import application
from starling_local.cli.environment import Environment
from starling_local.cli.output import Output
from starling_local.errors import ExitCode, InterruptedByUser, StarlingError, UsageError


def main(args: Sequence[str] | None = None, environment: Environment | None = None) -> int:
    """Run `starling` with `args` (sys.argv's if None) and return its exit code."""
    args = sys.argv[1:] if args is None else args
    environment = environment or Environment()
    output = Output(environment)
    words = list(args) or ["--help"]
    try:
        status = application(words[0])(
            args=words,
            obj=environment,
            prog_name="starling",
            standalone_mode=False,
        )
    except StarlingError as error:
        output.error(error)
        return error.exit_code
    except typer.TyperException as error:
        # A mistyped command line: typer's own words, our form and exit code. The command has not
        # run, so whether it was asked for JSON is to be seen only here.
        environment.wants_json = "--json" in args
        output.error(UsageError(error.format_message(), hint="starling --help"))
        return ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        status = ExitCode.INTERRUPTED
    # typer itself turns a KeyboardInterrupt inside a command into this status.
    if status == ExitCode.INTERRUPTED:
        output.error(InterruptedByUser("interrupted"))
    return status if isinstance(status, int) else ExitCode.DONE
