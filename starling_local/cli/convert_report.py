"""The result of a conversion, for people and for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starling_local.plain_text import printable, sized

if TYPE_CHECKING:
    from rich.table import Table

    from starling_convert.conversion import WrittenFile
    from starling_convert.plan import ConversionPlan


def as_table(plan: ConversionPlan, elapsed_s: float | None) -> Table:
    """The files as a table."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("type", no_wrap=True)
    for name in ("bits/weight", "size", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for file in plan.files:
        table.add_row(
            printable(str(file.path)),
            file.file_type.name,
            f"{file.layout.bits_per_weight:.2f}",
            sized(file.size_bytes),
            f"{file.size_bytes:,}",
        )
    if elapsed_s is not None:
        table.caption = f"{sized(plan.source_bytes)} read in {elapsed_s:.1f} s"
        table.caption_justify = "left"
    return table


def sha256_lines(written: Sequence[WrittenFile]) -> list[str]:
    """The hashes that were asked for, in the form that `sha256sum -c` reads."""
    return [
        f"{file.sha256}  {printable(str(file.planned.path))}" for file in written if file.sha256
    ]


def as_json(
    plan: ConversionPlan, written: Sequence[WrittenFile], elapsed_s: float | None
) -> dict[str, Any]:
    """The same and more, for `--json`; `elapsed_s` is null in a dry run."""
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
        "importance": _importance(plan),
        "elapsed_s": None if elapsed_s is None else round(elapsed_s, 3),
        "files": files,
        "notes": list(plan.notes),
    }


def _importance(plan: ConversionPlan) -> dict[str, Any] | None:
    matrix = plan.importance
    if matrix is None:
        return None
    return {
        "file": matrix.file,
        "dataset": matrix.dataset,
        "chunks": matrix.chunks,
        "tensors": matrix.entries,
    }
