"""`starling batch`: a file of requests in, a file of answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from starling_local.cli.asking import Switch, asked
from starling_local.cli.batch_progress import as_json as summary_as_json
from starling_local.cli.batch_progress import batch_progress, is_drawable, summary
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
    ParallelOption,
    RepackBatchOption,
    SharedContextOption,
    TensorSplitOption,
    ThreadsOption,
)
from starling_local.cli.output import Output
from starling_local.errors import ExitCode, InterruptedByUser, UsageError
from starling_local.plain_text import counted
from starling_local.store.folders import tuned_folder

if TYPE_CHECKING:
    from starling_local.engine.context import Context
    from starling_local.machine.running import Running
    from starling_local.scripting.batch import Batch


def batch(
    context: typer.Context,
    requests: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="A request a line, in OpenAI's Batch format; - is stdin."
        ),
    ],
    answers: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="Where the answers go, a line each; - is stdout. If the file has some already, "
            "only the others are made.",
        ),
    ],
    model: ModelOption = None,
    ordered: Annotated[
        bool,
        typer.Option(
            "--ordered", help="Answers in the order of IN; a file is sorted when all are there."
        ),
    ] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Do the lines that failed before again.")
    ] = False,
    parallel: ParallelOption = 16,
    length: SharedContextOption = None,
    kv_type: FittedKvTypeOption = None,
    flash_attention: FlashAttentionOption = Switch.AUTO,
    repack: RepackBatchOption = None,
    gpu_layers: GpuLayersOption = None,
    device: DeviceOption = None,
    tensor_split: TensorSplitOption = None,
    main_gpu: MainGpuOption = None,
    threads: ThreadsOption = None,
    fit: FitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Answer a file of requests, many at once. Run it again to go on where it was.

    Example: starling batch requests.jsonl answers.jsonl -m Starling-LM-7B-alpha-Q4_K_M.gguf

    It exits with 0 if all lines were answered, and with 4 if some could not be.
    """
    environment: Environment = context.obj
    environment.wants_json = as_json  # before the imports, which may fail
    from starling_local.machine.asked import Use
    from starling_local.machine.running import run_settings
    from starling_local.scripting.batch import Batch
    from starling_local.scripting.batch_input import STREAM, BatchInput
    from starling_local.scripting.batch_output import open_output
    from starling_local.store.models import find_model

    output = Output(environment)
    if as_json and answers == STREAM:
        raise UsageError("--json has no place on stdout if the answers are there: name a file")
    path = find_model(model, environment.environ, output.note)
    run_as = asked(
        context=length, kv_type=kv_type, flash_attention=flash_attention, repack=repack,
        gpu_layers=gpu_layers, device=device, tensor_split=tensor_split, main_gpu=main_gpu,
        threads=threads, fit=fit, sequences=parallel,
    )  # fmt: skip
    # Two on one screen would spoil each other.
    is_drawn = is_drawable(environment) and not (answers == STREAM and environment.stdout.isatty())
    source = BatchInput(requests, environment.stdin)
    with (
        open_output(answers, output.data) as target,
        batch_progress(output, is_drawn=is_drawn) as show,
    ):
        work = Batch(
            source, target, path.stem,
            is_ordered=ordered, retries_failed=retry_errors, on_progress=show,
        )  # fmt: skip
        try:
            work.run(
                lambda: _engine(
                    run_settings(path, run_as, Use.BATCH, tuned_folder(environment.environ)),
                    output.note,
                    environment.stderr if is_drawn else None,
                ),
                lambda: output.is_unread,
            )
        except KeyboardInterrupt:
            raise _interrupted(work) from None
    if output.is_unread:
        return
    output.progress(summary(work.progress))
    if as_json:
        output.result("", summary_as_json(work.progress, answers))
    if work.progress.failed:
        again = "; --retry-errors does them again" if work.is_resumable else ""
        output.progress(f"hint: the lines that failed say why{again}")
        raise typer.Exit(ExitCode.BAD_FILE)


@contextmanager
def _engine(
    running: Running,
    note: Callable[[str], None],
    terminal: TextIO | None,
) -> Iterator[Context]:
    """The model, loaded when it is needed."""
    from starling_local.chat.waiting import Waiting

    with ExitStack() as stack:
        with Waiting(terminal, "loading the model"):
            context = stack.enter_context(running.open())
        for text in (*running.notes, *context.model.notes):
            note(text)
        yield context


def _interrupted(work: Batch) -> InterruptedByUser:
    done = f"interrupted; {counted(work.progress.done, 'line')} done"
    hint = "run the same command again: it goes on from there" if work.is_resumable else None
    return InterruptedByUser(done, hint=hint)
