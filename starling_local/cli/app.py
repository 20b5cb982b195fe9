"""The typer application: commands are registered here and nowhere else."""

from __future__ import annotations

from typing import Annotated

import typer

from starling_local import __version__
from starling_local.cli.ask import ask
from starling_local.cli.batch import batch
from starling_local.cli.bench import bench
from starling_local.cli.chat import chat
from starling_local.cli.convert import convert
from starling_local.cli.doctor import doctor
from starling_local.cli.fit import fit
from starling_local.cli.inspect import inspect
from starling_local.cli.models import models
from starling_local.cli.pull import pull
from starling_local.cli.stdio import stdio
from starling_local.cli.tokens import tokens
from starling_local.cli.tune import tune

app = typer.Typer(
    help="Run the Starling chat models on this machine.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(ask)
app.command()(batch)
app.command()(bench)
app.command()(chat)
app.command()(convert)
app.command()(doctor)
app.command()(fit)
app.command()(inspect)
app.add_typer(models, name="models")
app.command()(pull)
app.command()(stdio)
app.command()(tokens)
app.command()(tune)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"starling-local {__version__}")
        raise typer.Exit


@app.callback()
def starling(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Run the Starling chat models on this machine."""
