"""llama.cpp's devices, and how settings of offload are handed to it."""

from __future__ import annotations

import math
from pathlib import Path

import llama_cpp
import psutil
import pytest

from starling_local.engine.context_params import context_params
from starling_local.engine.devices import (
    DeviceKind,
    back_ends,
    devices,
    handles,
    processor_features,
)
from starling_local.engine.model import Model
from starling_local.engine.model_params import model_params
from starling_local.errors import UsageError
from starling_local.settings import ContextSettings, KvType, LoadSettings


def test_there_is_a_processor() -> None:
    found = devices()
    [processor] = [device for device in found if device.kind is DeviceKind.CPU]
    assert (processor.name, processor.backend) == ("CPU", "CPU")
    assert processor.total_bytes == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    assert not processor.is_gpu
    assert "CPU" in back_ends()
    assert {device.backend for device in found} <= set(back_ends())
    assert "CPU : " in processor_features()


def test_a_gpu_that_is_not_there(nano_file: Path) -> None:
    for names in (("No GPU",), ("CPU",)):
        with pytest.raises(UsageError, match=f"no GPU is called {names[0]}") as caught:
            handles(names)
        assert caught.value.hint
        with pytest.raises(UsageError):
            Model(nano_file, LoadSettings(devices=names))
    assert handles(()) == []


def test_settings_become_parameters() -> None:
    params, _ = model_params(LoadSettings())
    assert (params.n_gpu_layers, params.main_gpu, bool(params.devices)) == (-1, 0, False)
    params, _ = model_params(LoadSettings(gpu_layers=12, tensor_split=(3.0, 1.0), main_gpu=1))
    assert params.n_gpu_layers == 12
    assert [params.tensor_split[place] for place in range(3)] == [3.0, 1.0, 0.0]
    assert (params.split_mode, params.main_gpu) == (llama_cpp.LLAMA_SPLIT_MODE_NONE, 1)
    params, _ = model_params(LoadSettings(gpu_layers=2**40))
    assert params.n_gpu_layers == 2**31 - 1
    # No GPU at all: llama.cpp would take memory there for long prompts.
    params, _ = model_params(LoadSettings(gpu_layers=0))
    assert (params.split_mode, params.main_gpu) == (llama_cpp.LLAMA_SPLIT_MODE_NONE, -1)


@pytest.mark.parametrize(
    "settings",
    [
        LoadSettings(gpu_layers=-1), LoadSettings(tensor_split=(0.0, 0.0)),
        LoadSettings(tensor_split=(-1.0, 2.0)), LoadSettings(tensor_split=(math.nan,)),
        LoadSettings(tensor_split=(math.inf, 1.0)), LoadSettings(tensor_split=(1.0,) * 4096),
    ],
)  # fmt: skip
def test_what_llama_cpp_would_take_amiss(settings: LoadSettings) -> None:
    with pytest.raises(UsageError):
        model_params(settings)


def test_flash_attention() -> None:
    types = {
        None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
        True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }
    for asked, given in types.items():
        assert context_params(ContextSettings(flash_attention=asked)).flash_attn_type == given
    with pytest.raises(UsageError, match="needs flash attention"):
        context_params(ContextSettings(kv_type=KvType.Q8_0, flash_attention=False))
