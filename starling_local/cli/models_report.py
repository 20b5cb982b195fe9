"""What `starling models` tells, for people and for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from starling_local.errors import BadFileError
from starling_local.plain_text import counted, printable, sized
from starling_local.store.library import StoredModel, stored_models
from starling_local.store.manifests import Manifest
from starling_local.store.names import name_of_file
from starling_local.store.nano import NAME as NANO
from starling_local.store.verification import Verdict, Verification

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from starling_local.store.inventory import Entry

Report = tuple["RenderableType", dict[str, Any], list[str]]
"""What people see, what scripts do, and lines below the former."""
_NUMBERS = ("size", "download")
# Columns of a terminal in which a list has room for more than names, sizes and dates.
_WIDE = 70


def list_report(entries: Sequence[Entry], default: str | None, width: int) -> Report:
    """The models of this machine, in so many columns: the default has a star, a damaged one a !.

    Lines below say what is damaged.
    """
    from rich.text import Text

    is_wide = width >= _WIDE
    table = _table("", "name", "size", *(["type", "date"] if is_wide else []))
    if is_wide:
        table.add_column("place")
    for entry in entries:
        is_default = entry.name == (default or NANO) or str(entry.path) == default
        cells = [
            "!" if entry.damage else "*" if is_default else "",
            printable(entry.name),
            sized(entry.size_bytes) if entry.path else "",
        ]
        date = f"{entry.modified:%Y-%m-%d}" if entry.modified else ""
        # The only one that is cut where there is too little room.
        place = Text(_place(entry), no_wrap=True, overflow="ellipsis")
        if is_wide:
            table.add_row(*cells, entry.type, date, place)
        else:
            table.add_row(*cells)
    lines = [printable(f"! {one.name}: {one.damage}") for one in entries if one.damage]
    listed = {"default": default or NANO, "models": [_as_json(entry) for entry in entries]}
    return table, listed, lines


def _place(entry: Entry) -> str:
    if entry.is_ours:
        return "store"
    if entry.name == NANO:
        return "built in"
    return printable(str(entry.path and entry.path.parent))


def available_report(manifests: Sequence[Manifest], width: int) -> Report:
    """What can be pulled by a short name, in so many columns."""
    table = _table("name", "download")
    table.add_column("licence")
    is_wide = width >= _WIDE
    if is_wide:
        table.add_column("repository", overflow="fold")
    for one in manifests:
        licence = one.licence + (" (non-commercial)" if one.non_commercial else "")
        cells = [one.name, sized(one.download_bytes), licence]
        table.add_row(*cells, *([one.repo] if is_wide else []))
    listed = [
        {**asdict(one), "sha256": dict(one.sha256), "download_bytes": one.download_bytes}
        for one in manifests
    ]
    return table, {"available": listed}, []


def show_report(entry: Entry) -> Report:
    """All that is known of one model."""
    record, shape = entry.record, entry.architecture
    rows = {
        "name": entry.name,
        "file": str(entry.path or "built in, made on first use"),
        "type": entry.type,
        "size": f"{sized(entry.size_bytes)} ({entry.size_bytes:,} bytes)" if entry.path else "",
        "date": f"{entry.modified:%Y-%m-%d %H:%M} UTC" if entry.modified else "",
        "damaged": entry.damage or "",
    }
    if shape:
        rows["architecture"] = (
            f"{shape.name}, {shape.layers} layers, width {shape.hidden}, "
            f"{shape.heads} heads ({shape.kv_heads} of keys), context {shape.context}, "
            f"vocabulary {shape.vocabulary}"
        )
    if record:
        rows["sha256"] = record.sha256
        rows[record.made] = record.when
        rows["from"] = f"{record.repo} at {record.revision}" if record.repo else ""
        rows["licence"] = (record.licence or "") + (
            " (non-commercial)" if record.non_commercial else ""
        )
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows.items():
        if value:
            table.add_row(label, printable(value))
    return table, _as_json(entry), []


def verify_report(found: Sequence[Verification]) -> Report:
    """The outcome for each file; lines below say what is wrong with those that are not whole."""
    table = _table("name", "result")
    lines = []
    for one in found:
        said = {
            Verdict.WHOLE: "whole",
            Verdict.DAMAGED: "DAMAGED",
            Verdict.RECORDED: "recorded",
            Verdict.UNREADABLE: "UNREADABLE",
        }[one.verdict]
        table.add_row(printable(one.name), said)
        if one.verdict is Verdict.DAMAGED and one.record:
            lines.append(f"! {one.name}: its sha256 is {one.sha256}, and was {one.record.sha256}")
        if one.problem:
            lines.append(f"! {one.name}: {one.problem}")
    listed = [
        {
            "name": one.name,
            "file": str(one.path),
            "result": one.verdict.value,
            "sha256": one.sha256,
            "expected": one.record.sha256 if one.record else None,
            "problem": one.problem,
        }
        for one in found
    ]
    return table, {"models": listed}, list(map(printable, lines))


def damage_error(found: Sequence[Verification]) -> BadFileError | None:
    """The error for files that are damaged or cannot be read, if any is."""
    damaged = [one for one in found if one.verdict is Verdict.DAMAGED]
    unread = [one for one in found if one.problem]
    if damaged:
        names = ", ".join(one.name for one in damaged)
        return BadFileError(f"not what was recorded: {names}", hint=_again(damaged[0]))
    if unread:
        return BadFileError(unread[0].problem or "", hint=unread[0].hint)
    return None


def _again(one: Verification) -> str:
    """How to get a file again."""
    record = one.record
    if record is None or record.repo is None:
        return "convert or download it again"
    if record.source_file:
        return f"starling pull {quote(f'{record.repo}/{record.source_file}')} --force"
    tag = name_of_file(one.path.stem).tag
    return f"starling pull {quote(record.repo)}{f' -q {tag}' if tag else ''} --force"


def remove_report(removed: Sequence[tuple[StoredModel, int]]) -> Report:
    """What is gone, and what that freed."""
    lines = [
        printable(f"removed {model.name}: ")
        + (f"{sized(freed)} are free" if freed else "its file has other names, nothing is free")
        for model, freed in removed
    ]
    listed = [
        {"name": model.name, "file": str(model.path), "freed_bytes": freed}
        for model, freed in removed
    ]
    return "\n".join(lines), {"removed": listed}, []


def folder_report(folder: Path, environ: Mapping[str, str]) -> Report:
    """The models that a folder has brought."""
    names = [model.name for model in stored_models(environ) if model.path.is_relative_to(folder)]
    text = f"{folder}: {counted(len(names), 'model')}"
    if names:
        text += ": " + ", ".join(names)
    return printable(text), {"folder": str(folder), "models": names}, []


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "type": entry.type,
        "file": str(entry.path) if entry.path else None,
        "size_bytes": entry.size_bytes,
        "modified": entry.modified.isoformat(timespec="seconds") if entry.modified else None,
        "is_ours": entry.is_ours,
        "damage": entry.damage,
        "record": asdict(entry.record) if entry.record else None,
        "architecture": asdict(entry.architecture) if entry.architecture else None,
    }


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    return table
