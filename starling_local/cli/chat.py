"""`starling chat`: a conversation in the terminal, or line by line through a pipe."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import ModelOption, ThreadsOption
from starling_local.cli.output import Output
from starling_local.errors import PromptTooLongError, UsageError

if TYPE_CHECKING:
    from starling_local.chat.conversation import Conversation
    from starling_local.settings import Sampling

PROMPT = "> "


def chat(
    context: typer.Context,
    model: ModelOption = None,
    code: Annotated[bool, typer.Option("--code", help="Start in coding mode.")] = False,
    length: Annotated[
        int | None,
        typer.Option(
            "--ctx",
            metavar="TOKENS",
            min=256,
            help="Length of the context [default: the model's, 4096 at most]",
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", min=0.0, help="0 always takes the likeliest token."),
    ] = 0.0,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Repeats a text at a temperature above 0.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Talk with a model. /help lists the commands of the chat.

    Example: starling chat -m Starling-LM-7B-alpha-Q4_K_M.gguf
    """
    from starling_local.chat.conversation import Conversation
    from starling_local.engine.context import Context
    from starling_local.engine.model import Model
    from starling_local.prompt import Condition
    from starling_local.settings import ContextSettings, LoadSettings, Sampling
    from starling_local.store.models import find_model

    environment: Environment = context.obj
    output = Output(environment)
    path = find_model(model, environment.environ, output.note)
    with Model(path, LoadSettings()) as loaded:
        for note in loaded.notes:
            output.note(note)
        size = length or min(ContextSettings().context, loaded.trained_context)
        settings = ContextSettings(context=size, threads=threads)
        with Context(loaded, settings) as made:
            conversation = Conversation(
                made,
                condition=Condition.CODE if code else Condition.CHAT,
                on_note=output.note,
            )
            _talk(conversation, Sampling(temperature=temperature, seed=seed), environment, output)


def _talk(
    conversation: Conversation, sampling: Sampling, environment: Environment, output: Output
) -> None:
    """Answer every line until the input ends or /exit is typed."""
    from starling_local.chat.commands import run_command

    for line in _lines(environment):
        question: str | None = line
        if line.startswith("/"):
            reply = run_command(line, conversation)
            if reply.leave:
                return
            if reply.text:
                output.text(reply.text + "\n")
            question = reply.ask_again
        if question and question.strip():
            try:
                _answer(conversation, question, sampling, output)
            except (PromptTooLongError, UsageError) as error:
                # The conversation goes on: only this message was no good.
                output.error(error)


def _answer(conversation: Conversation, question: str, sampling: Sampling, output: Output) -> None:
    """Show the answer as it comes. Ctrl-C ends it; what was said is kept."""
    abort = conversation.context.abort
    # What came after the last answer's end was not meant for this one.
    abort.clear()
    # A handler instead of KeyboardInterrupt, which could come between any two steps.
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: abort.set())
    try:
        # Closed at once, however it ends: closing keeps the exchange.
        with closing(conversation.ask(question, sampling)) as chunks:
            for chunk in chunks:
                output.text(chunk.text)
    except KeyboardInterrupt:
        output.note("stopped before the answer began")
    finally:
        signal.signal(signal.SIGINT, before)
    output.text("\n")


def _lines(environment: Environment) -> Iterator[str]:
    """What the user types, a message a line."""
    stdin: TextIO = environment.stdin
    if not stdin.isatty():
        yield from (line.rstrip("\n") for line in stdin)
        return
    # input() edits lines and remembers them, once this is imported.
    with suppress(ImportError):
        import readline  # noqa: F401
    while True:
        try:
            yield input(PROMPT)
        except EOFError:
            environment.stdout.write("\n")
            return
