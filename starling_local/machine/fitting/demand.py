"""What one way of running a model takes, on the host and on each GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from starling_local.engine.devices import Device, DeviceKind
from starling_local.machine.fitting.footprint import Footprint
from starling_local.settings import KvType

# ggml's name for Metal: a GPU, but without memory of its own on Apple silicon.
_METAL = "MTL"


@dataclass(frozen=True)
class Way:
    """A way of running a model: `split` has the number of layers that each GPU holds.

    They are the last layers of the model, in order; the output counts as one more.
    """

    context: int
    kv_type: KvType
    batch: int
    sequences: int
    has_flash_attention: bool
    repack: bool
    split: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """What a place takes of a model, in bytes.

    `weights` on the host are pages of the file, shared with other processes that have it open.
    """

    layers: int = 0
    weights: int = 0
    repacked: int = 0
    kv: int = 0
    compute: int = 0
    base: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.repacked + self.kv + self.compute + self.base


def is_unified(device: Device) -> bool:
    """Whether what a GPU takes is memory of the host."""
    return device.kind is DeviceKind.INTEGRATED_GPU or device.backend == _METAL


def host_share(model: Footprint, way: Way) -> Share:
    """What the host takes."""
    layers = model.layers - sum(way.split)
    whole = min(layers, len(model.layer_bytes))
    has_output = layers == model.layers
    weights = model.input_bytes + sum(model.layer_bytes[:whole])
    repacked = sum(model.repacked_layer_bytes[:whole]) if way.repack else 0
    if has_output:
        weights += model.output_bytes
        repacked += model.repacked_output_bytes if way.repack else 0
    compute = model.logits_bytes(way.sequences)
    size, flash = (way.context, way.batch), way.has_flash_attention
    if layers:
        compute += model.compute_bytes(*size, way.sequences, has_flash_attention=flash)
        compute += model.work_bytes(*size, has_flash_attention=flash)
    else:
        compute += model.passing_bytes(*size, has_flash_attention=flash)
        if _is_pipelined(model, way):
            compute += model.pipeline_bytes(*size, has_flash_attention=flash)
    kv = whole * model.kv_layer_bytes(way.context, way.kv_type)
    return Share(layers, weights, repacked, kv, compute, model.base_bytes())


def gpu_shares(model: Footprint, way: Way) -> tuple[Share, ...]:
    """What each GPU takes."""
    bounds = accumulate(way.split, initial=model.layers - sum(way.split))
    is_pipelined = _is_pipelined(model, way)
    return tuple(
        gpu_share(model, way, range(*ends), is_pipelined=is_pipelined) for ends in pairwise(bounds)
    )


def gpu_share(model: Footprint, way: Way, layers: range, *, is_pipelined: bool) -> Share:
    """What a GPU takes that holds these layers, of the numbers that `way.split` has in all."""
    if not layers:
        return Share()
    whole = model.layer_bytes[layers.start : layers.stop]
    weights = sum(whole)
    if len(whole) < len(layers):
        weights += model.offloaded_output_bytes
    size, flash = (way.context, way.batch), way.has_flash_attention
    compute = model.compute_bytes(*size, way.batch, has_flash_attention=flash)
    if is_pipelined:
        compute += model.pipeline_bytes(*size, has_flash_attention=flash)
    if sum(way.split) < model.layers:
        # For long prompts a GPU computes the other layers, too: the weights visit it one by one.
        compute += model.largest_matrix_bytes
    kv = len(whole) * model.kv_layer_bytes(way.context, way.kv_type)
    return Share(len(layers), weights, 0, kv, compute)


def host_total(host: Share, gpus: Sequence[Share], devices: Sequence[Device]) -> int:
    """All that is taken of the host's memory, by GPUs without their own, too."""
    pairs = zip(gpus, devices, strict=True)
    return host.total + sum(share.total for share, device in pairs if is_unified(device))


def _is_pipelined(model: Footprint, way: Way) -> bool:
    """Whether llama.cpp lets the GPUs work on several batches in turn, see `llama_context`."""
    return sum(way.split) == model.layers and sum(map(bool, way.split)) > 1
