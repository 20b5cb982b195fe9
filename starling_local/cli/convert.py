"""`starling convert`: a checkpoint folder to GGUF files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starling_local.cli.options import JsonOption, ThreadsOption
from starling_local.cli.output import Output, printable
from starling_local.errors import InterruptedByUser

if TYPE_CHECKING:
    from rich.console import Group

    from starling_convert.conversion import ConversionPlan, WrittenFile


def convert(
    context: typer.Context,
    checkpoint: Annotated[
        Path,
        typer.Argument(metavar="CHECKPOINT", help="Folder with config.json and safetensors files."),
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
    from starling_convert.conversion import plan_conversion, run_conversion
    from starling_convert.quantisers import parse_kernels
    from starling_convert.recipe import parse_file_type
    from starling_local.cli.convert_progress import conversion_progress

    context.obj.wants_json = json
    output = Output(context.obj)
    file_types = [parse_file_type(text) for text in types or ["Q4_K_M"]]
    kernel_choice = parse_kernels(kernels)
    plan = plan_conversion(checkpoint, file_types, output_folder)
    for note in plan.notes:
        output.note(note)
    if dry_run:
        output.result(_table(plan, []), _report(plan, []))
        return
    try:
        with conversion_progress(output, plan) as events:
            written = run_conversion(
                plan,
                threads=threads,
                force=force,
                verify=not no_verify,
                sha256=sha256,
                kernels=kernel_choice,
                events=events,
            )
    except KeyboardInterrupt:
        raise InterruptedByUser("interrupted; nothing half-made is left") from None
    output.result(_table(plan, written), _report(plan, written))


def _table(plan: ConversionPlan, written: Sequence[WrittenFile]) -> Group:
    """The files as a table; under it their hashes, in the form that `sha256sum -c` reads."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("type")
    table.add_column("bits/weight", justify="right")
    table.add_column("size", justify="right")
    table.add_column("bytes", justify="right")
    for file in plan.files:
        table.add_row(
            printable(str(file.path)),
            file.file_type.name,
            f"{file.layout.bits_per_weight:.2f}",
            _size(file.size_bytes),
            f"{file.size_bytes:,}",
        )
    hashes = [
        Text(f"{file.sha256}  {printable(str(file.planned.path))}", overflow="fold", no_wrap=True)
        for file in written
        if file.sha256
    ]
    return Group(table, *hashes)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.2f} MB"


def _report(plan: ConversionPlan, written: Sequence[WrittenFile]) -> dict[str, Any]:
    results = {file.planned: file for file in written}
    files = []
    for file in plan.files:
        result = results.get(file)
        types = Counter(tensor.type.name for tensor in file.layout.tensors)
        files.append(
            {
                "file": str(file.path),
                "type": file.file_type.name,
                "size_bytes": file.size_bytes,
                "bits_per_weight": round(file.layout.bits_per_weight, 4),
                "tensor_types": dict(types),
                "written": result is not None,
                "verified": result is not None and result.verified,
                "sha256": result.sha256 if result else None,
            }
        )
    return {
        "checkpoint": str(plan.checkpoint.folder),
        "name": plan.source.name,
        "repo": plan.source.repo,
        "revision": plan.source.revision,
        "parameters": plan.n_parameters,
        "source_bytes": plan.source_bytes,
        "files": files,
        "notes": list(plan.notes),
    }
