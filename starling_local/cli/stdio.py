"""`starling stdio`: a model loaded once, and asked line by line in JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    KvTypeOption,
    ModelOption,
    ParallelOption,
    RepackOnceOption,
    SharedContextOption,
    ThreadsOption,
)
from starling_local.cli.output import Output
from starling_local.settings import ContextSettings, KvType, LoadSettings
from starling_local.store.models import VARIABLE, find_model
from starling_local.store.nano import NAME as NANO


def stdio(
    context: typer.Context,
    model: ModelOption = None,
    parallel: ParallelOption = 4,
    length: SharedContextOption = 8192,
    kv_type: KvTypeOption = KvType.F16,
    repack: RepackOnceOption = False,
    threads: ThreadsOption = None,
) -> None:
    """Answer requests in JSON-RPC, one a line, for a program that starts this one.

    Example: starling stdio < requests.jsonl > answers.jsonl
    """
    from starling_local.engine.opening import opened
    from starling_local.scripting.stdio import serve

    environment: Environment = context.obj
    output = Output(environment)
    path = find_model(model, environment.environ, output.note)
    name = model or environment.environ.get(VARIABLE) or NANO
    settings = ContextSettings(sequences=parallel, threads=threads, kv_type=kv_type)
    with (
        _own_stdout(environment) as stdout,
        opened(path, LoadSettings(repack), settings, length) as loaded,
    ):
        for note in loaded.model.notes:
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
