"""Why a model is run as it is, in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starling_local.engine.devices import Device
from starling_local.machine.asked import Asked
from starling_local.machine.fitting.fit import Machine, Plan
from starling_local.plain_text import sized


def reason(found: Plan, machine: Machine, asked: Asked) -> str | None:
    """What was chosen other than the preferred, and why; None if there is nothing to tell."""
    parts = [*_gpu_reasons(found, asked), *_given_up(found, machine, asked)]
    return "; ".join(parts) or None


def _gpu_reasons(found: Plan, asked: Asked) -> Iterator[str]:
    if not found.gpus or asked.gpu_layers is not None:
        return
    used = _used(found)
    total = found.host.layers + sum(layers for _, layers in used)
    if not used:
        yield f"no layers on a GPU, as {_free(found.gpus)}"
    elif len(used) == 1 and not found.host.layers:
        yield f"all {total} layers on {used[0][0].name} ({used[0][0].description})"
    else:
        numbers = " + ".join(str(layers) for _, layers in used)
        because = f", as {_free([gpu for gpu, _ in used])}" if found.host.layers else ""
        yield f"{numbers} of {total} layers on {_and([gpu.name for gpu, _ in used])}{because}"


def _given_up(found: Plan, machine: Machine, asked: Asked) -> Iterator[str]:
    way, given_up = found.way, []
    if way.context < found.wanted.context:
        given_up.append(f"a context of {way.context} tokens")
    if way.kv_type is not found.wanted.kv_type:
        given_up.append(f"a KV cache of {way.kv_type.value}")
    if found.wanted.repack and not way.repack and not sum(way.split):
        given_up.append("weights that are not repacked")
    if given_up:
        # Layers that are asked for on GPUs may be what there is no more room for.
        gpus = [gpu for gpu, _ in _used(found)] if asked.gpu_layers else []
        available = f"{sized(machine.host.available_bytes)} of memory is available"
        because = f"{_free(gpus)} and {available}" if gpus else f"only {available}"
        yield f"{_and(given_up)}, as {because}"


def _used(found: Plan) -> list[tuple[Device, int]]:
    """The GPUs that hold layers, and how many."""
    pairs = zip(found.gpus, found.shares, strict=True)
    return [(gpu, share.layers) for gpu, share in pairs if share.layers]


def _free(gpus: Sequence[Device]) -> str:
    return _and([f"{gpu.name} has {sized(gpu.free_bytes)} free" for gpu in gpus])


def _and(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
