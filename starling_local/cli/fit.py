"""`starling fit`: what a model takes in memory, and what of it fits; nothing is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.asking import Switch, asked
from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    ContextOption,
    DeviceOption,
    FittedKvTypeOption,
    FlashAttentionOption,
    GpuLayersOption,
    JsonOption,
    MainGpuOption,
    RepackOption,
    TensorSplitOption,
)
from starling_local.cli.output import Output
from starling_local.errors import DoesNotFitError, ExitCode, NotFoundError
from starling_local.machine.asked import Asked, Use
from starling_local.store.folders import tuned_folder
from starling_local.store.models import find_model
from starling_local.store.names import parse_name
from starling_local.store.nano import NAME as NANO

if TYPE_CHECKING:
    from starling_convert.config import ModelConfig
    from starling_local.machine.fitting.fit import Machine
    from starling_local.machine.fitting.what_fits import WhatFits

GB, MOST_GB = 10**9, 10**6


def fit(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .gguf file, a model's name, here or not yet, or the folder of a checkpoint.",
        ),
    ],
    use: Annotated[
        Use, typer.Option("--for", help="The command that the model is to be used with.")
    ] = Use.CHAT,
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", min=1, max=256, help="Requests at once.")
    ] = 1,
    length: ContextOption = None,
    kv_type: FittedKvTypeOption = None,
    flash_attention: FlashAttentionOption = Switch.AUTO,
    repack: RepackOption = None,
    gpu_layers: GpuLayersOption = None,
    device: DeviceOption = None,
    tensor_split: TensorSplitOption = None,
    main_gpu: MainGpuOption = None,
    memory: Annotated[
        float | None,
        typer.Option(
            "--memory",
            metavar="GB",
            min=0,
            max=MOST_GB,
            help="Ask for a machine with so much free memory.",
        ),
    ] = None,
    gpu_memory: Annotated[
        list[float] | None,
        typer.Option(
            "--gpu-memory",
            metavar="GB",
            min=0,
            max=MOST_GB,
            help="Ask for a GPU with so much free memory; may be repeated.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a model takes in memory, and what of it fits. Nothing is loaded.

    Example: starling fit Starling-LM-7B-alpha-Q4_K_M.gguf --ctx 8192

    It exits with 5 if it does not fit.
    """
    environment: Environment = context.obj
    environment.wants_json = as_json  # before the imports, which may fail
    from starling_local.cli.fit_report import fit_json, fit_report

    output = Output(environment)
    run_as = asked(
        context=length, kv_type=kv_type, flash_attention=flash_attention, repack=repack,
        gpu_layers=gpu_layers, device=device, tensor_split=tensor_split, main_gpu=main_gpu,
        threads=None, fit=True, sequences=parallel,
    )  # fmt: skip
    there = _machine(run_as, memory, gpu_memory or ())
    is_here = memory is None and not gpu_memory
    tuned = tuned_folder(environment.environ) if is_here else None
    found = _found(model, there, run_as, use, tuned, environment, output)
    output.result(fit_report(found), fit_json(found))
    if found.shortage:
        if not as_json:
            what = f"{found.name} does not fit in memory: {found.shortage}"
            output.error(DoesNotFitError(what, hint=found.hint))
        raise typer.Exit(ExitCode.DOES_NOT_FIT)


def _found(
    model: str,
    there: Machine,
    run_as: Asked,
    use: Use,
    tuned: Path | None,
    environment: Environment,
    output: Output,
) -> WhatFits:
    """What fits of a checkpoint, a file, or a model that can be pulled."""
    from starling_local.machine.fitting.what_fits import checkpoint_fits, shape_fits, what_fits

    folder = Path(os.path.expanduser(model))  # noqa: PTH111 - as in `find_model`
    if model != NANO and os.path.isdir(folder):  # noqa: PTH112 - false for names that are too long
        return checkpoint_fits(folder, there, run_as, use)
    try:
        path = find_model(model, environment.environ, output.note)
    except NotFoundError:
        name = parse_name(model)
        shape = _published(name.base)
        if shape is None:
            raise
        return shape_fits(name.base, shape, there, run_as, use, name.tag)
    return what_fits(path, there, run_as, use, tuned, output.note)


def _published(name: str) -> ModelConfig | None:
    """The architecture of a model that can be pulled by this name."""
    from starling_local.machine.fitting.published import published_shape
    from starling_local.store.manifests import all_manifests

    named = (one for one in all_manifests() if one.name == name)
    return next(map(published_shape, named), None)


def _machine(run_as: Asked, memory_gb: float | None, gpus_gb: Sequence[float]) -> Machine:
    """This machine, or the one that is asked for."""
    from starling_local.engine.devices import Device, DeviceKind
    from starling_local.machine.fitting.fit import Machine
    from starling_local.machine.fitting.memory import HostMemory
    from starling_local.machine.running import this_machine

    here = this_machine(run_as)
    host, devices = here.host, here.devices
    if memory_gb is not None:
        size_bytes = int(memory_gb * GB)
        host = HostMemory(size_bytes, size_bytes)
        devices = ()
    if gpus_gb:
        sizes = [int(gpu_gb * GB) for gpu_gb in gpus_gb]
        devices = tuple(
            Device(f"GPU{number}", "as asked", DeviceKind.GPU, "GPU", size_bytes, size_bytes)
            for number, size_bytes in enumerate(sizes)
        )
    return Machine(host, devices)
