"""The plan for a run where something was measured to be faster than the usual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from starling_local.engine.gguf_header import GgufHeader
from starling_local.machine.asked import PREFERRED, Asked, Preferred, Use
from starling_local.machine.description import machine_description
from starling_local.machine.fitting.fit import Machine, Plan, plan
from starling_local.machine.fitting.footprint import Footprint
from starling_local.machine.tuned import Tuned
from starling_local.machine.tuned_store import TunedStore


def tuned_plan(
    folder: Path,
    header: GgufHeader,
    model: Footprint,
    machine: Machine,
    asked: Asked,
    use: Use,
    note: Callable[[str], None],
) -> tuple[Preferred, Plan]:
    """What is preferred by what the folder of a `TunedStore` has, and the plan with it.

    `note` is told what of it is used. Raises UsageError as `plan` does.
    """
    here = machine_description(machine.devices)
    found = TunedStore(folder).find(use, header, here, note) or Tuned()
    faster, preferred, planned = _planned(model, machine, asked, use, found.without(asked))
    if faster.changes:
        note(f"tuned for {use.value}: {faster.words} (starling tune --show)")
    return preferred, planned


def _planned(
    model: Footprint, machine: Machine, asked: Asked, use: Use, faster: Tuned
) -> tuple[Tuned, Preferred, Plan]:
    """The plan with what was tuned, as far as that costs neither context nor precision now.

    When it was tuned there may have been more memory.
    """
    usual = PREFERRED[use]
    if not model.can_be_q8_0:
        faster = replace(faster, kv_type=None)
    preferred = faster.applied(usual)
    found = plan(model, machine, asked, preferred)
    lean = faster.lean(usual)
    if lean != faster and (not found.fits or found.is_cut):
        faster, preferred = lean, lean.applied(usual)
        found = plan(model, machine, asked, preferred)
    if faster.repack and not found.load.repack:
        faster = replace(faster, repack=None)
    return faster, preferred, found
