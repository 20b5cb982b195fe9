"""The llama.cpp that is installed, as far as it can be loaded.

It is first loaded in a child process: one that was compiled for another processor ends the process
that calls it, and the driver of a graphics card may hang.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from starling_local.engine.guarded_child import ChildDied, ask_child
from starling_local.errors import StarlingError

if TYPE_CHECKING:
    from starling_local.engine.devices import Device
    from starling_local.engine.llama_build import LlamaBuild

LIMIT_S = 30
_BACK_ENDS = {
    "libggml-cpu": "CPU",
    "libggml-cuda": "CUDA",
    "libggml-hip": "ROCm",
    "libggml-vulkan": "Vulkan",
    "libggml-metal": "MTL",
    "libggml-sycl": "SYCL",
    "libggml-blas": "BLAS",
}
_EXAMINER = "starling_local.engine.library_examiner"


@dataclass(frozen=True)
class Engine:
    """llama.cpp's build and the devices it finds; `failure` says why it cannot be used.

    `back_ends` are those whose libraries are there, whether or not they can be loaded, by the names
    that ggml registers them with.
    """

    build: LlamaBuild | None = None
    devices: tuple[Device, ...] = ()
    failure: str | None = None
    back_ends: tuple[str, ...] = ()


def probe_engine() -> Engine:
    """Load llama.cpp and ask it."""
    try:
        ask_child(_EXAMINER, {}, LIMIT_S)
    except (ChildDied, StarlingError) as failure:
        return Engine(failure=str(failure), back_ends=installed_back_ends())
    from starling_local.engine.devices import devices
    from starling_local.engine.llama_build import llama_build

    build = llama_build()
    return Engine(build, devices(), back_ends=build.back_ends)


def installed_back_ends() -> tuple[str, ...]:
    """The back ends of the llama.cpp that is installed, by the names of its files."""
    spec = find_spec("llama_cpp")
    folders = [Path(place) / "lib" for place in (spec and spec.submodule_search_locations) or ()]
    found = (path.name.split(".")[0] for folder in folders for path in folder.glob("libggml-*"))
    return tuple(dict.fromkeys(_BACK_ENDS[name] for name in sorted(found) if name in _BACK_ENDS))
