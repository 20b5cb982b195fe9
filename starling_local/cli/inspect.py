"""`starling inspect`: what a model's file holds, and whether it can be spoken to."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.completion import model_names
from starling_local.cli.environment import Environment
from starling_local.cli.options import JsonOption
from starling_local.cli.output import Output
from starling_local.errors import BadFileError, ExitCode, UsageError
from starling_local.store.models import find_model
from starling_local.store.nano import NAME as NANO

if TYPE_CHECKING:
    from starling_local.engine.inspection import Check


def inspect(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .gguf file, a model's name, or the folder of a checkpoint.",
            autocompletion=model_names,
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
    from starling_local.engine.inspection import Verdict

    environment: Environment = context.obj
    environment.wants_json = as_json
    environment.write_utf8()
    output = Output(environment)
    folder = Path(os.path.expanduser(model))  # noqa: PTH111 - as in `find_model`
    if model != NANO and os.path.isdir(folder):  # noqa: PTH112 - false for names that are too long
        checks = _show_checkpoint(folder, output, environment, tensors)
    else:
        path = find_model(model, environment.environ, output.note)
        checks = _show_gguf(path, output, environment, tensors, metadata)
    failed = [check for check in checks if check.verdict is Verdict.FAILS]
    if failed and not as_json:
        output.error(BadFileError(failed[0].said[0], hint=failed[0].hint))
    if failed:
        raise typer.Exit(ExitCode.BAD_FILE)


def _show_gguf(
    path: Path, output: Output, environment: Environment, tensors: bool, metadata: bool
) -> Sequence[Check]:
    from starling_local.cli.inspect_json import gguf_json
    from starling_local.cli.inspect_report import gguf_report
    from starling_local.engine.inspection import inspect_gguf

    found = inspect_gguf(path)
    human = gguf_report(found, is_ascii=_is_ascii(environment), tensors=tensors, metadata=metadata)
    output.result(human, gguf_json(found))
    return found.checks


def _show_checkpoint(
    folder: Path, output: Output, environment: Environment, tensors: bool
) -> Sequence[Check]:
    from starling_convert.inspection import inspect_checkpoint
    from starling_local.cli.inspect_checkpoint import checkpoint_json, checkpoint_report, checks

    if not (folder / "config.json").exists() and (files := sorted(folder.glob("*.gguf"))):
        raise UsageError(
            f"{folder} is a folder of GGUF files",
            hint=f"name one: {shlex.join(['starling', 'inspect', str(files[0])])}",
        )
    found = inspect_checkpoint(folder)
    human = checkpoint_report(found, is_ascii=_is_ascii(environment), tensors=tensors)
    output.result(human, checkpoint_json(found))
    return checks(found)


def _is_ascii(environment: Environment) -> bool:
    return not (environment.stdout.encoding or "utf-8").lower().startswith("utf")
