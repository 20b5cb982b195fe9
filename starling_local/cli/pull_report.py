"""What a pull has brought, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from starling_local.cli.output import Output
from starling_local.plain_text import printable, sized
from starling_local.store.library import stored_models
from starling_local.store.pull import Pulled, Source


@dataclass(frozen=True)
class PullResult:
    """What a pull has brought: files of the store, the checkpoint's folder if there is one."""

    files: tuple[Pulled, ...]
    checkpoint: Path | None = None
    freed_bytes: int = 0
    is_usable: bool = True


def show(source: Source, result: PullResult, output: Output, environ: Mapping[str, str]) -> None:
    """The files' names, sizes and places on stdout; what to do next on stderr."""
    names = {model.path: model.name for model in stored_models(environ)}
    if output.wants_json:
        output.data(json.dumps(_as_json(source, result, names)) + "\n")
    else:
        lines = [
            f"{names.get(file.path, file.path)}  {sized(file.record.size_bytes)}  {file.path}"
            + ("" if file.is_new else "  (was here already)")
            for file in result.files
        ] or [str(result.checkpoint)]
        output.data("".join(f"{printable(line)}\n" for line in lines))
    if result.checkpoint and result.files:
        output.note(
            f"the checkpoint stays in the hub's cache ({result.checkpoint}) for other types; the "
            "same command with --drop-source removes it"
        )
    if result.freed_bytes:
        output.note(f"{sized(result.freed_bytes)} of the hub's cache are free again")
    if result.files and result.is_usable:
        first = result.files[0].path
        output.note(f"chat with it: starling chat -m {quote(names.get(first, str(first)))}")
    elif not result.files:
        output.note(f"convert it: starling convert {quote(str(result.checkpoint))} -q Q4_K_M")


def _as_json(source: Source, result: PullResult, names: Mapping[Path, str]) -> dict[str, Any]:
    return {
        "repo": source.repository.repo,
        "revision": source.repository.commit,
        "licence": source.terms.licence,
        "non_commercial": source.terms.non_commercial,
        "checkpoint": result.checkpoint and str(result.checkpoint),
        "freed_bytes": result.freed_bytes,
        "files": [
            {
                "name": names.get(file.path, str(file.path)),
                "file": str(file.path),
                "size_bytes": file.record.size_bytes,
                "sha256": file.record.sha256,
                "was_here": not file.is_new,
            }
            for file in result.files
        ],
    }
