"""What llama.cpp can compute on here: the processor, and the GPUs of the back ends built in."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from starling_local.engine import library
from starling_local.engine.ggml import functions
from starling_local.engine.llama import llama_cpp
from starling_local.errors import UsageError


class DeviceKind(Enum):
    """What a device is; the values are those of `ggml_backend_dev_type`."""

    CPU = 0
    GPU = 1
    INTEGRATED_GPU = 2
    """It has no memory of its own, but uses the host's."""
    ACCELERATOR = 3
    """A library beside the processor, such as BLAS; it holds no layers."""


@dataclass(frozen=True)
class Device:
    """A device as ggml reports it, when it is asked.

    `name` is what `--device` takes, such as CUDA0 or Metal; `backend` such as CPU, CUDA, Metal.
    For a CPU ggml takes the whole memory for free; `machine.memory` knows better. A device that
    does not know its memory has 0 for both.
    """

    name: str
    description: str
    kind: DeviceKind
    backend: str
    free_bytes: int
    total_bytes: int

    @property
    def is_gpu(self) -> bool:
        """Whether it can hold layers besides the processor."""
        return self.kind in (DeviceKind.GPU, DeviceKind.INTEGRATED_GPU)


def devices() -> tuple[Device, ...]:
    """All devices, in ggml's order, with the memory that is free now."""
    return tuple(device for device, _ in _found())


def back_ends() -> tuple[str, ...]:
    """The names of the back ends that are compiled in or loaded, such as CPU, CUDA, Metal."""
    library.start()
    ggml = functions()
    registered = map(ggml.ggml_backend_reg_get, range(ggml.ggml_backend_reg_count()))
    return tuple(ggml.ggml_backend_reg_name(one).decode() for one in registered)


def processor_features() -> str:
    """What llama.cpp can use of the processor, such as `AVX2 = 1`, in its own words."""
    found: bytes = llama_cpp.llama_print_system_info()
    return found.decode()


def named(found: Sequence[Device], names: Sequence[str]) -> list[Device]:
    """The GPUs of these names, in that order. Raises UsageError if there is no such GPU."""
    gpus = {device.name: device for device in found if device.is_gpu}
    for name in names:
        if name not in gpus:
            has = f"there are {', '.join(gpus)}" if gpus else "llama.cpp finds no GPU"
            raise UsageError(
                f"no GPU is called {name}: {has}", hint="starling doctor shows the devices"
            )
    return [gpus[name] for name in names]


def handles(names: Sequence[str]) -> list[int]:
    """ggml's pointers to the GPUs of these names, in that order. Raises as `named`."""
    found = dict(_found())
    return [found[device] for device in named(list(found), names)]


def _found() -> list[tuple[Device, int]]:
    """The devices with ggml's pointers to them."""
    library.start()
    ggml = functions()
    pointers = [ggml.ggml_backend_dev_get(one) for one in range(ggml.ggml_backend_dev_count())]
    # What combines others is not listed by ggml itself, only made for a model.
    kinds = {kind.value for kind in DeviceKind}
    return [
        (_device(ggml, one), one) for one in pointers if ggml.ggml_backend_dev_type(one) in kinds
    ]


def _device(ggml: Any, pointer: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(pointer, ctypes.byref(free), ctypes.byref(total))
    backend = ggml.ggml_backend_reg_name(ggml.ggml_backend_dev_backend_reg(pointer))
    return Device(
        ggml.ggml_backend_dev_name(pointer).decode("utf-8", "replace"),
        ggml.ggml_backend_dev_description(pointer).decode("utf-8", "replace").strip(),
        DeviceKind(ggml.ggml_backend_dev_type(pointer)),
        backend.decode("utf-8", "replace"),
        free.value,
        total.value,
    )
