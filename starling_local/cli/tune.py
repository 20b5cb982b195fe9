"""`starling tune`: the fastest settings for this machine, measured and kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import JsonOption, ModelOption
from starling_local.cli.output import Output
from starling_local.errors import InterruptedByUser, UsageError
from starling_local.machine.asked import Use
from starling_local.store.folders import tuned_folder

if TYPE_CHECKING:
    from starling_local.machine.tuned_store import TunedStore
    from starling_local.machine.tuning.outcome import Tuning

USES = (Use.CHAT, Use.ASK, Use.BATCH)
_UNITS_S = {"s": 1, "m": 60, "h": 3600}
LEAST_S, MOST_S = 0.1, 24 * 3600


def tune(
    context: typer.Context,
    model: ModelOption = None,
    uses: Annotated[
        list[Use] | None,
        typer.Option(
            "--for",
            help="What the model is used for; may be repeated [default: chat, ask and batch]",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option("--budget", metavar="TIME", help="Time for each use, such as 90s or 5m."),
    ] = "5m",
    lossy: Annotated[
        bool,
        typer.Option("--lossy", help="Also try a KV cache of q8_0, which may change answers."),
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Show what is kept, and end.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget what is kept, of the --for and -m if given.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the fastest settings for this machine; later runs use them and say so.

    Example: starling tune -m Starling-LM-7B-alpha-Q4_K_M.gguf --for ask --budget 5m
    """
    environment: Environment = context.obj
    environment.wants_json = as_json  # before the imports, which may fail
    from starling_local.machine.tuned_store import TunedStore

    output = Output(environment)
    store = TunedStore(tuned_folder(environment.environ))
    if show and reset:
        raise UsageError("--show and --reset exclude each other")
    if show:
        _show(store, output)
    elif reset:
        _reset(store, model, uses, environment, output)
    else:
        _tune(store, model, uses or USES, _seconds(budget), environment, output, lossy=lossy)


def _tune(
    store: TunedStore,
    model: str | None,
    uses: Sequence[Use],
    budget_s: float,
    environment: Environment,
    output: Output,
    *,
    lossy: bool,
) -> None:
    """Tune for each use in turn, and keep what was found as soon as it is."""
    from starling_local.cli.tune_progress import tune_progress
    from starling_local.cli.tune_report import as_json, as_table, summary
    from starling_local.engine.gguf_header import read_header
    from starling_local.machine.asked import Asked
    from starling_local.machine.running import this_machine
    from starling_local.machine.speed.disturbance import disturbance, usage
    from starling_local.machine.tuning.outcome import tune as tune_for
    from starling_local.machine.tuning.tune import Tuner
    from starling_local.store.models import find_model

    path = find_model(model, environment.environ, output.note)
    header = read_header(path)
    found: list[Tuning] = []
    before = usage()
    try:
        with store.alone():
            for use in dict.fromkeys(uses):
                with tune_progress(output, use, budget_s) as events:
                    tuner = Tuner(
                        path, header, this_machine(Asked()), use, budget_s, environment.environ,
                        lossy, events.begin, events.tried,
                    )  # fmt: skip
                    found.append(tune_for(tuner, store))
    except KeyboardInterrupt:
        kept = ", ".join(one.use.value for one in found)
        raise InterruptedByUser(
            f"interrupted; kept is what was found for {kept}"
            if kept
            else "interrupted; nothing was kept"
        ) from None
    if disturbed := disturbance(before, usage(), os.cpu_count() or 1):
        output.note(disturbed)
    width = output.console(environment.stdout).width
    output.result(as_table(found, width), as_json(found), summary(found))


def _show(store: TunedStore, output: Output) -> None:
    from starling_local.cli.tune_report import kept_as_json, kept_as_table
    from starling_local.engine.devices import devices
    from starling_local.machine.description import machine_description

    here = machine_description(devices())
    kept = list(store.all())
    shown = kept_as_table(kept, here) if kept else "nothing is kept yet"
    output.result(shown, kept_as_json(kept, here))


def _reset(
    store: TunedStore,
    model: str | None,
    uses: Sequence[Use] | None,
    environment: Environment,
    output: Output,
) -> None:
    """Forget what is kept: for the model on this machine if one is named, else all."""
    if model is None:
        removed = store.forget_all([use.value for use in uses or Use])
    else:
        from starling_local.engine.devices import devices
        from starling_local.engine.gguf_header import read_header
        from starling_local.machine.description import machine_description
        from starling_local.store.models import find_model

        header = read_header(find_model(model, environment.environ, output.note))
        here = machine_description(devices())
        removed = sum(store.forget(use, header, here) for use in uses or Use)
    output.result(f"{removed} removed", {"removed": removed})


def _seconds(text: str) -> float:
    """A time such as 90, 90s, 5m or 1h."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS_S else (text, "s")
    try:
        seconds = float(number) * _UNITS_S[unit]
    except ValueError:
        seconds = 0.0
    if not LEAST_S <= seconds <= MOST_S:
        raise UsageError(
            f"--budget takes a time from {LEAST_S}s to 24h, not {text}", hint="--budget 5m"
        )
    return seconds
