"""`starling inspect`: what a model's file holds, and whether it can be spoken to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import JsonOption
from starling_local.cli.output import Output
from starling_local.errors import ExitCode
from starling_local.store.models import find_model


def inspect(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A .gguf file, a model's name, or the folder of a checkpoint."
        ),
    ],
    tensors: Annotated[
        bool, typer.Option("--tensors", help="List every tensor: shape, type and bytes.")
    ] = False,
    metadata: Annotated[
        bool, typer.Option("--metadata", help="List the metadata; long values are shortened.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a model's file holds, and check it. A file that nobody vouches for is safe here.

    Example: starling inspect Starling-LM-7B-alpha-Q4_K_M.gguf

    It exits with 4 if the file is damaged or cannot be spoken to with the models' template.
    """
    environment: Environment = context.obj
    environment.wants_json = as_json
    environment.write_utf8()
    output = Output(environment)
    path = find_model(model, environment.environ, output.note)
    is_sound = _show_gguf(path, output, environment, tensors, metadata)
    if not is_sound:
        raise typer.Exit(ExitCode.BAD_FILE)


def _show_gguf(
    path: Path, output: Output, environment: Environment, tensors: bool, metadata: bool
) -> bool:
    from starling_local.cli.inspect_json import gguf_json
    from starling_local.cli.inspect_report import gguf_report
    from starling_local.engine.inspection import inspect_gguf

    found = inspect_gguf(path)
    is_ascii = not (environment.stdout.encoding or "utf-8").lower().startswith("utf")
    output.result(
        gguf_report(found, is_ascii=is_ascii, tensors=tensors, metadata=metadata), gguf_json(found)
    )
    return found.is_sound
