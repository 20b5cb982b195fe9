"""The commands of the chat: what begins with a slash."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from starling_local.chat.chat import Chat
from starling_local.chat.parameters import NAMES, changed, table, values_of
from starling_local.chat.text_file import path_of, text_of
from starling_local.engine.generation import Statistics
from starling_local.errors import NotFoundError, UsageError
from starling_local.plain_text import counted, in_short, printable
from starling_local.prompt import Condition

SESSIONS_SHOWN = 20


@dataclass(frozen=True)
class Reply:
    """What a command says, and what the chat does next."""

    text: str = ""
    again: str | None = None
    """A question that is to be answered now, in place of the last one."""
    goes_on: bool = False
    """The last answer is to be continued now."""
    edit: str | None = None
    """The last question, for the user to change."""
    copy: str | None = None
    """A text for the clipboard."""
    leave: bool = False


@dataclass(frozen=True)
class Command:
    """A command: what it takes, what it does, in a few words, and the doing."""

    takes: str
    help: str
    run: Callable[[Chat, str], Reply]


def run_command(line: str, chat: Chat) -> Reply:
    """Carry out a line that begins with a slash. Raises StarlingError if that cannot be done."""
    name, argument = _parted(line)
    command = COMMANDS.get(name)
    if command is None:
        near = get_close_matches(name, COMMANDS, n=1)
        raise UsageError(
            f"there is no command {name}", hint=near[0] if near else "/help lists those there are"
        )
    if argument and not command.takes:
        raise UsageError(f"{name} takes nothing, not {argument!r}", hint="/help lists the commands")
    return command.run(chat, argument)


def is_command(text: str) -> bool:
    """Whether a message is meant as a command: `/` and a word, not a path such as /etc/hosts.

    A text of several lines is one only where a command takes such a text.
    """
    if re.match(r"/[A-Za-z]+(?!\S)", text) is None:
        return False
    return "\n" not in text.strip() or _parted(text)[0] in TAKE_TEXT


def _parted(line: str) -> tuple[str, str]:
    """The name of a command, as it is listed, and what follows."""
    name, *rest = line.strip().split(maxsplit=1)
    name = name.lower()
    return ALIASES.get(name, name), "".join(rest)


def words_after(before: str, chat: Chat) -> Sequence[str]:
    """What may be typed next, for completion; paths are completed elsewhere."""
    command, _, rest = before.partition(" ")
    if command == "/load":
        return chat.sessions.names() if chat.sessions else ()
    if command == "/set" and rest:
        return values_of(rest.strip())
    return {"/set": NAMES, "/system": ("off",), "/read": ("off",), "/model": ("nano",)}.get(
        command, ()
    )


def _help(_chat: Chat, _argument: str) -> Reply:
    names = [f"{name} {one.takes}".rstrip() for name, one in COMMANDS.items()]
    width = max(map(len, names))
    lines = [
        f"{name:{width}}  {one.help}" for name, one in zip(names, COMMANDS.values(), strict=True)
    ]
    return Reply("\n".join(lines))


def _switch(condition: Condition, said: str) -> Callable[[Chat, str], Reply]:
    def run(chat: Chat, _argument: str) -> Reply:
        chat.conversation.condition = condition
        return Reply(said)

    return run


def _system(chat: Chat, argument: str) -> Reply:
    conversation = chat.conversation
    if argument:
        conversation.system = "" if argument == "off" else argument
    if not conversation.system:
        return Reply("There is no system text.")
    return Reply(f"The system text: {conversation.system}")


def _undo(chat: Chat, _argument: str) -> Reply:
    taken = chat.conversation.undo()
    if taken is None:
        return Reply("There is nothing to take back.")
    return Reply(f"Taken back: {in_short(taken.question)}")


def _regenerate(chat: Chat, _argument: str) -> Reply:
    exchanges = chat.conversation.exchanges
    if not exchanges:
        return Reply("There is no answer yet.")
    said = ""
    if chat.sampling.is_greedy or chat.sampling.seed is not None:
        said = "With these settings the answer stays the same; /set temperature 0.8 varies it."
    return Reply(said, again=exchanges[-1].question)


def _edit(chat: Chat, argument: str) -> Reply:
    exchanges = chat.conversation.exchanges
    if not exchanges:
        return Reply("There is no message yet.")
    return Reply(again=argument) if argument else Reply(edit=exchanges[-1].question)


def _continue(chat: Chat, _argument: str) -> Reply:
    if not chat.conversation.exchanges:
        return Reply("There is no answer yet.")
    return Reply(goes_on=True)


def _new(chat: Chat, _argument: str) -> Reply:
    chat.new()
    return Reply("A new conversation.")


def _save(chat: Chat, argument: str) -> Reply:
    return Reply(chat.save(argument or None))


def _load(chat: Chat, argument: str) -> Reply:
    if not argument:
        return _sessions(chat, "")
    if chat.sessions is not None and not chat.sessions.exists(argument):
        raise NotFoundError(
            f"there is no session {argument!r}", hint="/sessions lists those there are"
        )
    return Reply(chat.resume(argument))


def _sessions(chat: Chat, _argument: str) -> Reply:
    found = chat.sessions.summaries(SESSIONS_SHOWN) if chat.sessions else []
    if not found:
        return Reply("There are no sessions yet.")
    width = max(len(one.name) for one in found)
    lines = (
        f"{one.name:{width}}  {_when(one.updated)}  {one.exchanges:4}  "
        f"{in_short(one.first_question)}"
        for one in found
    )
    return Reply("\n".join(lines) + "\nOpen one with /load NAME.")


def _when(time: str) -> str:
    """A time of a transcript on this machine's clock; as it is, if it is none."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return in_short(time, 16)


