"""The long-lived process behind `starling stdio`: calls in, line by line, answers and events out.

docs/stdio.md is its protocol. One thread reads lines, one sees whether anybody listens, and one
passes on what the engine makes on a thread of its own. They only put things to be done into one
queue. The main thread does them, one after the other, and so nothing else writes, nothing needs a
lock, and a signal is heard at any moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from starling_local.engine.context import Context
from starling_local.engine.generation import Chunk, LastChunk
from starling_local.engine.service import Service
from starling_local.errors import ConversionError, PromptTooLongError, UsageError
from starling_local.scripting import json_rpc
from starling_local.scripting.chat_request import (
    BadFieldError,
    ChatRequest,
    parse_chat_request,
    size_bytes,
)
from starling_local.scripting.completion import Completion
from starling_local.scripting.json_rpc import Call, ErrorCode, Id, Message, RpcError
from starling_local.scripting.model_info import model_info
from starling_local.scripting.tokens import tokens_of

# No prompt of the Starling family's 8,192 tokens is nearly as large, and larger ones would keep the
# tokenizer busy for seconds, in which nothing is cancelled: of text without pieces of its own, such
# as emoji, its time grows with the square.
MOST_BYTES = 400_000
CHUNK = "chat.completion.chunk"

Reply = Callable[[Message], None]


@dataclass
class Running:
    """A chat request that is not answered yet, and the engine's numbers of its choices."""

    call: Call
    reply: Reply
    request: ChatRequest
    completion: Completion
    numbers: Sequence[int]
    is_cancelled: bool = False


def serve(context: Context, names: frozenset[str], stdin: int, stdout: int) -> None:
    """Answer what is asked on a file descriptor on another one, until the end of either.

    `names` are those that requests may give the model. A signal's KeyboardInterrupt ends it, too.

    Raises:
        ConversionError: stdout cannot be written, for example because the disk is full.
    """

    def write(message: object) -> None:
        try:
            json_rpc.write_line(stdout, message)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ConversionError(f"cannot write to stdout: {error.strerror}") from error

    # Who does not read any more wants nothing more.
    with suppress(BrokenPipeError), Service(context) as service:
        _Server(context, service, names, write).run(stdin, stdout)


