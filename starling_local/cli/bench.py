"""`starling bench`: how fast a model is on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.asking import Switch, asked
from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    DeviceOption,
    FitOption,
    FittedKvTypeOption,
    FlashAttentionOption,
    GpuLayersOption,
    JsonOption,
    MainGpuOption,
    ModelOption,
    RepackShortOption,
    TensorSplitOption,
    ThreadsOption,
)
from starling_local.cli.output import Output
from starling_local.errors import InterruptedByUser, UsageError
from starling_local.settings import ContextSettings

if TYPE_CHECKING:
    from starling_local.machine.speed.bench_report import BenchReport
    from starling_local.machine.speed.bench_run import BenchPlan

MOST = 2**20  # of any size
# How the model is run, for the command whose start is measured, too.
_RUN_OPTIONS = {
    "kv_type": "--kv-type",
    "flash_attention": "--flash-attn",
    "repack": "--repack",
    "gpu_layers": "--gpu-layers",
    "device": "--device",
    "tensor_split": "--tensor-split",
    "main_gpu": "--main-gpu",
    "threads": "--threads",
    "fit": "--fit",
}


def bench(
    context: typer.Context,
    model: ModelOption = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            "--prompt", "-p", metavar="TOKENS", help="Tokens to read; 0 for none [default: 512]"
        ),
    ] = None,
    generate: Annotated[
        list[str] | None,
        typer.Option(
            "--generate", "-n", metavar="TOKENS", help="Tokens to write; 0 for none [default: 128]"
        ),
    ] = None,
    both: Annotated[
        list[str] | None,
        typer.Option("--pg", metavar="P,N", help="Read P tokens and then write N, as one test."),
    ] = None,
    depth: Annotated[
        list[str] | None,
        typer.Option(
            "--depth",
            "-d",
            metavar="TOKENS",
            help="Tokens that are in the context before [default: 0,1024,4096, as far as the model "
            "goes]",
        ),
    ] = None,
    parallel: Annotated[
        list[str] | None,
        typer.Option("--parallel", metavar="N", help="Sequences side by side [default: 1]"),
    ] = None,
    batch: Annotated[
        list[str] | None,
        typer.Option(
            "--batch", "-b", metavar="TOKENS", help="Tokens read at once, at most [default: 512]"
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", "-r", metavar="N", min=1, help="Measure so many times.")
    ] = 3,
    startup: Annotated[
        bool,
        typer.Option("--startup/--no-startup", help="Also measure the start of starling ask."),
    ] = True,
    kv_type: FittedKvTypeOption = None,
    flash_attention: FlashAttentionOption = Switch.AUTO,
    repack: RepackShortOption = None,
    gpu_layers: GpuLayersOption = None,
    device: DeviceOption = None,
    tensor_split: TensorSplitOption = None,
    main_gpu: MainGpuOption = None,
    threads: ThreadsOption = None,
    fit: FitOption = True,
    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", help="Draw the speed over the depth as a picture."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --svg replace a file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast a model reads, writes and starts on this machine.

    Example: starling bench -m Starling-LM-7B-alpha-Q4_K_M.gguf -p 512 -n 128 -d 0,4096

    Sizes may be lists such as 128,512. The tests have the names of llama-bench: pp512 reads 512
    tokens, tg128 writes 128, and @ d4096 does so behind 4096 others.
    """
    environment: Environment = context.obj
    environment.wants_json = as_json  # before the imports, which may fail
    from starling_local.files import check_place
    from starling_local.machine.speed.bench_run import BenchPlan
    from starling_local.store.models import find_model

    output = Output(environment)
    if svg:
        check_place(svg, force=force)
    run_as = asked(
        context=None, kv_type=kv_type, flash_attention=flash_attention, repack=repack,
        gpu_layers=gpu_layers, device=device, tensor_split=tensor_split, main_gpu=main_gpu,
        threads=threads, fit=fit,
    )  # fmt: skip
    path = find_model(model, environment.environ, output.note)
    plan = BenchPlan(
        path,
        run_as,
        prompts=_sizes(prompt, "-p", 0, (512,)),
        generates=_sizes(generate, "-n", 0, (128,)),
        both=tuple(_pair(text) for text in both or ()),
        depths=_sizes(depth, "-d", 0, ()) or None,
        parallels=_sizes(parallel, "--parallel", 1, (1,)),
        batches=_sizes(batch, "-b", 1, (ContextSettings.batch,)),
        repeats=repeats,
        startup=_ask(path, context) if startup else None,
    )
    report = _measured(plan, environment, output)
    _show(report, environment, output)
    if svg:
        _draw(report, svg, force=force)
    if not report.is_whole:
        # With JSON, the result that is on stdout already says so.
        environment.wants_json = False
        raise InterruptedByUser("interrupted; this is what was measured until then")


