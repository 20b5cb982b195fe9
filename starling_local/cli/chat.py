"""`starling chat`: a conversation in the terminal, or line by line through a pipe."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

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
    MainGpuOption,
    MaxTokensOption,
    ModelOption,
    OverflowOption,
    RepackOption,
    SeedOption,
    StopOption,
    SystemFormOption,
    SystemOption,
    TemperatureOption,
    TensorSplitOption,
    ThreadsOption,
    TopPOption,
    given,
)
from starling_local.cli.output import Output
from starling_local.errors import ExitCode, UsageError
from starling_local.plain_text import whole
from starling_local.prompt import Condition, SystemForm
from starling_local.settings import Overflow
from starling_local.store.folders import data_folder, tuned_folder

if TYPE_CHECKING:
    from rich.console import Console

    from starling_local.chat.chat import Chat
    from starling_local.chat.keyboard import Typing
    from starling_local.chat.loader import Loader
    from starling_local.chat.notes import Notes
    from starling_local.chat.resuming import Wanted
    from starling_local.chat.sessions import Sessions
    from starling_local.chat.views import Terminal
    from starling_local.engine.context import Context
    from starling_local.machine.asked import Asked, Use

_Value = TypeVar("_Value")

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
            help="Write the --session to FILE as Markdown, or as JSON if it ends in .json, or to "
            "stdout for -; no chat is begun.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --export replace a file.")] = False,
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
    kv_type: FittedKvTypeOption = None,
    flash_attention: FlashAttentionOption = Switch.AUTO,
    repack: RepackOption = None,
    gpu_layers: GpuLayersOption = None,
    device: DeviceOption = None,
    tensor_split: TensorSplitOption = None,
    main_gpu: MainGpuOption = None,
    threads: ThreadsOption = None,
    fit: FitOption = True,
) -> None:
    """Talk with a model. /help lists the commands of the chat.

    Example: starling chat -m Starling-LM-7B-alpha-Q4_K_M.gguf
    """
    from starling_local.chat.loader import Loader
    from starling_local.chat.notes import Notes
    from starling_local.chat.resuming import Wanted, model_of
    from starling_local.chat.sessions import Sessions
    from starling_local.chat.talk import talk
    from starling_local.chat.views import Pipe
    from starling_local.machine.asked import Use
    from starling_local.store.models import find_model

    environment: Environment = context.obj
    output = Output(environment)
    sessions = Sessions(data_folder(environment.environ) / SESSIONS)
    if export is not None:
        _export(sessions, session, export, output, force=force)
        return
    is_interactive = environment.stdin.isatty() and not zero
    has_codes = is_interactive and environment.environ.get("TERM", "dumb") != "dumb"
    wanted = Wanted(
        sampling=given(temperature=temperature, top_p=top_p, seed=seed),
        limits=given(max_tokens=max_tokens, stop=tuple(map(whole, stop)) if stop else None),
        overflow=_if_typed(context, "overflow", overflow),
        condition=_if_typed(context, "code", Condition.CODE if code else Condition.CHAT),
        system=_if_typed(context, "system", whole(system)),
        system_form=_if_typed(context, "system_form", system_form),
    )
    # Before the model is loaded, which takes long.
    found = sessions.check(session) if session is not None else None
    run_as = asked(
        context=length, kv_type=kv_type, flash_attention=flash_attention, repack=repack,
        gpu_layers=gpu_layers, device=device, tensor_split=tensor_split, main_gpu=main_gpu,
        threads=threads, fit=fit,
    )  # fmt: skip
    notes = Notes(output.note)
    # A chat is long enough to pay for repacking; through a pipe it may be a single answer.
    use = Use.CHAT if is_interactive else Use.ASK
    loader = Loader(
        lambda name: find_model(name, environment.environ, output.note),
        lambda path: _opened(path, run_as, use, tuned_folder(environment.environ), notes),
    )
    with closing(loader):
        _load(loader, model or model_of(found), environment.stderr if has_codes else None)
        held = _chat(loader, wanted, notes)
        held.shows_statistics = stats
        if not is_interactive:
            held.sessions = sessions if session else None
            talk(held, Pipe(environment.stdin, output, is_zero_separated=zero), notes, session)
            return
        held.sessions = sessions
        view = _terminal(held, environment, output, has_codes=has_codes)
        view.say(
            f"{held.conversation.context.model.path.stem}. /help lists the commands, Ctrl-D leaves."
        )
        try:
            talk(held, view, notes, session)
        except KeyboardInterrupt:
            # A person who leaves needs not be told.
            sys.exit(ExitCode.INTERRUPTED)


def _opened(
    path: Path, run_as: Asked, use: Use, tuned: Path, notes: Notes
) -> AbstractContextManager[Context]:
    """A model and its context, as there is room for it just now."""
    from starling_local.machine.running import run_settings

    running = run_settings(path, run_as, use, tuned)
    for note in running.notes:
        notes.add(note)
    return running.open()


def _if_typed(context: typer.Context, option: str, value: _Value) -> _Value | None:
    """The value of an option that has a default; None if that is all it is."""
    source = context.get_parameter_source(option)
    return value if source is not None and source.name == "COMMANDLINE" else None


def _load(loader: Loader, model: str | None, screen: TextIO | None) -> None:
    """Load the model; a person sees that it takes its time."""
    from starling_local.chat.waiting import Waiting

    with Waiting(screen, "loading the model"):
        loader.open(model)


def _chat(loader: Loader, wanted: Wanted, notes: Notes) -> Chat:
    """A new chat with the model that is loaded."""
    from starling_local.chat.chat import Chat
    from starling_local.chat.conversation import Conversation

    assert loader.context is not None
    for note in loader.context.model.notes:
        notes.add(note)
    conversation = Conversation(
        loader.context,
        condition=wanted.condition or Condition.CHAT,
        system=wanted.system or "",
        system_form=wanted.system_form or SystemForm.PLAIN,
        overflow=wanted.overflow or Overflow.SHIFT,
        on_note=notes.add,
    )
    return Chat(conversation, loader, notes.add, wanted=wanted)


def _export(
    sessions: Sessions, name: str | None, path: Path, output: Output, *, force: bool
) -> None:
    """Write a session elsewhere. Raises UsageError, NotFoundError, ConversionError."""
    from starling_local.chat.transcript import to_markdown
    from starling_local.files import write_where_told

    if name is None:
        raise UsageError("--export needs to know what", hint="add --session NAME")
    transcript = sessions.read(name)
    text = transcript.to_json() if path.suffix == ".json" else to_markdown(transcript)
    if str(path) == "-":
        output.data(text)
    else:
        write_where_told(path, text.encode(), force=force)


def _terminal(held: Chat, environment: Environment, output: Output, *, has_codes: bool) -> Terminal:
    from starling_local.chat.views import Terminal

    stdin, stdout, stderr = environment.stdin, environment.stdout, environment.stderr
    # Where stdout is no terminal, what is typed shows on stderr.
    screen = stdout if stdout.isatty() else stderr
    return Terminal(
        held,
        _typing(held, environment, screen, has_codes=has_codes),
        stdin,
        stdout,
        output,
        _console(environment, output, has_codes=has_codes),
        has_codes=has_codes and stdout.isatty(),
    )


def _typing(held: Chat, environment: Environment, screen: TextIO, *, has_codes: bool) -> Typing:
    """What reads the messages; plain lines where the terminal shows no more."""
    from starling_local.chat.commands import COMMANDS, words_after
    from starling_local.chat.keyboard import Keyboard, Lines

    if not (has_codes and screen.isatty()):
        return Lines(environment.stdin, screen)
    history = data_folder(environment.environ) / HISTORY
    return Keyboard(COMMANDS, lambda before: words_after(before, held), history, screen)


def _console(environment: Environment, output: Output, *, has_codes: bool) -> Console | None:
    """What draws Markdown; None where only plain text is wanted or can be shown."""
    stdout, environ = environment.stdout, environment.environ
    if not (has_codes and stdout.isatty()) or environ.get("NO_COLOR"):
        return None
    return output.console(stdout)