class _Server:
    """What one process knows of its requests; it belongs to the main thread."""

    def __init__(
        self,
        context: Context,
        service: Service,
        names: frozenset[str],
        write: Callable[[object], None],
    ) -> None:
        self._vocabulary = context.model.vocabulary
        self._info = model_info(context)
        self._names = names | {self._info["model"]}
        self._service = service
        self._write = write
        self._to_do: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._running: dict[Id, Running] = {}
        # By the engine's number: the request, and the index of the choice.
        self._choices: dict[int, tuple[Running, int]] = {}
        self._is_ending = False
        # What is said when all is done: the answers to `shutdown`.
        self._last_words: list[Callable[[], None]] = []
        self._methods: Mapping[str, Callable[[Call, Reply], Message | None]] = {
            "chat.completions.create": self._create,
            "cancel": self._cancel,
            "model.info": self._model_info,
            "tokenize": self._tokenize,
            "shutdown": self._shutdown,
        }

    def run(self, stdin: int, stdout: int) -> None:
        """Greet, and work until the input has ended and everything is answered."""
        self._write(json_rpc.notification("ready", self._info))
        works = (partial(self._read, stdin), partial(self._watch, stdout), self._pass_on)
        for work in works:
            threading.Thread(target=work, daemon=True).start()
        while self._running or not self._is_ending:
            self._to_do.get()()
        for say in self._last_words:
            say()

    # On the other threads.

    def _read(self, stdin: int) -> None:
        for line in json_rpc.read_lines(stdin):
            self._to_do.put(partial(self._take_line, line))
        self._to_do.put(self._take_end)

    def _watch(self, stdout: int) -> None:
        json_rpc.wait_until_unread(stdout)
        self._to_do.put(self._take_loss)

    def _pass_on(self) -> None:
        while isinstance(event := self._service.events.get(), tuple):
            self._to_do.put(partial(self._take_chunk, *event))
        if event is not None:
            self._to_do.put(partial(self._fail, event))

    # On the main thread.

    def _take_line(self, line: bytes) -> None:
        if self._is_ending or not line.strip():
            return
        try:
            calls, is_batch = json_rpc.parse_line(line)
        except RpcError as error:
            self._write(json_rpc.failure(None, error))
            return
        expected = sum(call.wants_answer for call in calls)
        reply = json_rpc.Batch(self._write, expected).add if is_batch else self._write
        for call in calls:
            self._answer(call, reply if call.wants_answer else _unheard)
        if self._last_words:
            self._end_all()

    def _take_end(self) -> None:
        self._is_ending = True

    def _take_loss(self) -> None:
        """End without computing what nobody will read."""
        raise BrokenPipeError

    def _take_chunk(self, number: int, chunk: Chunk) -> None:
        running, index = self._choices[number]
        running.completion.add(index, chunk)
        if running.request.is_streamed and not running.is_cancelled:
            self._stream(running, running.completion.chunk(index, chunk))
        if isinstance(chunk, LastChunk):
            del self._choices[number]
            if running.completion.is_complete:
                self._finish(running)

    def _fail(self, error: BaseException) -> None:
        """Say that the engine has failed, which is a bug, and end with its traceback."""
        for running in self._running.values():
            told = RpcError(ErrorCode.INTERNAL_ERROR, f"the engine has failed: {error}")
            running.reply(json_rpc.failure(running.call.id, told))
        raise error

    def _finish(self, running: Running) -> None:
        request_id, completion = running.call.id, running.completion
        del self._running[request_id]
        if running.is_cancelled:
            data = {"completion": completion.result()}
            error = RpcError(ErrorCode.CANCELLED, "the request was cancelled", data)
            running.reply(json_rpc.failure(request_id, error))
            return
        if running.request.streams_usage:
            self._stream(running, completion.usage_chunk())
        running.reply(json_rpc.success(request_id, completion.result()))

    def _stream(self, running: Running, chunk: Message) -> None:
        params = {"request_id": running.call.id, "chunk": chunk}
        self._write(json_rpc.notification(CHUNK, params))

    def _answer(self, call: Call, reply: Reply) -> None:
        """Carry out a call, and reply unless it is one that is replied to later."""
        try:
            if call.problem is not None:
                raise call.problem
            if call.method not in self._methods:
                known = ", ".join(self._methods)
                raise RpcError(ErrorCode.METHOD_NOT_FOUND, f"the methods are {known}")
            result = self._methods[call.method](call, reply)
        except (RpcError, UsageError, PromptTooLongError, RecursionError) as error:
            reply(json_rpc.failure(call.id, _told(error)))
            return
        if result is not None:
            reply(json_rpc.success(call.id, result))

    def _create(self, call: Call, reply: Reply) -> None:
        if not call.wants_answer:
            # Nobody could ever hear the answer.
            return
        if call.id in self._running:
            # Without the id: that would be taken for the answer to the first request.
            error = RpcError(
                ErrorCode.INVALID_REQUEST,
                "a request with this id is not answered yet",
                {"request_id": call.id},
            )
            reply(json_rpc.failure(None, error))
            return
        request = parse_chat_request(call.params)
        self._check(request)
        completion = Completion(request, self._vocabulary, self._info["model"])
        # They differ in their seeds alone: if the engine refuses any, then the first.
        numbers = [self._service.submit(one) for one in completion.requests]
        running = Running(call, reply, request, completion, numbers)
        self._running[call.id] = running
        self._choices.update((number, (running, index)) for index, number in enumerate(numbers))
        if request.is_streamed:
            for chunk in completion.first_chunks():
                self._stream(running, chunk)

    def _check(self, request: ChatRequest) -> None:
        """Refuse what this process cannot answer. Raises BadFieldError, PromptTooLongError."""
        if request.model is not None and request.model not in self._names:
            known = " or ".join(sorted(self._names))
            raise BadFieldError("model", f"the one that is loaded here is {known}")
        size = size_bytes(request.messages)
        if size > MOST_BYTES:
            raise PromptTooLongError(
                f"the messages have {size:,} bytes; {MOST_BYTES:,} is the most"
            )

    def _cancel(self, call: Call, _reply: Reply) -> Message:
        _refuse_others(call.params, "request_id")
        wanted = call.params.get("request_id")
        if "request_id" not in call.params or not json_rpc.is_id(wanted):
            raise BadFieldError("request_id", "the id of a request is wanted")
        running = self._running.get(wanted)
        if running is not None:
            self._end(running)
        return {"cancelled": running is not None}

    def _end(self, running: Running) -> None:
        running.is_cancelled = True
        for number in running.numbers:
            self._service.cancel(number)

    def _model_info(self, call: Call, _reply: Reply) -> Message:
        _refuse_others(call.params)
        return self._info

    def _tokenize(self, call: Call, _reply: Reply) -> Message:
        return tokens_of(call.params, self._vocabulary, MOST_BYTES)

    def _shutdown(self, call: Call, reply: Reply) -> None:
        _refuse_others(call.params)
        self._is_ending = True
        self._last_words.append(partial(reply, json_rpc.success(call.id, {})))

    def _end_all(self) -> None:
        for running in self._running.values():
            self._end(running)


def _refuse_others(params: Message, *known: str) -> None:
    for name in params:
        if name not in known:
            raise BadFieldError(name, "there is no such field")


def _unheard(_response: Message) -> None:
    """The reply to a notification."""


def _told(error: RpcError | UsageError | PromptTooLongError | RecursionError) -> RpcError:
    """What went wrong, as JSON-RPC says it."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, RecursionError):
        return RpcError(ErrorCode.INVALID_PARAMS, "the parameters are nested too deeply")
    if isinstance(error, PromptTooLongError):
        return RpcError(ErrorCode.PROMPT_TOO_LONG, error.message)
    data = {"field": error.field} if isinstance(error, BadFieldError) else None
    return RpcError(ErrorCode.INVALID_PARAMS, error.message, data)
