"""Run the Starling chat models on a laptop."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starling_local.client import StarlingProcess

__version__ = "0.1.0"
__all__ = ["StarlingProcess", "__version__"]

# What is imported only when it is asked for, and where it is: importing this package is quick.
_LAZY = {"StarlingProcess": "starling_local.client"}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
