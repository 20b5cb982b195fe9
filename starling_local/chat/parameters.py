"""The settings that can be changed while a chat goes on, by name."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import Any

from starling_local.errors import UsageError
from starling_local.settings import Limits, Overflow, Sampling

# What has no short form that a person would type.
_NOT_TYPED = ("logit_bias", "grammar")
_SAMPLING = {one.name: one.type for one in fields(Sampling) if one.name not in _NOT_TYPED}
NAMES = (*_SAMPLING, "max_tokens", "stop", "overflow")


def changed(
    sampling: Sampling, limits: Limits, overflow: Overflow, name: str, value: str
) -> tuple[Sampling, Limits, Overflow]:
    """The settings with one of them set to what the user typed; `none` takes a limit away.

    Raises UsageError, which names the setting.
    """
    if name not in NAMES:
        raise UsageError(f"there is no setting {name!r}", hint="/set lists those there are")
    if not value:
        return sampling, limits, overflow
    if name == "overflow":
        return sampling, limits, _overflow(value)
    if name == "stop":
        return sampling, replace(limits, stop=() if value == "none" else (value,)), overflow
    if name == "max_tokens":
        return sampling, replace(limits, max_tokens=_number(name, value, "int | None")), overflow
    number = _number(name, value, str(_SAMPLING[name]))
    return replace(sampling, **{name: number}), limits, overflow


def _overflow(value: str) -> Overflow:
    try:
        return Overflow(value)
    except ValueError:
        known = ", ".join(one.value for one in Overflow)
        raise UsageError(f"overflow is one of {known}, not {value!r}") from None


def _number(name: str, value: str, kind: str) -> Any:
    if value == "none" and kind.endswith("None"):
        return None
    try:
        return int(value) if kind.startswith("int") else float(value)
    except ValueError:
        what = "a whole number" if kind.startswith("int") else "a number"
        raise UsageError(f"{name} is {what}, not {value!r}") from None


def table(sampling: Sampling, limits: Limits, overflow: Overflow, only: str | None) -> str:
    """The settings and their values, a line each, or only one of them."""
    values = {name: getattr(sampling, name) for name in _SAMPLING}
    values |= {"max_tokens": limits.max_tokens, "stop": limits.stop, "overflow": overflow}
    shown = {only: values[only]} if only else values
    width = max(map(len, shown))
    return "\n".join(f"{name:{width}}  {_shown(value)}" for name, value in shown.items())


def _shown(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, Enum):
        return str(value.value)
    return ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
