"""`starling convert`: a checkpoint folder to GGUF files."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from starling_local.cli.options import JsonOption, ThreadsOption
from starling_local.cli.output import Output
from starling_local.errors import InterruptedByUser


def convert(
    context: typer.Context,
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            readable=False,
            help="Folder with config.json and safetensors files, or nano, which is built in.",
        ),
    ],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--quant",
            "-q",
            metavar="TYPE",
            help="F32 F16 BF16 Q4_0 Q4_1 Q4_K_S Q4_K_M Q5_0 Q5_1 Q5_K_S Q5_K_M Q6_K Q8_0 IQ4_NL "
            "IQ4_XS, or q4 q5 q8; repeat it for several files from one read [default: Q4_K_M]",
        ),
    ] = None,
    output_folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the files go.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be written, to the byte.")
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not open the written files with llama.cpp.")
    ] = False,
    sha256: Annotated[
        bool, typer.Option("--sha256", help="Also print the sha256 of each file.")
    ] = False,
    imatrix: Annotated[
        Path | None,
        typer.Option(
            "--imatrix",
            metavar="FILE",
            help="Quantise with this importance matrix, in one of llama.cpp's formats.",
        ),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="FILE",
            help="Make an importance matrix from a text, JSON lines or Parquet, or from the texts "
            "that ship, which are named default.",
        ),
    ] = None,
    most_chunks: Annotated[
        int,
        typer.Option(
            "--calibrate-chunks",
            metavar="N",
            min=1,
            help="How much of the text is used, in chunks of 512 tokens.",
        ),
    ] = 200,
    kernels: Annotated[
        str,
        typer.Option(
            "--kernels",
            metavar="NAME",
            help="auto, vector or ggml: which quantisers work; their bytes are the same",
        ),
    ] = "auto",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Convert a safetensors checkpoint to quantised GGUF files, all in one read.

    Example: starling convert Starling-LM-7B-alpha -q Q4_K_M -q Q8_0 -o models
    """
    from starling_convert.conversion import ConversionSettings, run_conversion
    from starling_convert.plan import plan_conversion
    from starling_convert.quantisers import parse_kernels
    from starling_convert.recipe import parse_file_type
    from starling_local.cli.convert_progress import conversion_progress
    from starling_local.cli.convert_report import as_json, as_table, sha256_lines
    from starling_local.cli.importance import ImportanceOptions, with_importance
    from starling_local.store.nano import named_checkpoint

    context.obj.wants_json = json
    output = Output(context.obj)
    file_types = [parse_file_type(text) for text in types or ["Q4_K_M"]]
    settings = ConversionSettings(threads, force, not no_verify, sha256, parse_kernels(kernels))
    importance = ImportanceOptions(imatrix, calibrate, most_chunks)
    plan = plan_conversion(named_checkpoint(checkpoint), file_types, output_folder)
    try:
        plan = with_importance(output, plan, importance, settings, dry_run=dry_run)
        for note in plan.notes:
            output.note(note)
        if dry_run:
            output.result(as_table(plan, None), as_json(plan, [], None))
            return
        started = monotonic()
        with conversion_progress(output, plan) as events:
            written = run_conversion(plan, settings, events)
    except KeyboardInterrupt:
        raise InterruptedByUser("interrupted; nothing half-made is left") from None
    elapsed_s = monotonic() - started
    output.result(
        as_table(plan, elapsed_s), as_json(plan, written, elapsed_s), sha256_lines(written)
    )
