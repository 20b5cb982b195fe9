"""From a file and what was asked of it to a context: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from starling_local.engine.context import Context
from starling_local.engine.devices import Device, devices, processor_features
from starling_local.engine.gguf_header import GgufHeader, read_header
from starling_local.engine.opening import opened
from starling_local.machine.asked import PREFERRED, Asked, Use
from starling_local.machine.fitting.fit import Machine, plan
from starling_local.machine.fitting.footprint import footprint
from starling_local.machine.fitting.memory import host_memory
from starling_local.machine.fitting.reasons import reason
from starling_local.settings import ContextSettings, LoadSettings

NO_GPU = (
    "llama.cpp finds no GPU here, so the CPU computes everything; starling doctor says whether "
    "there is one, and how to use it"
)


@dataclass(frozen=True)
class Running:
    """How a file is run; `notes` say what was chosen other than usual, and why."""

    path: Path
    header: GgufHeader
    load: LoadSettings
    context: ContextSettings
    notes: tuple[str, ...]

    def open(self) -> AbstractContextManager[Context]:
        """Load the model and make its context. Raises what `Model` and `Context` raise."""
        return opened(self.path, self.load, self.context, self.header)


def run_settings(
    path: Path,
    asked: Asked,
    use: Use,
    tuned: Path | None = None,
    machine: Callable[[], Machine] | None = None,
) -> Running:
    """Decide how a file is run: what was asked, else what is best for the use and fits.

    Best is what was measured, if `tuned`, the folder of a `TunedStore`, has that; else the usual.
    `machine` says what there is; None means this one, now.

    Raises:
        NotFoundError, BadFileError: what `read_header` and `identify` raise.
        UsageError: what was asked cannot be.
        DoesNotFitError: there is not enough memory, and it must fit.
    """
    header = read_header(path)
    features = processor_features()
    there = machine() if machine else this_machine(asked)
    notes: list[str] = []
    model = footprint(header, features)
    if tuned and tuned.is_dir():
        # Most have never tuned anything.
        from starling_local.machine.tuned_plan import tuned_plan

        preferred, found = tuned_plan(tuned, header, model, there, asked, use, notes.append)
    else:
        preferred = PREFERRED[use]
        found = plan(model, there, asked, preferred)
    if asked.names_gpus and not found.gpus:
        notes.append(NO_GPU)
    why = reason(found, there, asked)
    if why:
        notes.append(why)
    if not found.fits:
        # Much to import, and nothing that a model which fits needs.
        from starling_local.engine.identity import identify
        from starling_local.machine.fitting.refusal import Case, refusal, shortage

        # Sizes of what is no model at all mean nothing.
        identify(header, path)
        if asked.must_fit:
            raise refusal(Case(path, model, there, features, asked, preferred, use), found)
        notes.append(f"memory is short, which may be slow or fail: {shortage(found, there)}")
    return Running(path, header, found.load, found.context, tuple(notes))


def this_machine(asked: Asked) -> Machine:
    """This machine as it is now; GPUs are looked for unless none is wanted."""
    # Before the memory is looked at: to find a GPU takes some.
    found: tuple[Device, ...] = () if asked.gpu_layers == 0 else devices()
    return Machine(host_memory(), found)
