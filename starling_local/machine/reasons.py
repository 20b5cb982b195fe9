"""Why a model is run as it is, in one line."""

from __future__ import annotations

from collections.abc import Iterator

from starling_local.machine.asked import Asked
from starling_local.machine.fit import Machine, Plan
from starling_local.plain_text import sized


def reason(found: Plan, machine: Machine, asked: Asked) -> str | None:
    """What was chosen other than the preferred, and why; None if there is nothing to tell."""
    parts = [*_gpu_reasons(found, asked), *_host_reasons(found, machine)]
    return "; ".join(parts) or None


def _gpu_reasons(found: Plan, asked: Asked) -> Iterator[str]:
    if not found.gpus or asked.gpu_layers is not None:
        return
    used = [
        (gpu, share.layers)
        for gpu, share in zip(found.gpus, found.shares, strict=True)
        if share.layers
    ]
    total = found.host.layers + sum(layers for _, layers in used)
    if not used:
        free = ", ".join(f"{gpu.name} has {sized(gpu.free_bytes)}" for gpu in found.gpus)
        yield f"no layers on a GPU, for want of free memory there: {free}"
    elif len(used) == 1 and not found.host.layers:
        yield f"all {total} layers on {used[0][0].name} ({used[0][0].description})"
    else:
        places = " and ".join(f"{layers} on {gpu.name}" for gpu, layers in used)
        free = ", ".join(sized(gpu.free_bytes) for gpu, _ in used)
        rest = f", for which {free} are free" if found.host.layers else ""
        yield f"of {total} layers {places}{rest}"


def _host_reasons(found: Plan, machine: Machine) -> Iterator[str]:
    way, given_up = found.way, []
    if way.context < found.wanted.context:
        given_up.append(f"a context of {way.context} tokens")
    if way.kv_type is not found.wanted.kv_type:
        given_up.append(f"a KV cache of {way.kv_type.value}")
    if found.wanted.repack and not way.repack and not sum(way.split):
        given_up.append("weights that are not repacked")
    if given_up:
        *first, last = given_up
        what = f"{', '.join(first)} and {last}" if first else last
        yield f"{what}, for {sized(machine.host.available_bytes)} of memory are available"
