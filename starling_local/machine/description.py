"""The machine on which something was measured, so that figures can be compared later."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from starling_local.engine.build import build
from starling_local.engine.context_params import usable_cores
from starling_local.engine.devices import DeviceKind, devices


@dataclass(frozen=True)
class MachineDescription:
    """A machine, and the llama.cpp on it; `cores` are those that this process may use."""

    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    llama_cpp: str


def machine_description() -> MachineDescription:
    """This machine."""
    found = devices()
    processors = [one.description for one in found if one.kind is DeviceKind.CPU]
    return MachineDescription(
        processors[0] if processors else platform.machine(),
        usable_cores(),
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        tuple(one.description for one in found if one.is_gpu),
        build(),
    )
