"""That a model does not fit, and a command that would."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starling_local.errors import DoesNotFitError
from starling_local.machine.asked import Asked, Preferred, Use
from starling_local.machine.fitting.fit import Machine, Plan, plan
from starling_local.machine.fitting.footprint import Footprint
from starling_local.machine.fitting.layers import usable_bytes
from starling_local.machine.fitting.siblings import siblings
from starling_local.plain_text import sized

# What `starling convert` writes, with the bits per weight of a 7B, embedding and norms included.
_TYPES = {"Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.67, "Q4_K_M": 4.83, "Q4_K_S": 4.57, "Q4_0": 4.54}


NOTHING_FITS = "close other programs, or choose a smaller model"


@dataclass(frozen=True)
class Case:
    """A model that was to be run on a machine."""

    path: Path
    model: Footprint
    machine: Machine
    features: str
    asked: Asked
    preferred: Preferred
    use: Use

    def planned(self, asked: Asked, model: Footprint | None = None) -> Plan:
        """The plan if something else had been asked, or for another model.

        Where the context is no longer fixed it is as close to what was asked as possible.
        """
        preferred = self.preferred
        if self.asked.context and not asked.context:
            preferred = replace(preferred, context=self.asked.context)
        return plan(model or self.model, self.machine, asked, preferred)


def refusal(case: Case, found: Plan) -> DoesNotFitError:
    """The error for a plan that does not fit."""
    show = shlex.join(["starling", "fit", str(case.path)])
    return DoesNotFitError(
        f"{case.path.name} does not fit in memory: {shortage(found, case.machine)}",
        hint=hint(case) or f"{NOTHING_FITS}; {show} shows what takes how much",
    )


def shortage(found: Plan, machine: Machine) -> str:
    """What is too large for where it should go."""
    for gpu, share in zip(found.gpus, found.shares, strict=True):
        usable = usable_bytes(gpu)
        if share.layers and share.total > usable:
            return (
                f"{share.layers} layers take {sized(share.total)} on {gpu.name}, where "
                f"{sized(usable)} can be used"
            )
    return (
        f"it takes {sized(found.host_total)} of memory, and "
        f"{sized(machine.host.usable_bytes)} can be used"
    )


def hint(case: Case) -> str | None:
    """What would fit: the same with less asked, a smaller file beside it, a smaller type."""
    looser = list(_looser(case.asked))
    for asked in looser:
        found = case.planned(asked)
        if found.fits:
            return f"it fits so: {_command(case, found, asked)}"
    least = looser[-1]
    for path, model in siblings(case.path, case.model, case.features):
        if case.planned(least, model).fits:
            return f"a smaller one fits: {_command_line(path, case.use, ())}"
    for name, bits in _TYPES.items():
        smaller = _scaled(case.model, bits)
        if smaller.weights_bytes < case.model.weights_bytes and case.planned(least, smaller).fits:
            size = sized(smaller.weights_bytes)
            return f"as {name}, of {size}, it would fit: starling convert CHECKPOINT -q {name}"
    return None


def _looser(asked: Asked) -> Iterator[Asked]:
    """What was asked without one of the things that were fixed, then without all."""
    changes = (
        replace(asked, context=None),
        replace(asked, gpu_layers=None, tensor_split=()),
        replace(asked, kv_type=None, flash_attention=None),
        replace(asked, repack=None),
    )
    yield from (change for change in changes if change != asked)
    yield Asked(
        devices=asked.devices, main_gpu=asked.main_gpu,
        sequences=asked.sequences, batch=asked.batch,
    )  # fmt: skip


def _command(case: Case, found: Plan, looser: Asked) -> str:
    """The command with what would fit."""
    asked, words = case.asked, []
    if asked.context:
        words += ["--ctx", str(found.way.context)]
    if asked.kv_type:
        words += ["--kv-type", found.way.kv_type.value]
    if asked.gpu_layers is not None:
        words += ["--gpu-layers", str(found.load.gpu_layers)]
    if asked.devices:
        words += ["--device", ",".join(asked.devices)]
    if asked.main_gpu is not None:
        words += ["--main-gpu", str(asked.main_gpu)]
    if looser.tensor_split:
        words += ["--tensor-split", ",".join(f"{share:g}" for share in looser.tensor_split)]
    if looser.flash_attention is not None:
        words += ["--flash-attn", "on" if looser.flash_attention else "off"]
    if asked.repack and not found.way.repack:
        words.append("--no-repack")
    return _command_line(case.path, case.use, words)


def _command_line(path: Path, use: Use, words: Sequence[str]) -> str:
    takes = {Use.BATCH: " IN OUT", Use.ASK: " PROMPT"}.get(use, "")
    return f"starling {use.value}{takes} {shlex.join(['-m', str(path), *words])}"


def _scaled(model: Footprint, bits: float) -> Footprint:
    """The same model with so many bits for each weight."""
    ratio = model.parameters * bits / 8 / max(1, model.weights_bytes)
    return replace(
        model,
        layer_bytes=tuple(int(size * ratio) for size in model.layer_bytes),
        input_bytes=int(model.input_bytes * ratio),
        output_bytes=int(model.output_bytes * ratio),
        largest_matrix_bytes=int(model.largest_matrix_bytes * ratio),
    )
