"""One request, answered in this process: `starling ask` between its input and its output."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from types import FrameType

from starling_local.engine.context import Context
from starling_local.engine.gbnf import check_grammar
from starling_local.engine.generation import Chunk, FinishReason, LastChunk, generate
from starling_local.engine.json_schema import grammar_for_schema
from starling_local.engine.scheduler import Request
from starling_local.engine.service import Service
from starling_local.errors import BadFileError, ConversionError, InterruptedByUser, UsageError
from starling_local.prompt import Message, Role
from starling_local.scripting.chat_request import ChatRequest, parse_chat_request, parse_messages
from starling_local.scripting.completion import Completion
from starling_local.scripting.prefix_cache import PrefixCache
from starling_local.scripting.writers import Writer


def request_from(written: str | None, texts: Sequence[str], system: str) -> ChatRequest:
    """The request of a call: a conversation in JSON if there is one, then the texts as a question.

    `written` is a list of messages or a whole request, in OpenAI's form. The texts are one message,
    an empty line between them.

    Raises BadFileError if the JSON is none, BadFieldError (a UsageError) if it has what cannot be,
    and UsageError if there is nothing to ask.
    """
    request = ChatRequest(()) if written is None else _written_request(written)
    messages = request.messages
    if texts:
        messages = (*messages, Message(Role.USER, "\n\n".join(texts)))
    if not messages:
        raise UsageError(
            "there is nothing to ask", hint='starling ask "What is the capital of France?"'
        )
    if system:
        if any(message.role is Role.SYSTEM for message in messages):
            raise UsageError("the messages have a system text already", hint="leave --system out")
        messages = (Message(Role.SYSTEM, system), *messages)
    return replace(request, messages=messages)


def _written_request(written: str) -> ChatRequest:
    try:
        value = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise BadFileError(
            f"the messages are not JSON: {error}",
            hint='a list such as [{"role": "user", "content": "Hello"}]',
        ) from error
    if isinstance(value, list):
        return ChatRequest(parse_messages(value))
    return parse_chat_request(value)


def schema_grammar(text: str, name: str) -> str:
    """The grammar of the JSON that satisfies a schema, which is given as text.

    Raises BadFileError if it is no JSON, or a schema that cannot be held to.
    """
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"{name} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise BadFileError(f"{name} is no JSON schema: it is not an object")
    try:
        return grammar_for_schema(schema)
    except UsageError as error:
        raise BadFileError(f"{name}: {error.message}") from error


def checked_grammar(text: str, name: str) -> str:
    """A grammar that is given as text. Raises BadFileError if it cannot be followed."""
    try:
        check_grammar(text)
    except UsageError as error:
        raise BadFileError(f"{name}: {error.message}") from error
    return text


def answer(
    opened: Callable[[], AbstractContextManager[Context]],
    name: str,
    request: ChatRequest,
    make_writer: Callable[[Completion], Writer],
    *,
    note: Callable[[str], None],
    is_unread: Callable[[], bool],
    cache: PrefixCache | None = None,
) -> bool:
    """Answer a request with a model; whether an answer was cut off before its end.

    `opened` makes a context with as many sequences as answers are asked for; `name` is what the
    model is called in what is written.
    The writer gets the pieces as they come. When `is_unread` nothing more is made. Raises what
    `opened` and `generate` raise, and InterruptedByUser.
    """
    with opened() as context:
        for one in context.model.notes:
            note(one)
        completion = Completion(request, context.model.vocabulary, name)
        writer = make_writer(completion)
        if cache is not None:
            cache.fill(context, completion.requests[0].prompt)
        writer.begin()
        with closing(answers(context, completion.requests)) as pieces:
            for index, chunk in pieces:
                completion.add(index, chunk)
                writer.take(index, chunk)
                if is_unread():
                    break
            else:
                writer.finish()
        if cache is not None:
            try:
                cache.keep(context, completion.requests[0].prompt)
            except ConversionError as error:
                # The answer is out already.
                note(f"the prompt was not kept: {error.message}")
    return FinishReason.LENGTH in completion.reasons


def answers(
    context: Context, requests: Sequence[Request]
) -> Generator[tuple[int, Chunk], None, None]:
    """Yield the pieces of the answers to requests with one prompt, each with its place among them.

    Several are made side by side, and their prompt is read once. Ctrl-C, or a signal that asks the
    process to end, raises InterruptedByUser at once, also within a computation.

    Raises what `generate` raises.
    """
    came: list[int] = []
    yield from (
        _one(context, requests[0], came)
        if len(requests) == 1
        else _several(context, requests, came)
    )
    if came:
        raise InterruptedByUser("interrupted")


def _one(context: Context, request: Request, came: list[int]) -> Iterator[tuple[int, Chunk]]:
    # Aborted while it reads the prompt, it raises KeyboardInterrupt: there is nothing to keep then.
    with _stopping(context.abort.set, came), suppress(KeyboardInterrupt):
        for chunk in generate(
            context, request.prompt, request.sampling, request.limits,
            is_continued=request.is_continued, logprobs=request.logprobs,
        ):  # fmt: skip
            if came:
                return
            yield 0, chunk


def _several(
    context: Context, requests: Sequence[Request], came: list[int]
) -> Iterator[tuple[int, Chunk]]:
    # Closing the service aborts what it computes; a signal need only end the waiting.
    with (
        Service(context, context.size) as service,
        _stopping(lambda: service.events.put(None), came),
    ):
        places = {service.submit(request): index for index, request in enumerate(requests)}
        left = len(places)
        while left and not came:
            event = service.events.get()
            if isinstance(event, BaseException):
                raise event
            if event is not None:
                yield places[event[0]], event[1]
                left -= isinstance(event[1], LastChunk)


@contextmanager
def _stopping(stop: Callable[[], None], came: list[int]) -> Iterator[None]:
    """Let signals call `stop` and be noted in `came`, instead of raising between any two steps."""

    def heard(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        stop()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, heard)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
