"""The machine on which something was measured, so that figures can be compared later."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from starling_local.engine.context_params import usable_cores
from starling_local.engine.devices import Device, processor_features
from starling_local.engine.library import package

_CPUINFO, _FIRST_BYTES = Path("/proc/cpuinfo"), 4096
_MODEL_KEYS = (b"model name", b"Model", b"Hardware")
_LONGEST_NAME = 256


# To make a dataclass takes some of the time in which a tuned model starts.
class MachineDescription(NamedTuple):
    """A machine, and the llama.cpp on it; `cores` are those that this process may use.

    `llama_cpp_features` are what it was compiled for, in its own words.
    """

    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    llama_cpp: str
    llama_cpp_features: str


def machine_description(devices: Sequence[Device]) -> MachineDescription:
    """This machine, with the devices that `engine.devices` has found or that are to be used.

    It takes no time to speak of: every start of a tuned model asks for it.
    """
    return MachineDescription(
        _cpu_name() or platform.machine(),
        usable_cores(),
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        tuple(one.description for one in devices if one.is_gpu),
        package(),
        processor_features().strip(" |"),
    )


def _cpu_name() -> str:
    """The processor's model name, as far as the system tells at once."""
    if sys.platform == "darwin":
        name = ctypes.create_string_buffer(_LONGEST_NAME)
        size = ctypes.c_size_t(_LONGEST_NAME)
        found = ctypes.CDLL(None).sysctlbyname(
            b"machdep.cpu.brand_string", name, ctypes.byref(size), None, 0
        )
        return "" if found else name.value.decode("utf-8", "replace")
    try:
        # Only its beginning: the whole has a part for each core.
        with _CPUINFO.open("rb", buffering=0) as file:
            lines = file.read(_FIRST_BYTES).splitlines()
    except OSError:
        return ""
    fields = (line.partition(b":") for line in lines)
    found = (value.strip() for key, _, value in fields if key.strip() in _MODEL_KEYS)
    return next(found, b"").decode("utf-8", "replace")
