"""How a model is run on a machine: decided from numbers alone, with reasons.

Nothing the user fixed is changed. Of the rest, as little as possible is given up, in this order:

1. As preferred: the whole context, keys and values in f16, the weights repacked if that pays. GPUs
   hold all layers, or else as many as they have room for, the last ones first.
2. The weights are not repacked.
3. The keys and values are in q8_0.
4. The context is shorter: as long as possible, but 1024 tokens at least.

Fewer layers on GPUs come before all of these: they cost time, and nothing else. Where a GPU has no
memory but the host's they would free none, so there it holds as many as it may. If even the last
does not fit, the plan says so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from starling_local.engine.context_params import check_flash_attention
from starling_local.engine.devices import Device
from starling_local.errors import UsageError
from starling_local.machine.asked import Asked, Preferred
from starling_local.machine.fitting.demand import (
    Share,
    Way,
    gpu_share,
    gpu_shares,
    host_share,
    host_total,
    is_unified,
)
from starling_local.machine.fitting.footprint import CELLS, Footprint
from starling_local.machine.fitting.layers import chosen_gpus, splits, usable_bytes
from starling_local.machine.fitting.memory import HostMemory
from starling_local.settings import ContextSettings, KvType, LoadSettings

SHORTEST_CONTEXT = 1024


@dataclass(frozen=True)
class Machine:
    """What there is to run a model on; `devices` may hold others than GPUs."""

    host: HostMemory
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A way to run a model, what it takes, and whether that is there.

    `gpus` are those that may be used, `shares` what each of them takes. `wanted` is what would be
    run without GPUs if memory were plenty.
    """

    load: LoadSettings
    context: ContextSettings
    way: Way
    wanted: Way
    host: Share
    gpus: tuple[Device, ...]
    shares: tuple[Share, ...]
    host_total: int
    """What is taken of the host's memory, by GPUs without their own, too."""
    fits: bool

    @property
    def is_cut(self) -> bool:
        """Whether context, or precision of keys and values, was given up."""
        way, wanted = self.way, self.wanted
        return way.context < wanted.context or way.kv_type is not wanted.kv_type


def plan(model: Footprint, machine: Machine, asked: Asked, preferred: Preferred) -> Plan:
    """The best way that fits, or the one that takes least.

    Raises UsageError for GPUs that are not there, and for keys and values that cannot be q8_0.
    """
    if asked.kv_type is KvType.Q8_0:
        _check_q8_0(model, asked)
    gpus = () if asked.gpu_layers == 0 else chosen_gpus(machine.devices, asked)
    planner = _Planner(model, machine.host, gpus, asked, preferred)
    way = planner.best()
    return planner.plan(way or planner.least(), fits=way is not None)


def _check_q8_0(model: Footprint, asked: Asked) -> None:
    check_flash_attention(
        ContextSettings(kv_type=KvType.Q8_0, flash_attention=asked.flash_attention)
    )
    if not model.can_be_q8_0:
        raise UsageError(
            f"a KV cache of q8_0 is not possible: the model's heads have {model.head_size} values, "
            "not a multiple of 32",
            hint="leave --kv-type out",
        )


