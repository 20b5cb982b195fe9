"""What `starling fit` tells, for people and for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starling_local.machine.fitting.demand import Share
from starling_local.machine.fitting.fit import Plan
from starling_local.machine.fitting.layers import usable_bytes
from starling_local.machine.fitting.what_fits import WhatFits
from starling_local.plain_text import printable, sized
from starling_local.settings import KvType

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_WORDS = {
    "weights": "weights", "repacked": "repacked", "kv": "KV cache", "compute": "buffers",
    "base": "program",
}  # fmt: skip


def fit_report(found: WhatFits) -> RenderableType:
    """The plan place by place, then what else fits."""
    from rich.console import Group
    from rich.text import Text

    model = found.model
    unit, unit_size = ("billion", 1e9) if model.parameters >= 1e9 else ("million", 1e6)
    size = f"{model.parameters / unit_size:.2f} {unit} weights of {sized(model.weights_bytes)}"
    verdict = "fits" if found.plan.fits else "does not fit"
    parts: list[RenderableType] = [
        Text(printable(found.name)), Text(f"{size}, {model.layers} layers with the output"),
        Text(f"{verdict}: {_way(found.plan)}"), _places(found), Text(""),
        _contexts(found),
    ]  # fmt: skip
    if found.reason:
        parts.insert(3, Text(f"why: {printable(found.reason)}"))
    if found.candidates:
        parts += [Text(""), _candidates(found)]
    return Group(*parts)


def _way(plan: Plan) -> str:
    way = plan.way
    where = f"{sum(way.split)} layers on GPUs" if sum(way.split) else "all layers on the CPU"
    repacked = ", weights repacked" if plan.host.repacked else ""
    return f"{way.context} tokens of context, KV cache {way.kv_type.value}, {where}{repacked}"


def _places(found: WhatFits) -> Table:
    """What goes where, a column for each place."""
    plan = found.plan
    unit, unit_bytes = ("GB", 1e9) if _total(plan) >= 1e9 else ("MB", 1e6)
    gpus, shares = plan.gpus, (plan.host, *plan.shares)
    table = _table(f"in {unit}", "memory", *(printable(gpu.name) for gpu in gpus))
    table.add_row("layers", *(str(share.layers) for share in shares))
    totals = [plan.host_total, *(share.total for share in plan.shares)]
    usable = [found.machine.host.usable_bytes, *map(usable_bytes, gpus)]
    rows = [(word, [getattr(share, part) for share in shares]) for part, word in _WORDS.items()]
    for name, sizes in (*rows, ("total", totals), ("usable", usable)):
        # Few repack, and only the host has what is taken besides.
        if any(sizes) or name == "usable":
            table.add_row(name, *(f"{size / unit_bytes:.2f}" for size in sizes))
    return table


def _contexts(found: WhatFits) -> Table:
    """Contexts of other lengths."""
    table = _table("context", *(f"KV {kv_type.value}" for kv_type in KvType))
    rows: dict[int, dict[KvType, Plan]] = {}
    for plan in found.others:
        rows.setdefault(plan.way.context, {})[plan.way.kv_type] = plan
    for context, plans in rows.items():
        cells = [_cell(plans[kv_type]) if kv_type in plans else "" for kv_type in KvType]
        table.add_row(str(context), *cells)
    return table


def _candidates(found: WhatFits) -> Table:
    """Other files or types of the model."""
    table = _table("also", "weights", "in all")
    for one in found.candidates:
        table.add_row(printable(one.name), sized(one.model.weights_bytes), _cell(one.plan))
    return table


def _cell(plan: Plan) -> str:
    total = sized(_total(plan))
    if not plan.fits:
        return f"{total}, too much"
    layers = sum(plan.way.split)
    return f"{total}, {layers} on GPUs" if layers else f"{total}, fits"


def _total(plan: Plan) -> int:
    return plan.host.total + sum(share.total for share in plan.shares)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def fit_json(found: WhatFits) -> dict[str, Any]:
    """All of it; sizes are in bytes."""
    plan, host = found.plan, found.machine.host
    gpus = [
        {
            "name": gpu.name,
            "description": gpu.description,
            **_share(share),
            "free_bytes": gpu.free_bytes,
            "usable_bytes": usable_bytes(gpu),
        }
        for gpu, share in zip(plan.gpus, plan.shares, strict=True)
    ]
    memory = {
        **_share(plan.host),
        "with_gpus_bytes": plan.host_total,
        "available_bytes": host.available_bytes,
        "usable_bytes": host.usable_bytes,
    }
    return {
        "model": found.name,
        "parameters": found.model.parameters,
        "weights_bytes": found.model.weights_bytes,
        **_plan(plan),
        "reason": found.reason,
        "shortage": found.shortage,
        "hint": found.hint,
        "memory": memory,
        "gpus": gpus,
        "contexts": [_plan(other) for other in found.others],
        "candidates": [
            {"name": one.name, "weights_bytes": one.model.weights_bytes, **_plan(one.plan)}
            for one in found.candidates
        ],
    }


def _plan(plan: Plan) -> dict[str, Any]:
    way = plan.way
    return {
        "fits": plan.fits,
        "context": way.context,
        "kv_type": way.kv_type.value,
        "repack": way.repack,
        "gpu_layers": sum(way.split),
        "total_bytes": _total(plan),
    }


def _share(share: Share) -> dict[str, int]:
    parts = {f"{part}_bytes": getattr(share, part) for part in _WORDS}
    return {"layers": share.layers, **parts, "total_bytes": share.total}
