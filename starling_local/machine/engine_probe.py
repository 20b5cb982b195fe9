"""The llama.cpp that is installed, as far as it can be loaded.

It is first loaded in a child process: one that was compiled for another processor ends the process
that calls it, and the driver of a graphics card may hang.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starling_local.engine.guarded_child import ChildDied, ask_child

if TYPE_CHECKING:
    from starling_local.engine.devices import Device
    from starling_local.engine.llama_build import LlamaBuild

LIMIT_S = 30
_EXAMINER = "starling_local.engine.library_examiner"


@dataclass(frozen=True)
class Engine:
    """llama.cpp's build and the devices it finds; `failure` says why it cannot be used."""

    build: LlamaBuild | None = None
    devices: tuple[Device, ...] = ()
    failure: str | None = None


def probe_engine() -> Engine:
    """Load llama.cpp and ask it."""
    try:
        failure = ask_child(_EXAMINER, {}, LIMIT_S)["failure"]
    except ChildDied as death:
        failure = str(death)
    if failure:
        return Engine(failure=failure)
    from starling_local.engine.devices import devices
    from starling_local.engine.llama_build import llama_build

    return Engine(llama_build(), devices())
