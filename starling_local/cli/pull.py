"""`starling pull`: a model from the hub into the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.completion import pullable_names
from starling_local.cli.options import JsonOption, ThreadsOption
from starling_local.cli.output import Output
from starling_local.errors import BadFileError, InterruptedByUser, UsageError

if TYPE_CHECKING:
    from starling_convert.recipe import FileType
    from starling_local.cli.pull_report import PullResult
    from starling_local.store.pull import Pulled, Source


def pull(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name such as starling-7b-alpha, a repository OWNER/NAME of the hub, a file "
            "OWNER/NAME/FILE.gguf in one, or the URL of either.",
            autocompletion=pullable_names,
        ),
    ],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--quant",
            "-q",
            metavar="TYPE",
            help="Type of the file, as for convert, or which of a repository's GGUF files; repeat "
            "it for several [default: Q4_K_M]",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision",
            metavar="REVISION",
            help="Branch, tag, commit, or refs/pr/N [default: main]",
        ),
    ] = None,
    download_only: Annotated[
        bool,
        typer.Option("--download-only", help="Leave the checkpoint as it is: do not convert it."),
    ] = False,
    keep_source: Annotated[
        bool,
        typer.Option(
            "--keep-source/--drop-source",
            help="After the conversion, keep the checkpoint in the hub's cache, or remove it.",
        ),
    ] = True,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use what is in the hub's cache, not the network.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Download a model and convert it; the result is a name for -m.

    Example: starling pull starling-7b-alpha -q Q4_K_M
    """
    from datetime import datetime, timezone

    from starling_local.cli.pull_progress import transfer_progress
    from starling_local.cli.pull_report import show
    from starling_local.store.hub import is_offline
    from starling_local.store.library import models_folder
    from starling_local.store.pull import open_source
    from starling_local.store.reference import parse_reference

    environment = context.obj
    environment.wants_json = json
    output = Output(environment)
    if download_only and (types or not keep_source):
        raise UsageError("--download-only goes neither with -q nor with --drop-source")
    reference = parse_reference(model, revision, environment.environ)
    if reference.file and types:
        raise UsageError(f"-q chooses a file, and {reference.file} is one", hint="leave -q away")
    try:
        with transfer_progress(output) as events:
            source = open_source(
                reference,
                models_folder(environment.environ),
                is_offline=offline or is_offline(environment.environ),
                when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                events=events,
            )
        _say_terms(source, output)
        result = _bring(source, types or [], download_only, keep_source, force, threads, output)
    except KeyboardInterrupt:
        raise InterruptedByUser(
            "interrupted; what has arrived is kept", hint="the same command goes on"
        ) from None
    show(source, result, output, environment.environ)


def _say_terms(source: Source, output: Output) -> None:
    """The licence, once, before anything large comes."""
    terms = source.terms
    output.note(f"licence of {source.repository.repo}: {terms.text}")
    if terms.non_commercial:
        output.note("NON-COMMERCIAL: its terms do not allow commercial use")


def _bring(
    source: Source,
    types: list[str],
    download_only: bool,
    keep_source: bool,
    force: bool,
    threads: int | None,
    output: Output,
) -> PullResult:
    from starling_convert.recipe import ALIASES, parse_file_type
    from starling_local.cli.pull_progress import transfer_progress
    from starling_local.cli.pull_report import PullResult
    from starling_local.store.hub_cache import drop_from_cache
    from starling_local.store.pull import present, pull_ggufs
    from starling_local.store.selection import DEFAULT_TYPE, holds_ggufs_only

    if source.reference.file or holds_ggufs_only(source.repository):
        # Any type that llama.cpp knows, not only those that are converted to here.
        names = [ALIASES[kind].name if kind in ALIASES else kind for kind in map(str.upper, types)]
        with transfer_progress(output) as events:
            pulled = pull_ggufs(replace(source, events=events), names, force=force)
        usable = [_is_usable(file.path, output) for file in pulled]
        return PullResult(tuple(pulled), is_usable=all(usable))
    file_types = list(dict.fromkeys(parse_file_type(text) for text in types or [DEFAULT_TYPE]))
    if download_only:
        return PullResult((), _download(source, [], output))
    have = present(source, [kind.name for kind in file_types], force=force)
    missing = [kind for kind in file_types if kind.name not in have]
    folder, made = None, []
    if missing:
        folder = _download(source, missing, output)
        made = _convert(source, folder, missing, force, threads, output)
    freed = 0 if keep_source else drop_from_cache(source.repository)
    return PullResult((*have.values(), *made), folder if keep_source else None, freed)


def _is_usable(path: Path, output: Output) -> bool:
    """Whether a file can be spoken to here; the hub has GGUF files of all kinds."""
    from starling_local.engine.gguf_header import read_header
    from starling_local.engine.identity import identify

    try:
        identify(read_header(path), path)
    except BadFileError as error:
        output.note(f"this is no model for this program: {error.message}")
        return False
    return True


def _download(source: Source, types: list[FileType], output: Output) -> Path:
    """The checkpoint's folder, once all of it is there and could be converted to `types`."""
    from starling_convert.config import parse_config
    from starling_convert.files import read_json
    from starling_local.cli.pull_progress import transfer_progress
    from starling_local.store.pull import pull_checkpoint

    def check_config(folder: Path) -> None:
        path = folder / "config.json"
        parse_config(read_json(path), path)

    def output_bytes(source_bytes: int) -> int:
        # At two bytes for each weight; what its type's name says is the least that a file takes.
        return sum(kind.default.size_bytes(source_bytes // 2 // 256 * 256) for kind in types)

    with transfer_progress(output) as events:
        return pull_checkpoint(replace(source, events=events), check_config, output_bytes)


def _convert(
    source: Source,
    folder: Path,
    types: list[FileType],
    force: bool,
    threads: int | None,
    output: Output,
) -> list[Pulled]:
    from starling_convert.conversion import ConversionSettings, run_conversion
    from starling_convert.plan import plan_conversion
    from starling_local.cli.convert_progress import conversion_progress
    from starling_local.store.pull import Pulled

    plan = plan_conversion(folder, types, source.models)
    for note in plan.notes:
        output.note(note)
    settings = ConversionSettings(threads, force, sha256=True)
    with conversion_progress(output, plan) as events:
        written = run_conversion(plan, settings, events)
    return [
        Pulled(
            file.planned.path,
            source.record(file.planned.path, file.sha256 or "", "converted"),
            is_new=True,
        )
        for file in written
    ]
