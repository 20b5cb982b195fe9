"""The settings that can be changed while a chat goes on, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from enum import Enum
from math import nan
from typing import Any

from starling_local.errors import UsageError
from starling_local.settings import Limits, Overflow, Sampling

# What has no short form that a person would type.
_NOT_TYPED = ("logit_bias", "grammar")
_SAMPLING = {one.name: one.type for one in fields(Sampling) if one.name not in _NOT_TYPED}
NAMES = (*_SAMPLING, "max_tokens", "stop", "overflow")

_LARGEST = 2**31 - 1
# What a number may be, from and to. The engine takes no more; most of it would make no sense.
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 100), "top_k": (0, _LARGEST), "top_p": (0, 1), "min_p": (0, 1),
    "top_n_sigma": (-1, 100), "typical": (0, 1), "repeat_penalty": (0.01, 100),
    "repeat_last": (-1, _LARGEST), "frequency_penalty": (-100, 100),
    "presence_penalty": (-100, 100), "dry_multiplier": (0, 100), "dry_base": (0, 100),
    "dry_allowed_length": (0, _LARGEST), "dry_last": (-1, _LARGEST), "xtc_probability": (0, 1),
    "xtc_threshold": (0, 1), "dynatemp_range": (0, 100), "dynatemp_exponent": (0, 100),
    "mirostat": (0, 2), "mirostat_tau": (0, 100), "mirostat_eta": (0, 100),
    "seed": (0, 2**32 - 2), "max_tokens": (1, _LARGEST),
}  # fmt: skip


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
    may_be_none = kind.endswith("None")
    if value == "none" and may_be_none:
        return None
    is_whole = kind.startswith("int")
    low, high = _RANGES[name]
    try:
        number = int(value) if is_whole else float(value)
    except ValueError:
        number = nan
    # Not a number is in no range.
    if not low <= number <= high:
        what = "a whole number" if is_whole else "a number"
        raise UsageError(
            f"{name} is {what} from {low} to {high}{', or none' * may_be_none}, not {value!r}"
        )
    return number


def values_of(name: str) -> Sequence[str]:
    """Words that a setting may be set to."""
    if name == "overflow":
        return [one.value for one in Overflow]
    return ("none",) if name in ("stop", "max_tokens", "seed") else ()


def differing(sampling: Sampling, limits: Limits, overflow: Overflow) -> str:
    """The settings that are not the default, on one line; empty if all are."""
    default = _values(Sampling(), Limits(), Overflow.SHIFT)
    values = _values(sampling, limits, overflow)
    return ", ".join(
        f"{name} {_shown(value)}" for name, value in values.items() if value != default[name]
    )


def table(sampling: Sampling, limits: Limits, overflow: Overflow, only: str | None) -> str:
    """The settings and their values, a line each, or only one of them."""
    values = _values(sampling, limits, overflow)
    shown = {only: values[only]} if only else values
    width = max(map(len, shown))
    return "\n".join(f"{name:{width}}  {_shown(value)}" for name, value in shown.items())


def _values(sampling: Sampling, limits: Limits, overflow: Overflow) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(sampling, name) for name in _SAMPLING}
    return values | {"max_tokens": limits.max_tokens, "stop": limits.stop, "overflow": overflow}


def _shown(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, Enum):
        return str(value.value)
    return ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
