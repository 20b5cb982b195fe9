"""The planner on tables of invented machines, and what holds for all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starling_convert.recipe import FileType
from starling_local.engine.devices import Device, DeviceKind
from starling_local.errors import UsageError
from starling_local.machine.asked import ALL_LAYERS, PREFERRED, Asked, Preferred, Use
from starling_local.machine.fitting.demand import (
    Share,
    gpu_share,
    gpu_shares,
    host_share,
    host_total,
)
from starling_local.machine.fitting.fit import SHORTEST_CONTEXT, Machine, Plan, plan
from starling_local.machine.fitting.footprint import Footprint
from starling_local.machine.fitting.layers import by_shares, usable_bytes
from starling_local.machine.fitting.memory import HostMemory
from starling_local.settings import KvType
from tests.machine.models import footprint_of

GIB = 2**30
Q4 = footprint_of("7B", FileType.Q4_K_M)
Q8 = footprint_of("7B", FileType.Q8_0)
ELEVEN = footprint_of("11B", FileType.Q4_K_M)
CHAT, ASK, BATCH = (PREFERRED[use] for use in (Use.CHAT, Use.ASK, Use.BATCH))


def host(total_gib: float, available_gib: float) -> HostMemory:
    return HostMemory(int(total_gib * GIB), int(available_gib * GIB))


def gpu(
    total_gib: float,
    free_gib: float | None = None,
    name: str = "CUDA0",
    kind: DeviceKind = DeviceKind.GPU,
) -> Device:
    free = total_gib if free_gib is None else free_gib
    backend = name.rstrip("0123456789")
    return Device(name, f"a {backend} GPU", kind, backend, int(free * GIB), int(total_gib * GIB))


def of(
    model: Footprint, memory: HostMemory, *gpus: Device, use: Preferred = CHAT, **asked: object
) -> Plan:
    return plan(model, Machine(memory, gpus), Asked(**asked), use)  # type: ignore[arg-type]


def chosen(found: Plan) -> tuple[bool, int | None, int, str, bool]:
    """Whether it fits, layers on GPUs, context, KV type, repacking."""
    way = found.way
    return found.fits, found.load.gpu_layers, way.context, way.kv_type.value, way.repack


LAPTOP = host(7.6, 5.9)
EMPTY_16 = host(15.4, 13.9)
MAC = gpu(10.67, name="MTL0", kind=DeviceKind.GPU)


@pytest.mark.parametrize(
    ("model", "memory", "gpus", "use", "expected"),
    [
        # 8 GB: a 7B without a second copy of its weights; little room turns f16 into q8_0.
        (Q4, LAPTOP, (), CHAT, (True, 0, 4096, "f16", False)),
        (Q4, LAPTOP, (), ASK, (True, 0, 4096, "f16", False)),
        (Q4, host(7.6, 5.2), (), CHAT, (True, 0, 4096, "q8_0", False)),
        (Q4, host(7.6, 4.95), (), CHAT, (True, 0, 3072, "q8_0", False)),
        (Q4, host(7.6, 4.6), (), CHAT, (False, 0, 1024, "q8_0", False)),
        (Q8, LAPTOP, (), CHAT, (False, 0, 1024, "q8_0", False)),
        (ELEVEN, LAPTOP, (), CHAT, (False, 0, 1024, "q8_0", False)),
        # 16 GB: all of it, the 11B only as it is.
        (Q4, EMPTY_16, (), CHAT, (True, 0, 4096, "f16", True)),
        (Q4, EMPTY_16, (), ASK, (True, 0, 4096, "f16", False)),
        (Q4, EMPTY_16, (), BATCH, (True, 0, 8192, "f16", True)),
        (ELEVEN, EMPTY_16, (), CHAT, (True, 0, 4096, "f16", True)),
        (Q8, EMPTY_16, (), CHAT, (True, 0, 4096, "f16", True)),
        # 4 GB: a 7B is refused.
        (Q4, host(3.8, 3.2), (), CHAT, (False, 0, 1024, "q8_0", False)),
        # A Mac of 16 GB: its GPU may take two thirds, and what it takes is the host's.
        (Q4, host(16, 9), (MAC,), CHAT, (True, 33, 4096, "f16", False)),
        (Q8, host(16, 9), (MAC,), CHAT, (True, 33, 4096, "f16", False)),
        (Q8, host(16, 8.55), (MAC,), CHAT, (True, 33, 2560, "q8_0", False)),
        (Q4, host(16, 5), (MAC,), CHAT, (False, 33, 1024, "q8_0", False)),
        # 24 GB of GPU memory hold anything.
        (Q4, host(31, 28), (gpu(23.6, 23.2),), CHAT, (True, 33, 4096, "f16", False)),
        (Q8, host(31, 28), (gpu(23.6, 23.2),), BATCH, (True, 33, 8192, "f16", False)),
        (ELEVEN, host(31, 28), (gpu(23.6, 23.2),), CHAT, (True, 49, 4096, "f16", False)),
        # A GPU of 6 GB: nearly all of the 7B, half of the 11B.
        (Q4, host(15.4, 12), (gpu(6, 5.6),), CHAT, (True, 33, 4096, "f16", False)),
        (Q4, host(15.4, 12), (gpu(6, 4.6),), CHAT, (True, 29, 4096, "f16", False)),
        (Q8, host(15.4, 12), (gpu(6, 5.6),), CHAT, (True, 21, 4096, "f16", False)),
        (ELEVEN, host(15.4, 12), (gpu(6, 5.6),), CHAT, (True, 36, 4096, "f16", False)),
        # One that others use: the CPU does it, as if there were none.
        (Q4, EMPTY_16, (gpu(8, 0.3),), CHAT, (True, 0, 4096, "f16", True)),
        # Together what neither the host nor the GPU has room for.
        (Q4, host(7.6, 3.2), (gpu(4, 3.8),), CHAT, (True, 24, 4096, "f16", False)),
        # One that shares the host's memory gives none.
        (
            Q4, LAPTOP, (gpu(3.8, 3.8, "Vulkan0", DeviceKind.INTEGRATED_GPU),), CHAT,
            (True, 24, 4096, "f16", False),
        ),
        (
            Q4, host(7.6, 4.6), (gpu(3.8, 3.8, "Vulkan0", DeviceKind.INTEGRATED_GPU),), CHAT,
            (False, 27, 1024, "q8_0", False),
        ),
        # One that does not know its memory is left alone.
        (Q4, EMPTY_16, (gpu(0),), CHAT, (True, 0, 4096, "f16", True)),
    ],
)  # fmt: skip
def test_an_invented_machine(
    model: Footprint,
    memory: HostMemory,
    gpus: tuple[Device, ...],
    use: Preferred,
    expected: tuple[bool, int, int, str, bool],
) -> None:
    assert chosen(of(model, memory, *gpus, use=use)) == expected


def test_a_layer_more_would_be_too_many() -> None:
    memory, card = host(15.4, 12), gpu(6, 4.6)
    found = of(Q4, memory, card)
    [share], [layers] = found.shares, found.way.split
    assert share.total <= usable_bytes(card)
    [more] = gpu_shares(Q4, replace(found.way, split=(layers + 1,)))
    assert more.total > usable_bytes(card)


def test_two_unequal_gpus() -> None:
    small, large = gpu(8, 7.8, "CUDA0"), gpu(12, 11.8, "CUDA1")
    # Where one of them has room for all the other is not used; the first is taken for the faster.
    found = of(Q4, EMPTY_16, small, large)
    assert (found.load.devices, found.load.gpu_layers) == (("CUDA0",), 33)
    found = of(Q8, EMPTY_16, small, large)
    assert (found.load.devices, found.load.gpu_layers) == (("CUDA1",), 33)
    # What only both hold is shared by what is free, as llama.cpp does it.
    both = footprint_of("11B", FileType.Q8_0)
    found = of(both, EMPTY_16, small, large)
    assert found.fits
    assert found.way.split == (20, 29)
    assert (found.load.devices, found.load.tensor_split) == (("CUDA0", "CUDA1"), (20.0, 29.0))
    # Too much for both: as many as each holds.
    found = of(both, EMPTY_16, gpu(4, 3.8), gpu(6, 5.8, "CUDA1"))
    assert found.fits
    assert 0 < found.way.split[0] < found.way.split[1] < 29
    # Those that are named are all used.
    found = of(Q4, EMPTY_16, small, large, devices=("CUDA1", "CUDA0"))
    assert found.load.devices == ("CUDA1", "CUDA0")
    assert found.way.split == (20, 13)


def test_what_the_user_fixed_is_not_changed() -> None:
    tight = host(7.6, 4.95)
    for asked in (
        {"context": 4096}, {"kv_type": KvType.F16}, {"flash_attention": False},
        {"repack": True}, {"context": 512, "kv_type": KvType.F16, "repack": False},
    ):  # fmt: skip
        found = of(Q4, tight, **asked)
        for name, value in asked.items():
            settings_of = {**vars(found.load), **vars(found.context)}
            assert settings_of[name] == value
    assert not of(Q4, tight, context=4096, kv_type=KvType.F16).fits
    assert of(Q4, tight, context=512).fits
    # A context shorter than what is never gone below is fixed, too.
    assert of(Q4, tight, context=512).way.context == 512
    card = gpu(6, 4.2)
    assert not of(Q4, EMPTY_16, card, gpu_layers=ALL_LAYERS).fits
    assert of(Q4, EMPTY_16, card, gpu_layers=ALL_LAYERS).load.gpu_layers == 33
    assert of(Q4, EMPTY_16, card, gpu_layers=10).way.split == (10,)
    found = of(Q4, EMPTY_16, card, gpu_layers=0)
    assert (found.load.gpu_layers, found.shares, found.fits) == (0, (), True)


def test_which_gpus() -> None:
    first, second = gpu(8, name="CUDA0"), gpu(8, name="CUDA1")
    same = gpu(8, name="Vulkan0")
    integrated = gpu(2, name="Vulkan1", kind=DeviceKind.INTEGRATED_GPU)
    processor = Device("CPU", "", DeviceKind.CPU, "CPU", 16 * GIB, 16 * GIB)
    every = (processor, first, second, same, integrated)
    assert of(Q4, EMPTY_16, *every).gpus == (first, second)
    assert of(Q4, EMPTY_16, processor, same, integrated).gpus == (same,)
    assert of(Q4, EMPTY_16, processor, integrated).gpus == (integrated,)
    assert of(Q4, EMPTY_16, *every, devices=("Vulkan0",)).gpus == (same,)
    assert of(Q4, EMPTY_16, *every, main_gpu=1).gpus == (second,)
    with pytest.raises(UsageError, match=r"CUDA7: there are CUDA0, CUDA1, Vulkan0, Vulkan1"):
        of(Q4, EMPTY_16, *every, devices=("CUDA7",))
    with pytest.raises(UsageError, match="finds no GPU"):
        of(Q4, EMPTY_16, processor, devices=("CUDA0",))
    with pytest.raises(UsageError, match="no GPU number 2: 0 is CUDA0, 1 is CUDA1"):
        of(Q4, EMPTY_16, *every, main_gpu=2)
    with pytest.raises(UsageError, match="3 shares, for 2 GPUs: CUDA0, CUDA1"):
        of(Q4, EMPTY_16, *every, tensor_split=(1.0, 1.0, 1.0))
    # On a machine without GPUs these say nothing.
    assert of(Q4, EMPTY_16, processor, main_gpu=2, tensor_split=(1.0, 2.0)).fits


def test_shares_are_those_of_llama_cpp() -> None:
    assert by_shares(33, (3.0, 1.0), 2) == (25, 8)
    assert by_shares(33, (1.0,), 2) == (33, 0)
    assert by_shares(33, (0.0, 1.0), 2) == (0, 33)
    for first in range(34):
        assert by_shares(33, (float(first), float(33 - first)), 2) == (first, 33 - first)
    found = of(Q4, EMPTY_16, gpu(8), gpu(8, name="CUDA1"), tensor_split=(3.0, 1.0))
    assert found.load.tensor_split == (25.0, 8.0)


def test_a_context_is_not_longer_than_trained() -> None:
    short = replace(Q4, trained_context=2048)
    assert of(short, EMPTY_16).way.context == 2048
    assert of(short, EMPTY_16, use=BATCH).way.context == 8192
    assert of(ELEVEN, EMPTY_16).way.context == 4096
    assert of(ELEVEN, EMPTY_16, context=32769).way.context == 32769


def test_keys_and_values_that_cannot_be_q8_0() -> None:
    odd = replace(Q4, head_size=80)
    assert of(odd, host(7.6, 4.95)).way.kv_type is KvType.F16


def test_what_is_preferred_gives_way_to_what_is_asked() -> None:
    """q8_0 needs flash attention, whichever of the two was measured to be fast."""
    tuned = replace(ASK, kv_type=KvType.Q8_0)
    assert of(Q4, EMPTY_16, use=tuned).context.kv_type is KvType.Q8_0
    found = of(Q4, EMPTY_16, use=tuned, flash_attention=False).context
    assert (found.kv_type, found.flash_attention) == (KvType.F16, False)
    tuned = replace(ASK, flash_attention=False)
    assert of(Q4, EMPTY_16, use=tuned).context.flash_attention is False
    found = of(Q4, EMPTY_16, use=tuned, kv_type=KvType.Q8_0).context
    assert (found.kv_type, found.flash_attention) == (KvType.Q8_0, None)


def test_layers_are_not_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest model that llama.cpp knows, on the worst machine for it."""
    deep = replace(Q8, layer_bytes=(10**8,) * 511, repacked_layer_bytes=(0,) * 511)
    asked = Counter[str]()

    def counted(*args: Any, **names: Any) -> Share:
        asked["shares"] += 1
        return gpu_share(*args, **names)

    monkeypatch.setattr("starling_local.machine.fitting.fit.gpu_share", counted)
    found = of(deep, host(16, 12), *(gpu(4, name=f"CUDA{number}") for number in range(3)))
    assert not found.fits
    # For each of 512 numbers of layers and each GPU, a few.
    assert asked["shares"] < 5 * 512 * 3 * 10