def _measured(plan: BenchPlan, environment: Environment, output: Output) -> BenchReport:
    """What was found until the end, or until Ctrl-C. Raises InterruptedByUser if nothing was."""
    from tempfile import TemporaryDirectory

    from starling_local.cli.bench_progress import bench_progress
    from starling_local.machine.speed.bench_run import BenchRun
    from starling_local.machine.speed.disturbance import disturbance, usage
    from starling_local.store.folders import DATA_VARIABLE

    before = usage()
    with TemporaryDirectory() as empty, bench_progress(output) as show:
        # The process whose start is measured must not find tuned settings.
        environ = {**environment.environ, DATA_VARIABLE: empty}
        work = BenchRun(plan, environ, show, output.note)
        try:
            work.run()
        except KeyboardInterrupt:
            if not work.has_anything:
                raise InterruptedByUser("interrupted; nothing was measured yet") from None
    if disturbed := disturbance(before, usage(), os.cpu_count() or 1):
        output.note(disturbed)
    return work.report()


def _show(report: BenchReport, environment: Environment, output: Output) -> None:
    from starling_local.cli.bench_chart import chart
    from starling_local.cli.bench_report import as_json, as_table, summary

    width = output.console(environment.stdout).width
    drawn = chart(report.measured, environment.stdout.encoding or "utf-8", width)
    table = as_table(report, width) if report.measured else ""
    output.result(table, as_json(report), [*drawn, *([""] if drawn else []), *summary(report)])


def _draw(report: BenchReport, path: Path, *, force: bool) -> None:
    from starling_local.cli.bench_svg import svg
    from starling_local.files import write_where_told

    if report.measured:
        write_where_told(path, svg(report).encode(), force=force)


def _ask(path: Path, context: typer.Context) -> list[str]:
    """The command whose start is measured: one answer, with the same options."""
    from starling_local.machine.speed.startup import QUESTION, starling

    words = ["ask", "-m", str(path), "--max-tokens", "8"]
    for name, option in _RUN_OPTIONS.items():
        value = context.params[name]
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-"))
        elif value is not None:
            words += [option, str(value.value if isinstance(value, Enum) else value)]
    return starling(*words, QUESTION)


def _sizes(
    texts: Sequence[str] | None, option: str, least: int, default: tuple[int, ...]
) -> tuple[int, ...]:
    """The numbers of an option that takes a list of them, and may be repeated."""
    words = [word for text in texts or () for word in text.split(",")]
    try:
        numbers = tuple(map(int, words)) or default
    except ValueError:
        raise UsageError(
            f"{option} takes numbers such as 512 or 128,512, not {','.join(words)}"
        ) from None
    if any(not least <= number <= MOST for number in numbers):
        raise UsageError(f"{option} takes numbers from {least} to {MOST}")
    return numbers


def _pair(text: str) -> tuple[int, int]:
    numbers = _sizes([text], "--pg", 1, ())
    if len(numbers) != 2:
        raise UsageError(f"--pg takes two numbers such as 512,128, not {text}")
    return numbers[0], numbers[1]
