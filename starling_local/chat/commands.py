"""The commands of the chat: what begins with a slash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starling_local.chat.conversation import Conversation
from starling_local.prompt import Condition


@dataclass(frozen=True)
class Reply:
    """What a command says, and what the chat does next."""

    text: str = ""
    ask_again: str | None = None
    """A question that is to be answered now."""
    leave: bool = False


@dataclass(frozen=True)
class Command:
    """A command: what it does, in a few words, and the doing."""

    help: str
    run: Callable[[Conversation], Reply]


def run_command(line: str, conversation: Conversation) -> Reply:
    """Carry out a line that begins with a slash; an unknown one is answered with a hint."""
    name = line.split()[0]
    command = COMMANDS.get(name)
    if command is None:
        return Reply(f"There is no command {name}. /help lists those there are.")
    return command.run(conversation)


def _help(_conversation: Conversation) -> Reply:
    width = max(map(len, COMMANDS))
    return Reply("\n".join(f"{name:{width}}  {one.help}" for name, one in COMMANDS.items()))


def _switch(condition: Condition, said: str) -> Callable[[Conversation], Reply]:
    def run(conversation: Conversation) -> Reply:
        conversation.condition = condition
        return Reply(said)

    return run


def _undo(conversation: Conversation) -> Reply:
    taken = conversation.undo()
    return Reply(f"Taken back: {taken.question}" if taken else "There is nothing to take back.")


def _regenerate(conversation: Conversation) -> Reply:
    taken = conversation.undo()
    if taken is None:
        return Reply("There is no answer yet.")
    return Reply(ask_again=taken.question)


def _new(conversation: Conversation) -> Reply:
    conversation.clear()
    return Reply("A new conversation.")


def _tokens(conversation: Conversation) -> Reply:
    vocabulary = conversation.context.model.vocabulary
    lines = (
        f"{token:6}  {vocabulary.piece(token).decode('utf-8', 'backslashreplace')!r}"
        for token in conversation.tokens()
    )
    return Reply("\n".join(lines))


def _context(conversation: Conversation) -> Reply:
    return Reply(f"{len(conversation.tokens())} of {conversation.context.size} tokens are used.")


COMMANDS: Mapping[str, Command] = {
    "/help": Command("lists the commands", _help),
    "/code": Command("switches to coding mode", _switch(Condition.CODE, "Coding mode.")),
    "/chat": Command("switches back to chat mode", _switch(Condition.CHAT, "Chat mode.")),
    "/math": Command(
        "switches to OpenChat's mode for mathematics",
        _switch(Condition.MATH, "Mode for mathematics, which only OpenChat knows."),
    ),
    "/regen": Command("answers your last message again", _regenerate),
    "/undo": Command("takes back your last message and its answer", _undo),
    "/new": Command("starts a new conversation", _new),
    "/tokens": Command("shows the ids and pieces of the conversation", _tokens),
    "/context": Command("shows how much of the context is used", _context),
    "/exit": Command("leaves the chat", lambda _conversation: Reply(leave=True)),
}