MEMORY = st.integers(0, 40 * GIB)
GPUS = st.lists(
    st.tuples(st.integers(0, 26 * GIB), st.integers(0, 26 * GIB), st.sampled_from(DeviceKind)),
    max_size=3,
)
MODELS = st.sampled_from([Q4, Q8, ELEVEN])
USES = st.sampled_from(list(PREFERRED.values()))


def machine(memory: int, gpus: list[tuple[int, int, DeviceKind]]) -> Machine:
    return Machine(
        HostMemory(40 * GIB, memory),
        tuple(
            Device(f"GPU{place}", "", kind, "GPU", min(free, total), total)
            for place, (free, total, kind) in enumerate(gpus)
        ),
    )


@settings(max_examples=150, deadline=None)
@given(MODELS, USES, MEMORY, GPUS)
def test_never_more_than_there_is(
    model: Footprint, use: Preferred, memory: int, gpus: list[tuple[int, int, DeviceKind]]
) -> None:
    there = machine(memory, gpus)
    found = plan(model, there, Asked(), use)
    taken = host_total(host_share(model, found.way), found.shares, found.gpus)
    assert taken == found.host_total
    for device, share in zip(found.gpus, found.shares, strict=True):
        assert share.total <= usable_bytes(device) <= device.free_bytes
    held = found.host.weights + sum(share.weights for share in found.shares)
    assert held >= model.weights_bytes
    assert sum(found.way.split) + found.host.layers == model.layers
    if found.fits:
        assert taken <= there.host.usable_bytes
        assert SHORTEST_CONTEXT <= found.way.context <= use.context
    else:
        assert found.way.context == SHORTEST_CONTEXT
        assert found.way.kv_type is KvType.Q8_0
        assert not found.way.repack


