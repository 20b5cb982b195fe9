"""What a child process does to try llama.cpp itself: loads it, and asks for its devices."""

from __future__ import annotations

from starling_local.engine.devices import devices
from starling_local.engine.llama_build import llama_build


def answer(_request: object) -> None:
    """Nothing, if it can be loaded and asked."""
    llama_build()
    devices()
