"""The typer application: commands are registered here and nowhere else."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from starling_local import __version__

COMMANDS = (
    "ask", "batch", "bench", "chat", "convert", "doctor", "fit", "inspect", "models", "pull",
    "stdio", "tokens", "tune",
)  # fmt: skip
"""Each is what its own module calls so."""


def application(wanted: str | None = None) -> typer.Typer:
    """The application with the command of that name, or with all if there is none.

    To make all of them takes a third of the start-up of one.
    """
    app = typer.Typer(
        help="Run the Starling chat models on this machine.",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(starling)
    for name in (wanted,) if wanted in COMMANDS else COMMANDS:
        command = getattr(import_module(f"starling_local.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command()(command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"starling-local {__version__}")
        raise typer.Exit


def starling(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Run the Starling chat models on this machine."""
