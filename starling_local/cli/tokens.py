"""`starling tokens`: a text as the model reads it, token by token."""

from __future__ import annotations

from typing import Annotated

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    CodeOption,
    JsonOption,
    ModelOption,
    SystemFormOption,
    SystemOption,
)
from starling_local.cli.output import Output
from starling_local.errors import ExitCode, UsageError
from starling_local.prompt import Condition, Message, Role, Segment, SystemForm, prompt_segments
from starling_local.store.models import find_model

STDIN = "-"


def tokens(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]",
            help="The text; without it, or for -, what is piped in.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="The bare text, as it is, and not a turn of a conversation."),
    ] = False,
    code: CodeOption = False,
    system: SystemOption = "",
    system_form: SystemFormOption = SystemForm.PLAIN,
    only_count: Annotated[
        bool, typer.Option("--count", help="Print only how many tokens it has.")
    ] = False,
    selftest: Annotated[
        bool,
        typer.Option(
            "--selftest",
            help="Try the prompts of the model card, and exit with 4 if they come out wrong.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the tokens of a text, as a user's turn that is ready to be answered.

    Example: starling tokens "How are you today?" -m Starling-LM-7B-alpha-Q4_K_M.gguf
    """
    from starling_local.cli.tokens_report import as_json as as_object
    from starling_local.cli.tokens_report import selftest_json, selftest_lines, token_lines
    from starling_local.engine.examination import examine

    environment: Environment = context.obj
    environment.wants_json = as_json
    environment.write_utf8()
    output = Output(environment)
    if only_count and as_json:
        raise UsageError("--count and --json exclude each other")
    if selftest and text is not None:
        raise UsageError("--selftest takes no text: it tries those of the model card")
    what = "" if selftest else _what(text, environment, raw, code, system, system_form)
    path = find_model(model, environment.environ, output.note)
    found = examine(path, what)
    problem = found.problem(path)
    if selftest:
        first, *others = selftest_lines(found)
        output.result(first, selftest_json(found), others)
        if problem:
            raise typer.Exit(ExitCode.BAD_FILE)
    elif problem:
        raise problem
    elif only_count:
        output.data(f"{len(found.ids)}\n")
    else:
        first, *others = token_lines(found)
        output.result(first, as_object(found), others)


def _what(
    text: str | None,
    environment: Environment,
    is_raw: bool,
    is_code: bool,
    system: str,
    system_form: SystemForm,
) -> str | list[Segment]:
    """The bare text, or the segments of a conversation that it begins."""
    from starling_local.scripting.inputs import argument, read_all

    if is_raw and (is_code or system):
        raise UsageError("--raw has no place for a mode or a system text")
    if text is None or text == STDIN:
        if environment.stdin.isatty():
            raise UsageError("there is no text", hint='starling tokens "TEXT", or pipe one in')
        text = read_all(environment.stdin)
        # As `ask` takes what is piped in: a file's last line ends, a turn does not.
        text = text if is_raw else text.rstrip("\r\n")
    else:
        text = argument(text)
    if is_raw:
        return text
    messages = [Message(Role.SYSTEM, argument(system))] if system else []
    condition = Condition.CODE if is_code else Condition.CHAT
    return prompt_segments([*messages, Message(Role.USER, text)], condition, system_form)
