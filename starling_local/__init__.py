"""Run the Starling chat models on a laptop."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starling_local.api import Answer, Session, Starling
    from starling_local.client import StarlingProcess
    from starling_local.prompt import Condition, Message, Role
    from starling_local.settings import ContextSettings, KvType, Limits, LoadSettings, Sampling

__version__ = "0.1.0"
__all__ = [
    "Answer", "Condition", "ContextSettings", "KvType", "Limits", "LoadSettings", "Message", "Role",
    "Sampling", "Session", "Starling", "StarlingProcess", "__version__",
]  # fmt: skip

# What is imported only when it is asked for, and where it is: importing this package is quick.
_LAZY = {
    **dict.fromkeys(("Answer", "Session", "Starling"), "starling_local.api"),
    **dict.fromkeys(("Condition", "Message", "Role"), "starling_local.prompt"),
    **dict.fromkeys(
        ("ContextSettings", "KvType", "Limits", "LoadSettings", "Sampling"),
        "starling_local.settings",
    ),
    "StarlingProcess": "starling_local.client",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