def _read(chat: Chat, argument: str) -> Reply:
    if not argument:
        raise UsageError("/read needs the name of a text file", hint="/read notes.txt")
    if argument == "off":
        chat.attached.clear()
        return Reply("No file goes before your next message.")
    path = path_of(argument)
    text = text_of(path)
    name = printable(str(path))
    vocabulary = chat.conversation.context.model.vocabulary
    length = len(vocabulary.tokenise(text))
    whole = length + sum(len(vocabulary.tokenise(other)) for other in chat.attached)
    size = chat.conversation.context.size
    if whole >= size:
        raise UsageError(
            f"with {name} {whole:,} tokens are read; the whole context has {size:,}",
            hint="read a shorter file, or choose a longer context with --ctx",
        )
    chat.attached.append(text)
    return Reply(f"{name}: {counted(length, 'token')} before your next message.")


def _set(chat: Chat, argument: str) -> Reply:
    conversation = chat.conversation
    name, _, value = argument.partition(" ")
    if name:
        chat.sampling, chat.limits, conversation.overflow = changed(
            chat.sampling, chat.limits, conversation.overflow, name, value.strip()
        )
    return Reply(table(chat.sampling, chat.limits, conversation.overflow, name or None))


def _statistics(chat: Chat, _argument: str) -> Reply:
    chat.shows_statistics = not chat.shows_statistics
    said = "Statistics are shown from now on." if chat.shows_statistics else "No more statistics."
    if chat.shows_statistics and chat.statistics:
        said += f"\n{statistics_line(chat, chat.statistics)}"
    return Reply(said)


def statistics_line(chat: Chat, took: Statistics) -> str:
    """What an answer took, in one line."""
    context = chat.conversation.context
    # The first token comes from the prefill.
    speed = (took.generated_tokens - 1) / took.generate_s if took.generate_s > 0 else 0.0
    return (
        f"{counted(took.generated_tokens, 'token')}, {max(speed, 0.0):.1f} per second; read "
        f"{took.prefilled_tokens} of {took.prompt_tokens} in {took.prefill_s:.1f} s; context "
        f"{context.length():,} of {context.size:,}"
    )


def _context(chat: Chat, _argument: str) -> Reply:
    conversation = chat.conversation
    size = conversation.context.size
    # The end of an answer that fills the context is not in it.
    used = min(len(conversation.tokens()), size)
    exchanges = len(conversation.exchanges)
    by = counted(len(conversation.remembered), "exchange")
    said = f"{used:,} of {size:,} tokens are used, by {by}."
    if conversation.forgotten:
        said += f" The oldest {conversation.forgotten} of {exchanges} are forgotten."
    if chat.attached:
        files = counted(len(chat.attached), "file")
        said += f" Of {files} the text goes before your next message; /read off leaves it out."
    return Reply(said)


def _tokens(chat: Chat, _argument: str) -> Reply:
    vocabulary = chat.conversation.context.model.vocabulary
    lines = (f"{token:6}  {vocabulary.shown(token)}" for token in chat.conversation.tokens())
    return Reply("\n".join(lines))


def _copy(chat: Chat, _argument: str) -> Reply:
    exchanges = chat.conversation.exchanges
    if not exchanges:
        return Reply("There is no answer yet.")
    return Reply(copy=exchanges[-1].answer)


def _model(chat: Chat, argument: str) -> Reply:
    if argument:
        chat.use_model(argument)
    return Reply(f"The model is {chat.conversation.context.model.path}.")


COMMANDS: Mapping[str, Command] = {
    "/help": Command("", "lists the commands", _help),
    "/code": Command("", "switches to coding mode", _switch(Condition.CODE, "Coding mode.")),
    "/chat": Command("", "switches back to chat mode", _switch(Condition.CHAT, "Chat mode.")),
    "/math": Command(
        "",
        "switches to OpenChat's mode for mathematics",
        _switch(Condition.MATH, "Mode for mathematics, which only OpenChat knows."),
    ),
    "/system": Command("[TEXT|off]", "shows or sets the system text", _system),
    "/regen": Command("", "answers your last message again", _regenerate),
    "/undo": Command("", "takes back your last message and its answer", _undo),
    "/edit": Command("[TEXT]", "changes your last message and answers it", _edit),
    "/continue": Command("", "lets the last answer go on", _continue),
    "/new": Command("", "starts a new conversation", _new),
    "/save": Command("[NAME]", "keeps the chat, to resume it at once later", _save),
    "/load": Command("NAME", "opens a saved chat", _load),
    "/sessions": Command("", "lists your saved chats", _sessions),
    "/read": Command("FILE|off", "puts a text file before your next message", _read),
    "/set": Command("[NAME VALUE]", "shows or changes a setting, such as temperature", _set),
    "/stats": Command("", "shows what each answer took, or no longer", _statistics),
    "/context": Command("", "shows how much of the context is used", _context),
    "/tokens": Command("", "shows the ids and pieces of the conversation", _tokens),
    "/copy": Command("", "copies the last answer", _copy),
    "/model": Command("[MODEL]", "shows or changes the model", _model),
    "/exit": Command("", "leaves the chat", lambda _chat, _argument: Reply(leave=True)),
}

ALIASES: Mapping[str, str] = {"/quit": "/exit", "/q": "/exit", "/regenerate": "/regen"}
# What takes a text of several lines.
TAKE_TEXT = ("/system", "/edit")
