"""Which GPUs are used, and how many layers each of them may hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from starling_local.engine.devices import Device, DeviceKind, named
from starling_local.errors import UsageError
from starling_local.machine.asked import Asked

# What is left to the driver and to others: a sixteenth, but not less and not more than this.
_SPARE_PART, _LEAST_SPARE, _MOST_SPARE = 16, 2**28, 2**30


def usable_bytes(gpu: Device) -> int:
    """What a model may take of a GPU's memory."""
    spare = min(max(gpu.total_bytes // _SPARE_PART, _LEAST_SPARE), _MOST_SPARE)
    return max(0, gpu.free_bytes - spare)


def chosen_gpus(devices: Sequence[Device], asked: Asked) -> tuple[Device, ...]:
    """The GPUs that may be used, in the order that `tensor_split` and `main_gpu` mean.

    Where none are named: all of the back end that lists a GPU first, for another back end lists the
    same ones again; integrated ones only where there are no others, as llama.cpp has it.

    Raises UsageError for a GPU that is not there.
    """
    gpus = [device for device in devices if device.is_gpu]
    if asked.devices:
        gpus = named(devices, asked.devices)
    else:
        gpus = [gpu for gpu in gpus if gpu.kind is DeviceKind.GPU] or gpus
        gpus = [gpu for gpu in gpus if gpu.backend == gpus[0].backend]
    if gpus and asked.main_gpu is not None:
        if not 0 <= asked.main_gpu < len(gpus):
            names = ", ".join(f"{number} is {gpu.name}" for number, gpu in enumerate(gpus))
            raise UsageError(f"there is no GPU number {asked.main_gpu}: {names}")
        gpus = [gpus[asked.main_gpu]]
    if gpus and len(asked.tensor_split) > len(gpus):
        raise UsageError(
            f"--tensor-split has {len(asked.tensor_split)} shares, for {len(gpus)} GPUs: "
            f"{', '.join(gpu.name for gpu in gpus)}"
        )
    return tuple(gpus)


def splits(
    layers: int, gpus: Sequence[Device], asked: Asked, greedy: Callable[[], tuple[int, ...] | None]
) -> Iterator[tuple[int, ...]]:
    """Ways to share so many layers among GPUs, the better ones first.

    `greedy` gives each GPU in turn as many as it has room for, or None if some are left over.
    """
    if len(gpus) < 2 or not layers:
        yield (layers,) * len(gpus)
        return
    if asked.tensor_split:
        yield by_shares(layers, asked.tensor_split, len(gpus))
        return
    if not asked.devices:
        # One alone need not wait for the other.
        for place in range(len(gpus)):
            yield tuple(layers if place == other else 0 for other in range(len(gpus)))
    free = [float(usable_bytes(gpu)) for gpu in gpus]
    if sum(free):
        yield by_shares(layers, free, len(gpus))
    found = greedy()
    if found:
        yield found


def by_shares(layers: int, shares: Sequence[float], gpus: int) -> tuple[int, ...]:
    """How llama.cpp shares layers out, see `load_tensors`."""
    ends = list(accumulate([*shares, *[0.0] * (gpus - len(shares))]))
    places = [bisect_right(ends, layer / layers * ends[-1]) for layer in range(layers)]
    return tuple(places.count(gpu) for gpu in range(gpus))
