"""`starling chat`: a conversation in the terminal, or line by line through a pipe."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starling_local.cli.environment import Environment
from starling_local.cli.options import (
    CodeOption,
    ContextOption,
    KvTypeOption,
    MaxTokensOption,
    ModelOption,
    OverflowOption,
    RepackOption,
    SeedOption,
    StopOption,
    SystemFormOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
    TopPOption,
    given,
)
from starling_local.cli.output import Output
from starling_local.errors import UsageError
from starling_local.prompt import Condition, SystemForm
from starling_local.settings import (
    ContextSettings,
    KvType,
    Limits,
    LoadSettings,
    Overflow,
)
from starling_local.store.folders import data_folder

if TYPE_CHECKING:
    from rich.console import Console

    from starling_local.chat.chat import Chat
    from starling_local.chat.sessions import Sessions
    from starling_local.chat.talk import View

SESSIONS, HISTORY = "sessions", "history"


def chat(
    context: typer.Context,
    model: ModelOption = None,
    code: CodeOption = False,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", help="Go on with this session, or begin it."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Write the --session to FILE as Markdown, or as JSON if it ends in .json; no chat "
            "is begun.",
        ),
    ] = None,
    system: SystemOption = "",
    system_form: SystemFormOption = SystemForm.PLAIN,
    stats: Annotated[
        bool, typer.Option("--stats", help="Show what each answer took, on stderr.")
    ] = False,
    zero: Annotated[
        bool,
        typer.Option("-0", help="Messages on stdin, and answers, end with a zero byte."),
    ] = False,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    stop: StopOption = None,
    length: ContextOption = None,
    overflow: OverflowOption = Overflow.SHIFT,
    kv_type: KvTypeOption = KvType.F16,
    repack: RepackOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Talk with a model. /help lists the commands of the chat.

    Example: starling chat -m Starling-LM-7B-alpha-Q4_K_M.gguf
    """
    from starling_local.chat.chat import Chat
    from starling_local.chat.conversation import Conversation
    from starling_local.chat.loader import Loader
    from starling_local.chat.sessions import Sessions
    from starling_local.chat.talk import talk
    from starling_local.chat.waiting import Waiting
    from starling_local.store.models import find_model

    environment: Environment = context.obj
    output = Output(environment)
    sessions = Sessions(data_folder(environment.environ) / SESSIONS)
    if export is not None:
        _export(sessions, session, export)
        return
    is_interactive = environment.stdin.isatty() and not zero
    loader = Loader(
        lambda name: find_model(name, environment.environ, output.note),
        # A chat is long enough to pay for it; through a pipe it may be a single answer.
        LoadSettings(repack=False if repack is None and not is_interactive else repack),
        ContextSettings(threads=threads, kv_type=kv_type),
        length,
    )
    with closing(loader):
        with Waiting(environment.stderr if is_interactive else None, "loading the model"):
            loaded = loader.open(model)
        for note in loaded.model.notes:
            output.note(note)
        conversation = Conversation(
            loaded,
            condition=Condition.CODE if code else Condition.CHAT,
            system=system,
            system_form=system_form,
            overflow=overflow,
            on_note=output.note,
        )
        held = Chat(
            conversation,
            loader,
            output.note,
            sessions if is_interactive or session else None,
            wanted=given(temperature=temperature, top_p=top_p, seed=seed),
            limits=Limits(max_tokens, tuple(stop or ())),
            shows_statistics=stats,
        )
        view = (
            _terminal(held, environment, output)
            if is_interactive
            else _pipe(environment, output, is_zero_separated=zero)
        )
        if is_interactive:
            view.say(f"{loaded.model.path.stem}. /help lists the commands, Ctrl-D leaves.")
        if session is not None:
            output.note(held.resume(session))
        talk(held, view)


def _export(sessions: Sessions, name: str | None, path: Path) -> None:
    """Write a session elsewhere. Raises UsageError, NotFoundError, ConversionError."""
    from starling_local.chat.transcript import to_markdown
    from starling_local.files import write_whole

    if name is None:
        raise UsageError("--export needs to know what", hint="add --session NAME")
    transcript = sessions.read(name)
    text = transcript.to_json() if path.suffix == ".json" else to_markdown(transcript)
    write_whole(path, [text.encode("utf-8", "surrogateescape")])


def _pipe(environment: Environment, output: Output, *, is_zero_separated: bool) -> View:
    from starling_local.chat.views import Pipe

    return Pipe(environment.stdin, output, is_zero_separated=is_zero_separated)


def _terminal(held: Chat, environment: Environment, output: Output) -> View:
    from starling_local.chat.commands import COMMANDS, words_after
    from starling_local.chat.keyboard import Keyboard
    from starling_local.chat.views import Terminal

    history = data_folder(environment.environ) / HISTORY
    keyboard = Keyboard(COMMANDS, lambda command: words_after(command, held), history)
    return Terminal(held, keyboard, environment.stdout, output, _console(environment, output))


def _console(environment: Environment, output: Output) -> Console | None:
    """What draws Markdown; None where only plain text is wanted or can be shown."""
    stdout, environ = environment.stdout, environment.environ
    if not stdout.isatty() or environ.get("NO_COLOR") or environ.get("TERM", "dumb") == "dumb":
        return None
    return output.console(stdout)