def given_up(found: Plan, use: Preferred) -> tuple[bool, int, bool, bool]:
    """What was given up; the greater the worse."""
    way = found.way
    dropped = use.repack and not way.repack and not sum(way.split)
    return (not found.fits, -way.context, way.kv_type is not KvType.F16, dropped)


@settings(max_examples=150, deadline=None)
@given(MODELS, USES, MEMORY, GPUS, MEMORY, st.integers(0, 26 * GIB))
def test_more_memory_is_never_worse(
    model: Footprint,
    use: Preferred,
    memory: int,
    gpus: list[tuple[int, int, DeviceKind]],
    more: int,
    more_on_gpus: int,
) -> None:
    before = plan(model, machine(memory, gpus), Asked(), use)
    # What a GPU takes of the host's memory, the host has no more.
    richer = [
        (free + added, total + added, kind)
        for free, total, kind in gpus
        for added in [0 if kind is DeviceKind.INTEGRATED_GPU else more_on_gpus]
    ]
    after = plan(model, machine(min(memory + more, 40 * GIB), richer), Asked(), use)
    # Whether weights are repacked is asked only where the CPU has all layers.
    assert given_up(after, use)[:3] <= given_up(before, use)[:3]
    if given_up(after, use) == given_up(before, use):
        assert sum(after.way.split) >= sum(before.way.split)
