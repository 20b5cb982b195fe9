"""What a child process does to try llama.cpp itself: loads it, and asks for its devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def answer(_request: Mapping[str, Any]) -> dict[str, str | None]:
    """Why llama.cpp cannot be loaded; `failure` is None if it can."""
    try:
        import llama_cpp  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        # llama_cpp raises the last two for a library that the system's loader refuses.
        return {"failure": str(error)}
    from starling_local.engine.devices import devices
    from starling_local.engine.llama_build import llama_build

    llama_build()
    devices()
    return {"failure": None}
