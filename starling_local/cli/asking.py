"""How a model is to be run, from the options that say it."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

from starling_local.errors import UsageError
from starling_local.settings import KvType

if TYPE_CHECKING:
    from starling_local.machine.asked import Asked


class Switch(Enum):
    """On, off, or as is best."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


def asked(
    *,
    context: int | None,
    kv_type: KvType | None,
    flash_attention: Switch,
    repack: bool | None,
    gpu_layers: str | None,
    device: str | None,
    tensor_split: str | None,
    main_gpu: int | None,
    threads: int | None,
    fit: bool,
    sequences: int = 1,
) -> Asked:
    """What the options fix. Raises UsageError for what they cannot mean."""
    from starling_local.machine.asked import Asked

    if main_gpu is not None and tensor_split:
        raise UsageError("--main-gpu takes one GPU, and --tensor-split shares among several")
    return Asked(
        context=context,
        kv_type=kv_type,
        flash_attention={Switch.ON: True, Switch.OFF: False}.get(flash_attention),
        repack=repack,
        gpu_layers=_layers(gpu_layers or "auto"),
        devices=_names(device) if device is not None else (),
        tensor_split=_shares(tensor_split) if tensor_split is not None else (),
        main_gpu=main_gpu,
        threads=threads,
        sequences=sequences,
        must_fit=fit,
    )


def _layers(text: str) -> int | None:
    from starling_local.machine.asked import ALL_LAYERS

    if text in ("auto", "all"):
        return ALL_LAYERS if text == "all" else None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UsageError(f"--gpu-layers {text!r:.40} is not auto, all or a number")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"--device {text!r:.80} is not a list of different names",
            hint="starling doctor shows the names",
        )
    return names


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(map(float, text.split(",")))
    except ValueError:
        shares = ()
    if not all(0 <= share < math.inf for share in shares) or not sum(shares):
        raise UsageError(f"--tensor-split {text!r:.80} is not a list of numbers such as 3,1")
    return shares
