"""What a model takes on a machine, and what of it fits: nothing is loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starling_convert.config import ModelConfig, parse_config
from starling_convert.files import is_there, read_json
from starling_convert.plan import CONFIG_NAME
from starling_convert.recipe import FileType
from starling_local.engine.devices import processor_features
from starling_local.engine.gguf_header import read_header
from starling_local.engine.identity import identify
from starling_local.errors import NotFoundError
from starling_local.machine.asked import PREFERRED, Asked, Use
from starling_local.machine.fitting.fit import Machine, Plan, plan
from starling_local.machine.fitting.footprint import Footprint, footprint
from starling_local.machine.fitting.quantisations import footprint_as
from starling_local.machine.fitting.reasons import reason
from starling_local.machine.fitting.refusal import NOTHING_FITS, Case, hint, shortage
from starling_local.machine.fitting.siblings import siblings
from starling_local.machine.tuned_plan import tuned_plan
from starling_local.settings import KvType

CONTEXTS = (1024, 2048, 4096, 8192, 16384, 32768)
Note = Callable[[str], None]
FILE_TYPES = ("Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "BF16")
USUAL_TYPE = "Q4_K_M"


@dataclass(frozen=True)
class Candidate:
    """Another file of the model, or what it would be in another type."""

    name: str
    model: Footprint
    plan: Plan


@dataclass(frozen=True)
class WhatFits:
    """A model on a machine: the plan, the same for other contexts and KV types, other files.

    `shortage` and `hint` say what is missing and what to do about it, if the plan does not fit.
    """

    name: str
    model: Footprint
    machine: Machine
    plan: Plan
    reason: str | None
    shortage: str | None
    hint: str | None
    others: tuple[Plan, ...]
    candidates: tuple[Candidate, ...]


def what_fits(
    path: Path, machine: Machine, asked: Asked, use: Use, tuned: Path | None, note: Note
) -> WhatFits:
    """What fits of a file.

    `tuned` is the folder of a `TunedStore`, whose settings a run would use, and `note` is told
    which; None for another machine than this one. Raises NotFoundError, BadFileError, UsageError.
    """
    header = read_header(path)
    identify(header, path)
    features = processor_features()
    model, usual = footprint(header, features), PREFERRED[use]
    if tuned and tuned.is_dir():
        preferred, found = tuned_plan(tuned, header, model, machine, asked, use, note)
    else:
        preferred, found = usual, plan(model, machine, asked, usual)
    others = [
        Candidate(other.name, its, plan(its, machine, asked, usual))
        for other, its in siblings(path, model, features)
    ]
    case = Case(path, model, machine, features, asked, preferred, use)
    advice = None if found.fits else hint(case) or NOTHING_FITS
    return _of(path.name, case, found, advice, others)


def checkpoint_fits(folder: Path, machine: Machine, asked: Asked, use: Use) -> WhatFits:
    """What fits of a checkpoint. Raises NotFoundError, BadFileError, UsageError."""
    if not is_there(folder / CONFIG_NAME):
        raise NotFoundError(
            f"{folder} is no checkpoint: there is no {CONFIG_NAME}",
            hint="name a .gguf file, or the folder that a checkpoint was downloaded to",
        )
    config = parse_config(read_json(folder / CONFIG_NAME), folder / CONFIG_NAME)
    return shape_fits(folder.name, config, machine, asked, use)


def shape_fits(
    name: str, config: ModelConfig, machine: Machine, asked: Asked, use: Use, file_type: str = ""
) -> WhatFits:
    """What fits of an architecture, in each type that a checkpoint of it can be converted to.

    The plan is that of `file_type`, if it is one of those; or else of the type to choose. Raises
    UsageError.
    """
    features, preferred = processor_features(), PREFERRED[use]
    found = []
    for kind in FILE_TYPES:
        model = footprint_as(config, FileType[kind], features)
        found.append(Candidate(kind, model, plan(model, machine, asked, preferred)))
    best = next((one for one in found if one.name == file_type), None) or _best(found)
    case = Case(Path(name), best.model, machine, features, asked, preferred, use)
    advice = None if best.plan.fits else _advice(found)
    return _of(f"{name} as {best.name}", case, best.plan, advice, found)


def _best(found: Sequence[Candidate]) -> Candidate:
    """The type to choose: as fast as the machine allows, and then as precise.

    That with most bits that GPUs hold whole, but none above Q8_0, which answers as well as BF16;
    else the usual one; else any that fits, or the smallest.
    """
    fitting = [one for one in found if one.plan.fits]
    on_gpus = [one for one in fitting if not one.plan.host.layers and one.name != "BF16"]
    usual = [one for one in fitting if one.name == USUAL_TYPE]
    return (on_gpus[-1:] or usual or fitting or list(found))[0]


def _advice(found: Sequence[Candidate]) -> str:
    fitting = ", ".join(one.name for one in found if one.plan.fits)
    return (
        f"it fits as {fitting}"
        if fitting
        else "no type of it fits: a machine with more memory is needed"
    )


def _of(
    name: str, case: Case, found: Plan, advice: str | None, candidates: Sequence[Candidate]
) -> WhatFits:
    return WhatFits(
        name,
        case.model,
        case.machine,
        found,
        reason(found, case.machine, case.asked) if found.fits else None,
        None if found.fits else shortage(found, case.machine),
        advice,
        tuple(_others(case)),
        tuple(candidates),
    )


def _others(case: Case) -> Iterator[Plan]:
    """Plans for other contexts, in f16 and in q8_0."""
    longest = max(case.model.trained_context, case.asked.context or 0) or CONTEXTS[-1]
    for context in sorted({*(one for one in CONTEXTS if one < longest), longest}):
        for kv_type in KvType:
            asked = replace(case.asked, context=context, kv_type=kv_type, flash_attention=None)
            if kv_type is KvType.F16 or case.model.can_be_q8_0:
                yield case.planned(asked)
