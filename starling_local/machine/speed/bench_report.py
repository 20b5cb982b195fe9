"""All that one run of `starling bench` has found."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from starling_local.engine.gguf_header import GgufHeader
from starling_local.machine.description import MachineDescription
from starling_local.machine.speed.bench_tests import Measured


@dataclass(frozen=True)
class ModelDescription:
    """The model that was measured; `weights_bytes` are those of its tensors."""

    name: str
    file: Path
    size_bytes: int
    weights_bytes: int
    parameters: int


@dataclass(frozen=True)
class BenchSettings:
    """How the model was run; `flash_attention` None means where the device can."""

    threads: int
    repack: bool
    kv_type: str
    flash_attention: bool | None
    gpu_layers: int
    repeats: int


@dataclass(frozen=True)
class BenchReport:
    """What was measured; what was not has no entries, or is None.

    `startup_s` has the seconds from the start of `starling ask` to its first token, `kv_bytes` the
    size of the longest cache of keys and values that the tests need.
    """

    model: ModelDescription
    machine: MachineDescription
    settings: BenchSettings
    measured: tuple[Measured, ...]
    startup_s: tuple[float, ...]
    peak_rss_bytes: int | None
    kv_bytes: int
    is_whole: bool


def model_description(header: GgufHeader, path: Path) -> ModelDescription:
    """What a file says of its model."""
    name = header.metadata.get("general.name")
    return ModelDescription(
        name if isinstance(name, str) else path.stem,
        path,
        header.file_size_bytes,
        sum(tensor.size_bytes for tensor in header.tensors),
        sum(prod(tensor.shape) for tensor in header.tensors),
    )
