"""`starling models`: the models of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from starling_local.cli.completion import model_names, own_names, stored_names
from starling_local.cli.options import JsonOption
from starling_local.cli.output import Output
from starling_local.errors import ExitCode

models = typer.Typer(help="List, check and remove the models of this machine.")

_AnyName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A name as `list` shows it, or a file.", autocompletion=model_names
    ),
]
_Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder with GGUF files, at any depth up to 3.")
]


@models.callback(invoke_without_command=True)
def list_if_bare(context: typer.Context) -> None:
    """List, check and remove the models of this machine."""
    if context.invoked_subcommand is None:
        list_models(context)


@models.command("list")
def list_models(
    context: typer.Context,
    available: Annotated[
        bool, typer.Option("--available", help="List what can be pulled by a short name instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the models: name, type, size, date and place."""
    from starling_local.cli.models_report import available_report, list_report
    from starling_local.store.inventory import inventory
    from starling_local.store.library import unfinished_files
    from starling_local.store.manifests import all_manifests
    from starling_local.store.preferences import read_preferences

    output = _output(context, json)
    width = output.console(context.obj.stdout).width
    if available:
        output.result(*available_report(all_manifests(), width))
        return
    environ = context.obj.environ
    output.result(*list_report(list(inventory(environ)), read_preferences(environ).default, width))
    for path in unfinished_files(environ):
        output.note(f"unfinished: {path}; pull or convert again to go on, or remove it")


@models.command()
def show(
    context: typer.Context,
    model: _AnyName,
    json: JsonOption = False,
) -> None:
    """Show one model: its file, hash, shape, and where it came from."""
    from starling_local.cli.models_report import show_report
    from starling_local.store.inventory import named_entry

    output = _output(context, json)
    output.result(*show_report(named_entry(model, context.obj.environ)))


@models.command()
def verify(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Names as `list` shows them, or files [default: all of the store's own]",
            autocompletion=stored_names,
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Hash files again, and compare with what was recorded when they came.

    A file without a record gets one. It exits with 4 if a file is damaged.
    """
    from starling_local.cli.models_report import damage_error, verify_report
    from starling_local.cli.verify_progress import verified
    from starling_local.store.inventory import inventory, named_entry
    from starling_local.store.library import models_folder

    output, environ = _output(context, json), context.obj.environ
    entries = [named_entry(name, environ) for name in names or ()]
    if not names:
        entries = [entry for entry in inventory(environ) if entry.is_ours]
    if not entries:
        output.note("the store has no models of its own yet")
    found = verified(output, entries, models_folder(environ), _now())
    if found or json:
        output.result(*verify_report(found))
    error = damage_error(found)
    if error and not json:
        output.error(error)
    if error:
        raise typer.Exit(ExitCode.BAD_FILE)


@models.command("rm")
def remove_model(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Names as `list` shows them.", autocompletion=own_names
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Remove models of the store. Files in folders that were added are never touched."""
    from starling_local.cli.models_report import remove_report
    from starling_local.store.changes import forget_lost_default, removable, remove

    output, environ = _output(context, json), context.obj.environ
    chosen = dict.fromkeys(removable(name, environ) for name in names)
    removed = [(model, remove(model, environ)) for model in chosen]
    lost = forget_lost_default(environ)
    if lost:
        output.note(f"{lost} was the default; the built-in model is now")
    output.result(*remove_report(removed))


@models.command()
def add(context: typer.Context, folder: _Folder, json: JsonOption = False) -> None:
    """Let the GGUF files of a folder be found by name, where they are.

    Example: starling models add ~/.lmstudio/models
    """
    from starling_local.cli.models_report import folder_report
    from starling_local.store.changes import add_folder

    output = _output(context, json)
    added = add_folder(folder.expanduser(), context.obj.environ)
    output.result(*folder_report(added, context.obj.environ))


@models.command()
def forget(context: typer.Context, folder: _Folder, json: JsonOption = False) -> None:
    """Take a folder out of the list again; its files stay as they are."""
    from starling_local.store.changes import forget_folder

    output = _output(context, json)
    forgotten = forget_folder(folder.expanduser(), context.obj.environ)
    output.result(f"{forgotten} is no longer searched", {"folder": str(forgotten)})


@models.command()
def default(context: typer.Context, model: _AnyName, json: JsonOption = False) -> None:
    """Choose the model that is used where none is named; nano for the built-in one."""
    from starling_local.store.changes import choose_default

    output = _output(context, json)
    chosen = choose_default(model, context.obj.environ)
    output.result(f"the default is {chosen}", {"default": chosen})


def _output(context: typer.Context, json: bool) -> Output:
    context.obj.wants_json = json
    return Output(context.obj)


def _now() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat(timespec="seconds")
