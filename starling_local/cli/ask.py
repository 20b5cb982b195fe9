"""`starling ask`: one answer on stdout, and nothing else there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.asking import Switch, asked
from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    CodeOption,
    ContextOption,
    DeviceOption,
    FitOption,
    FittedKvTypeOption,
    FlashAttentionOption,
    GpuLayersOption,
    JsonOption,
    MainGpuOption,
    MaxTokensOption,
    MinPOption,
    ModelOption,
    RepackShortOption,
    RepeatPenaltyOption,
    SeedOption,
    StopOption,
    SystemFormOption,
    SystemOption,
    TemperatureOption,
    TensorSplitOption,
    ThreadsOption,
    TopKOption,
    TopPOption,
    given,
)
from starling_local.cli.output import Output
from starling_local.errors import AnswerCutError, UsageError
from starling_local.prompt import Condition, SystemForm
from starling_local.store.folders import cache_folder, tuned_folder

if TYPE_CHECKING:
    from starling_local.scripting.completion import Completion
    from starling_local.scripting.prefix_cache import PrefixCache
    from starling_local.scripting.writers import Writer

STDIN = "-"
PREFIXES = "prefixes"


def ask(
    context: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROMPT]",
            help="The question; before it come the files, and then what is piped in.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="A text before the prompt; may be repeated."
        ),
    ] = None,
    messages: Annotated[
        str | None,
        typer.Option(
            "--messages",
            metavar="FILE",
            help="A conversation as JSON: a list of messages, or a whole request, as OpenAI has "
            "them; - is stdin. What other options say counts more.",
        ),
    ] = None,
    system: SystemOption = "",
    system_form: SystemFormOption = SystemForm.PLAIN,
    code: CodeOption = False,
    choices: Annotated[
        int | None,
        typer.Option("-n", metavar="N", min=1, max=128, help="So many answers [default: 1]"),
    ] = None,
    temperature: TemperatureOption = None,
    top_k: TopKOption = None,
    top_p: TopPOption = None,
    min_p: MinPOption = None,
    repeat_penalty: RepeatPenaltyOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    stop: StopOption = None,
    grammar: Annotated[
        Path | None,
        typer.Option("--grammar", metavar="FILE", help="The answer follows this GBNF grammar."),
    ] = None,
    json_schema: Annotated[
        Path | None,
        typer.Option("--json-schema", metavar="FILE", help="The answer is JSON of this schema."),
    ] = None,
    as_json: JsonOption = False,
    as_json_lines: Annotated[
        bool,
        typer.Option("--stream-json", help="Print each piece as a JSON object on a line."),
    ] = False,
    logprobs: Annotated[
        int | None,
        typer.Option(
            "--logprobs",
            metavar="N",
            min=0,
            max=20,
            help="With JSON: how likely each token was, and the N likeliest in its place.",
        ),
    ] = None,
    fail_on_length: Annotated[
        bool, typer.Option("--fail-on-length", help="Exit with 8 if an answer was cut off.")
    ] = False,
    prefix_cache: Annotated[
        bool,
        typer.Option(
            "--prefix-cache",
            help="Keep what was computed for a long prompt on disk, for the next one that begins "
            "with the same text.",
        ),
    ] = False,
    reads_stdin: Annotated[
        bool, typer.Option("--stdin/--no-stdin", help="Read stdin, if it is no terminal.")
    ] = True,
    zero: Annotated[bool, typer.Option("-0", help="Answers end with a zero byte.")] = False,
    length: ContextOption = None,
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
    """Answer once: the answer goes to stdout, and nothing else does.

    Example: git diff | starling ask "Write a commit message for this change"
    """
    environment: Environment = context.obj
    environment.wants_json = as_json  # before the imports, which may fail
    from starling_local.machine.asked import Use
    from starling_local.machine.running import run_settings
    from starling_local.scripting.ask import answer, request_from
    from starling_local.scripting.inputs import argument
    from starling_local.store.models import find_model

    environment.write_utf8()
    output = Output(environment)
    _check(as_json, as_json_lines, logprobs)
    base = request_from(
        _read(messages, environment) if messages else None,
        _texts(environment, files or (), prompt, reads_stdin=reads_stdin and messages != STDIN),
        argument(system),
    )
    sampling = given(
        temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p,
        repeat_penalty=repeat_penalty, seed=seed, grammar=_grammar(grammar, json_schema),
    )  # fmt: skip
    limits = given(max_tokens=max_tokens, stop=tuple(map(argument, stop)) if stop else None)
    request = replace(
        base,
        sampling=replace(base.sampling, **sampling),
        limits=replace(base.limits, **limits),
        **given(
            condition=Condition.CODE if code else None,
            system_form=system_form if system_form is not SystemForm.PLAIN else None,
            choices=choices,
            logprobs=logprobs,
        ),
    )

    def writer(completion: Completion) -> Writer:
        from starling_local.scripting.writers import JsonLinesWriter, JsonWriter, PlainWriter

        if as_json:
            return JsonWriter(output.data, completion)
        if as_json_lines:
            return JsonLinesWriter(output.data, completion)
        return PlainWriter(output.data, "\0" if zero else "\n")

    run_as = asked(
        context=length, kv_type=kv_type, flash_attention=flash_attention, repack=repack,
        gpu_layers=gpu_layers, device=device, tensor_split=tensor_split, main_gpu=main_gpu,
        threads=threads, fit=fit, sequences=request.choices,
    )  # fmt: skip
    path = find_model(model, environment.environ, output.note)
    running = run_settings(path, run_as, Use.ASK, tuned_folder(environment.environ))
    for note in running.notes:
        output.note(note)
    was_cut = answer(
        running.open,
        running.path.stem,
        request,
        writer,
        note=output.note,
        is_unread=lambda: output.is_unread,
        cache=_prefix_cache(environment) if prefix_cache else None,
    )
    if was_cut and fail_on_length:
        # With JSON, the result that is on stdout already says so.
        environment.wants_json = False
        raise AnswerCutError(
            "the answer was cut off before its end", hint="allow more with --max-tokens or --ctx"
        )


def _check(as_json: bool, as_json_lines: bool, logprobs: int | None) -> None:
    if as_json and as_json_lines:
        raise UsageError("--json and --stream-json exclude each other")
    if logprobs is not None and not (as_json or as_json_lines):
        raise UsageError("--logprobs needs JSON", hint="add --json or --stream-json")


def _grammar(grammar: Path | None, schema: Path | None) -> str | None:
    """The grammar of the answer, from one file or the other, if there is one."""
    from starling_local.files import read_text

    if grammar and schema:
        raise UsageError("--grammar and --json-schema exclude each other")
    if grammar:
        from starling_local.scripting.ask import checked_grammar

        return checked_grammar(read_text(grammar), str(grammar))
    if schema:
        from starling_local.scripting.ask import schema_grammar

        return schema_grammar(read_text(schema), str(schema))
    return None


def _read(name: str, environment: Environment) -> str:
    from starling_local.files import read_text
    from starling_local.scripting.inputs import read_all

    return read_all(environment.stdin) if name == STDIN else read_text(Path(name))


def _texts(
    environment: Environment, files: Sequence[str], prompt: str | None, *, reads_stdin: bool
) -> list[str]:
    """What is asked: the files, then what is piped in, then the prompt; without empty ones."""
    from starling_local.scripting.inputs import argument

    texts = [_read(name, environment) for name in files]
    if reads_stdin and STDIN not in files and not environment.stdin.isatty():
        texts.append(_read(STDIN, environment))
    # A file's last line ends; the text that is made of it does not.
    texts = [text.rstrip("\r\n") for text in texts] + [argument(prompt or "")]
    return [text for text in texts if text.strip()]


def _prefix_cache(environment: Environment) -> PrefixCache:
    from starling_local.scripting.prefix_cache import PrefixCache

    return PrefixCache(cache_folder(environment.environ) / PREFIXES)
