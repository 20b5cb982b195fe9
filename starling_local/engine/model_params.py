"""How a model is asked of llama.cpp: the devices that hold its layers."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

from starling_local.engine import devices
from starling_local.engine.llama import llama_cpp
from starling_local.errors import UsageError
from starling_local.settings import LoadSettings

_MOST_LAYERS = 2**31 - 1


def model_params(settings: LoadSettings) -> tuple[Any, list[ctypes.Array[Any]]]:
    """llama.cpp's parameters, and what they point to, which must live as long as they are used.

    Raises UsageError for settings that are not possible, and for GPUs that are not there.
    """
    params = llama_cpp.llama_model_default_params()
    kept: list[ctypes.Array[Any]] = []
    if settings.gpu_layers is not None:
        if settings.gpu_layers < 0:
            raise UsageError(f"the number of layers must be 0 or more, not {settings.gpu_layers}")
        params.n_gpu_layers = min(settings.gpu_layers, _MOST_LAYERS)
    if settings.devices:
        pointers = devices.handles(settings.devices)
        # One that is NULL is the end.
        chosen = (ctypes.c_void_p * (len(pointers) + 1))(*pointers)
        params.devices = ctypes.cast(chosen, ctypes.c_void_p)
        kept.append(chosen)
    if settings.tensor_split:
        _check_shares(settings.tensor_split)
        shares = (ctypes.c_float * llama_cpp.llama_max_devices())(*settings.tensor_split)
        params.tensor_split = shares
        kept.append(shares)
    if settings.main_gpu is not None:
        params.split_mode = llama_cpp.LLAMA_SPLIT_MODE_NONE
        params.main_gpu = settings.main_gpu
    if settings.gpu_layers == 0:
        # No GPU at all: llama.cpp would take memory there, to compute long prompts.
        params.split_mode, params.main_gpu = llama_cpp.LLAMA_SPLIT_MODE_NONE, -1
    return params, kept


def _check_shares(shares: Sequence[float]) -> None:
    """Raise UsageError for what llama.cpp would divide by, or read beyond."""
    most = llama_cpp.llama_max_devices()
    if len(shares) > most:
        raise UsageError(f"shares for {len(shares)} GPUs; llama.cpp knows {most} at most")
    if any(not 0 <= share < math.inf for share in shares) or not sum(shares) > 0:
        raise UsageError(
            f"the shares of the GPUs, {', '.join(f'{share:g}' for share in shares)}, are not "
            "numbers of 0 or more, one of them above 0"
        )
