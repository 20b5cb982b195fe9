"""`starling stdio`: a model loaded once, and asked line by line in JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from starling_local.cli.asking import Switch, asked
from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    DeviceOption,
    FitOption,
    FittedKvTypeOption,
    FlashAttentionOption,
    GpuLayersOption,
    MainGpuOption,
    ModelOption,
    ParallelOption,
    RepackShortOption,
    SharedContextOption,
    TensorSplitOption,
    ThreadsOption,
)
from starling_local.cli.output import Output
from starling_local.store.folders import tuned_folder
from starling_local.store.models import VARIABLE, find_model
from starling_local.store.nano import NAME as NANO


def stdio(
    context: typer.Context,
    model: ModelOption = None,
    parallel: ParallelOption = 4,
    length: SharedContextOption = None,
    kv_type: FittedKvTypeOption = None,
    flash_attention: FlashAttentionOption = Switch.AUTO,
    repack: RepackShortOption = None,
    gpu_layers: GpuLayersOption = None,
    device: DeviceOption = None,
    tensor_split: TensorSplitOption = None,
    main_gpu: MainGpuOption = None,
    threads: ThreadsOption = None,
    fit: FitOption = True,
) -> None:
    """Answer requests in JSON-RPC, one a line, for a program that starts this one.

    Example: starling stdio < requests.jsonl > answers.jsonl
    """
    from starling_local.machine.asked import Use
    from starling_local.machine.running import run_settings
    from starling_local.scripting.stdio import serve

    environment: Environment = context.obj
    output = Output(environment)
    path = find_model(model, environment.environ, output.note)
    name = model or environment.environ.get(VARIABLE) or NANO
    run_as = asked(
        context=length, kv_type=kv_type, flash_attention=flash_attention, repack=repack,
        gpu_layers=gpu_layers, device=device, tensor_split=tensor_split, main_gpu=main_gpu,
        threads=threads, fit=fit, sequences=parallel,
    )  # fmt: skip
    running = run_settings(path, run_as, Use.STDIO, tuned_folder(environment.environ))
    with _own_stdout(environment) as stdout, running.open() as loaded:
        for note in (*running.notes, *loaded.model.notes):
            output.note(note)
        serve(loaded, frozenset({name}), environment.stdin.fileno(), stdout)


@contextmanager
def _own_stdout(environment: Environment) -> Iterator[int]:
    """A descriptor of stdout that nothing else has: what else is printed goes to stderr."""
    number = environment.stdout.fileno()
    own = os.dup(number)
    os.dup2(environment.stderr.fileno(), number)
    try:
        yield own
    finally:
        os.dup2(own, number)
        os.close(own)