@dataclass(frozen=True)
class _Planner:
    model: Footprint
    host: HostMemory
    gpus: Sequence[Device]
    asked: Asked
    preferred: Preferred

    def best(self) -> Way | None:
        """The first way that fits, as little as possible given up."""
        rungs = list(self._rungs())
        found = next(filter(None, map(self._offloaded, rungs)), None)
        return found or self._shortened(rungs[-1])

    def least(self) -> Way:
        """The way that takes least of what was not fixed, whether or not the host has room."""
        *_, last = self._rungs()
        way = replace(last, context=self._shortest(last))
        found = self._offloaded(way, must_fit_host=False)
        if found:
            return found
        layers = min(self.asked.gpu_layers or 0, self.model.layers)
        return replace(way, split=next(splits(layers, self.gpus, self.asked, lambda: None)))

    def plan(self, way: Way, *, fits: bool) -> Plan:
        """A way as settings, with what it takes."""
        used = [
            (gpu.name, layers) for gpu, layers in zip(self.gpus, way.split, strict=True) if layers
        ]
        load = LoadSettings(
            repack=way.repack,
            gpu_layers=sum(way.split),
            devices=tuple(name for name, _ in used),
            # As layers, so that llama.cpp shares them out just so.
            tensor_split=tuple(float(layers) for _, layers in used) if len(used) > 1 else (),
        )
        context = ContextSettings(
            context=way.context,
            batch=way.batch,
            sequences=way.sequences,
            threads=self.asked.threads or self.preferred.threads,
            prefill_threads=None if self.asked.threads else self.preferred.prefill_threads,
            kv_type=way.kv_type,
            flash_attention=self._flash_attention,
        )
        host, shares = host_share(self.model, way), gpu_shares(self.model, way)
        total = host_total(host, shares, self.gpus)
        return Plan(
            load, context, way, next(self._rungs()), host, tuple(self.gpus), shares, total, fits
        )

    @property
    def _flash_attention(self) -> bool | None:
        asked = self.asked.flash_attention
        if asked is None and self.asked.kv_type is KvType.Q8_0:
            # Which needs it.
            return None
        return self.preferred.flash_attention if asked is None else asked

    def _rungs(self) -> Iterator[Way]:
        """Ways without GPUs, each giving up more than the one before."""
        asked, preferred = self.asked, self.preferred
        length = asked.context or self._preferred_context()
        flash = self._flash_attention is not False
        way = Way(
            length,
            asked.kv_type or (preferred.kv_type if flash else KvType.F16),
            asked.batch or preferred.batch,
            asked.sequences,
            flash,
            preferred.repack if asked.repack is None else asked.repack,
            (0,) * len(self.gpus),
        )
        yield way
        if asked.repack is None and way.repack:
            way = replace(way, repack=False)
            yield way
        if asked.kv_type is None and way.kv_type is KvType.F16 and flash and self.model.can_be_q8_0:
            yield replace(way, kv_type=KvType.Q8_0)

    def _preferred_context(self) -> int:
        trained = self.model.trained_context
        if self.preferred.is_shared or not trained:
            return self.preferred.context
        return min(self.preferred.context, trained)

    def _shortest(self, way: Way) -> int:
        return way.context if self.asked.context else min(way.context, SHORTEST_CONTEXT)

    def _shortened(self, way: Way) -> Way | None:
        """The longest context that fits, if one does."""
        low, high = self._shortest(way), way.context
        best = self._offloaded(replace(way, context=low))
        if best is None:
            return None
        while high - low > CELLS:
            middle = (low + high) // 2 // CELLS * CELLS
            found = self._offloaded(replace(way, context=middle)) if middle > low else None
            if found:
                low, best = middle, found
            else:
                high = max(middle, low + CELLS)
        return best

    def _offloaded(self, way: Way, *, must_fit_host: bool = True) -> Way | None:
        """The same with as many layers on the GPUs as they have room for, if it fits then."""
        wanted = self.asked.gpu_layers
        most = self.model.layers if self.gpus else 0
        numbers = range(most, -1, -1) if wanted is None else [min(wanted, most)]
        for layers in numbers:
            # A GPU reads prompts itself, from weights as they are in the file.
            repack = way.repack and (not layers or self.asked.repack is True)
            for split in self._splits(layers, replace(way, repack=repack)):
                found = replace(way, repack=repack, split=split)
                shares = gpu_shares(self.model, found)
                if not all(map(self._has_room, self.gpus, shares)):
                    continue
                if not must_fit_host or self._fits_host(found, shares):
                    return found
                if layers and all(map(is_unified, self.gpus)):
                    # Fewer there would be as many more here.
                    return None
        return None

    def _splits(self, layers: int, way: Way) -> Iterator[tuple[int, ...]]:
        return splits(layers, self.gpus, self.asked, lambda: self._greedy(layers, way))

    def _greedy(self, layers: int, way: Way) -> tuple[int, ...] | None:
        """Each GPU in turn with as many layers as it has room for."""
        whole = replace(way, split=(layers,))
        start, end = self.model.layers - layers, self.model.layers
        split = []
        for gpu in self.gpus:
            many = self._most(gpu, whole, range(start, end))
            split.append(many)
            start += many
        return tuple(split) if start == end else None

    def _most(self, gpu: Device, way: Way, layers: range) -> int:
        """How many of these layers, from the first on, a GPU has room for."""
        is_pipelined = sum(way.split) == self.model.layers

        def is_too_many(many: int) -> bool:
            share = gpu_share(self.model, way, layers[:many], is_pipelined=is_pipelined)
            return not self._has_room(gpu, share)

        return bisect_left(range(len(layers) + 1), True, lo=1, key=is_too_many) - 1

    def _fits_host(self, way: Way, shares: Sequence[Share]) -> bool:
        total = host_total(host_share(self.model, way), shares, self.gpus)
        return total <= self.host.usable_bytes

    def _has_room(self, gpu: Device, share: Share) -> bool:
        if not share.layers:
            return True
        # One that does not know its memory is used when it is asked for.
        is_unknown = not gpu.total_bytes and self.asked.gpu_layers is not None
        return is_unknown or share.total <= usable_bytes(gpu)
