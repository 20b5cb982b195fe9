"""A process of `starling stdio`: started, spoken to from any thread, and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from starling_local.client.errors import ProcessEndedError, RequestError
from starling_local.client.exchange import ChatStream, Exchange
from starling_local.engine.resource import Resource
from starling_local.errors import UsageError
from starling_local.scripting.json_rpc import MOST_LINE_BYTES, ErrorCode

Messages = Sequence[Mapping[str, object]]
"""A conversation in OpenAI's form: `[{"role": "user", "content": "Hello"}]`."""

START_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 10.0
_CREATE = "chat.completions.create"
_STDERR_KEPT = 4096


@dataclass(frozen=True)
class Tokens:
    """The ids of tokens, and the text of each."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


class StarlingProcess(Resource):
    """A model in a process of its own, which is started here. Use it in a `with` statement.

    Several threads may ask at once; with more requests than `parallel` some wait. What is None is
    as `starling stdio` has it by default; `gpu_layers` is a number, "all" or "auto". `command` is
    started instead of `python -m starling_local stdio`, with the same options:
    `["ssh", "host", "starling", "stdio"]`.

        with StarlingProcess(model="nano") as starling:
            for text in starling.chat([{"role": "user", "content": "Hello"}]):
                print(text, end="", flush=True)

    Raises ProcessEndedError if the process does not start, for example because there is no such
    model. Every method raises it when the process has ended.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        parallel: int | None = None,
        context: int | None = None,
        kv_type: str | None = None,
        repack: bool | None = None,
        threads: int | None = None,
        gpu_layers: int | str | None = None,
        devices: Sequence[str] = (),
        tensor_split: Sequence[float] = (),
        main_gpu: int | None = None,
        flash_attention: bool | None = None,
        command: Sequence[str] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._numbers = count(1)
        # Guards the three after it.
        self._lock = threading.Lock()
        self._exchanges: dict[object, Exchange] = {}
        self._end: ProcessEndedError | None = None
        self._is_closed = False
        self._ready: SimpleQueue[dict[str, Any] | ProcessEndedError] = SimpleQueue()
        # All writing is done by one thread: whoever asks never waits for the pipe, and it is safe
        # to cancel from a finaliser. None ends it.
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        options = {
            "--model": model, "--parallel": parallel, "--ctx": context, "--kv-type": kv_type,
            "--threads": threads, "--gpu-layers": gpu_layers, "--main-gpu": main_gpu,
            "--device": ",".join(devices) or None,
            "--tensor-split": ",".join(map(str, tensor_split)) or None,
            "--flash-attn": {True: "on", False: "off", None: None}[flash_attention],
        }  # fmt: skip
        flags = {True: ("--repack",), False: ("--no-repack",), None: ()}[repack]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = self._started(
            [
                *(command or (sys.executable, "-m", "starling_local", "stdio")),
                *(f"{name}={value!s}" for name, value in options.items() if value is not None),
                *flags,
            ]
        )
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)
        ]
        for thread in self._threads:
            thread.start()
        self.info: Mapping[str, Any] = self._greeting(start_timeout_s)
        """What the process says of itself and its model; see `model.info` in docs/stdio.md."""

    @property
    def pid(self) -> int:
        """The number of the process, for those who watch its memory."""
        return self._process.pid

    def chat(self, messages: Messages, **fields: object) -> ChatStream:
        """Ask for an answer, and iterate over its text as it comes.

        `fields` are those of OpenAI's chat-completion requests, `temperature=0.7` for example.
        To stop iterating, by `break` for example, cancels the request.

        Raises, when it is iterated over, RequestError if the request cannot be answered, and
        RequestCancelledError if it was cancelled; UsageError if several answers are asked for.
        """
        if fields.get("n") not in (None, 1):
            raise UsageError("chat gives one answer", hint="call complete for n answers")
        params = {"messages": messages, **fields, "stream": True}
        return ChatStream(self._ask(_CREATE, params))

    def complete(self, messages: Messages, **fields: object) -> dict[str, Any]:
        """Ask for an answer, or `n` of them, and wait: an OpenAI `chat.completion`.

        Raises RequestError if the request cannot be answered.
        """
        params = {"messages": messages, **fields, "stream": False}
        return self._call(_CREATE, params)

    def tokenize(
        self, text: str | None = None, *, messages: Messages | None = None, **fields: object
    ) -> Tokens:
        """The tokens of a text as it is, or of the whole prompt that messages become.

        With messages may come `condition` and `system_form`. Raises RequestError.
        """
        given = {"text": text, "messages": messages, **fields}
        found = self._call("tokenize", {key: one for key, one in given.items() if one is not None})
        return Tokens(tuple(found["ids"]), tuple(found["pieces"]))

    def close(self) -> None:
        """Cancel what runs, and end the process, by force if it does not end itself."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._outbox.put(_line(method="shutdown"))
        self._outbox.put(None)
        self._wait_for_end()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._stderr):
            if stream is not None:
                stream.close()

    def _started(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                # A Ctrl-C that stops an answer in this terminal must not end the process.
                start_new_session=True,
            )
        except OSError as error:
            self._stderr.close()
            raise ProcessEndedError(
                f"cannot start {command[0]}: {error.strerror}", None, ""
            ) from error

    def _greeting(self, timeout_s: float) -> dict[str, Any]:
        try:
            found = self._ready.get(timeout=timeout_s)
            if isinstance(found, ProcessEndedError):
                raise found
        except BaseException as error:
            self._process.kill()
            self.close()
            if isinstance(error, Empty):
                late = f"the process was not ready after {timeout_s:g} seconds"
                raise ProcessEndedError(late, None, "") from None
            raise
        return found

    def _call(self, method: str, params: Mapping[str, object]) -> dict[str, Any]:
        # Closed also when it is interrupted: then the request is cancelled.
        with closing(self._ask(method, params)) as exchange:
            return exchange.result()

    def _ask(self, method: str, params: Mapping[str, object]) -> Exchange:
        exchange = Exchange(next(self._numbers), self._cancel, self._forget)
        line = _line(id=exchange.request_id, method=method, params=params)
        if len(line) > MOST_LINE_BYTES:
            raise RequestError(
                ErrorCode.LINE_TOO_LONG, f"the request has more than {MOST_LINE_BYTES} bytes", {}
            )
        with self._lock:
            if self._is_closed:
                raise ProcessEndedError("the process was closed", None, "")
            if self._end is not None:
                raise self._end
            self._exchanges[exchange.request_id] = exchange
        self._outbox.put(line)
        return exchange

    def _cancel(self, request_id: int) -> None:
        self._outbox.put(_line(method="cancel", params={"request_id": request_id}))

    def _forget(self, request_id: int) -> None:
        # Without the lock, which this thread may hold when a finaliser runs; one step in CPython.
        self._exchanges.pop(request_id, None)

    def _wait_for_end(self) -> None:
        for stop in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(STOP_TIMEOUT_S)
                return
            except subprocess.TimeoutExpired:
                stop()
        self._process.wait()

    # On threads of their own.

    def _send(self) -> None:
        assert self._process.stdin is not None
        # Closing writes, too, what is left; and who reads no more has ended, as `_receive` finds.
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            while (line := self._outbox.get()) is not None:
                stdin.write(line)
                stdin.flush()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        problem = "the process has ended"
        try:
            for line in self._process.stdout:
                self._take(line)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            problem = f"the process wrote what is no message: {error}"
            self._process.kill()
        status = self._process.wait()
        size = os.fstat(self._stderr.fileno()).st_size
        kept = os.pread(self._stderr.fileno(), _STDERR_KEPT, max(0, size - _STDERR_KEPT))
        with self._lock:
            self._end = ProcessEndedError(
                f"{problem}, with status {status}", status, kept.decode("utf-8", "replace")
            )
            waiting = list(self._exchanges.values())
        for inbox in (self._ready, *(exchange.inbox for exchange in waiting)):
            inbox.put(self._end)

    def _take(self, line: bytes) -> None:
        """Give a message to whom it is for.

        Raises ValueError, TypeError, AttributeError or RecursionError if it is none.
        """
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError(line[:100])
        method, params = message.get("method"), message.get("params", {})
        if method == "ready":
            self._ready.put(params)
        elif method is not None:
            exchange = self._exchanges.get(params.get("request_id"))
            if exchange is not None:
                exchange.inbox.put(message)
        elif (request_id := message.get("id")) is not None:
            exchange = self._exchanges.pop(request_id, None)
            if exchange is not None:
                exchange.inbox.put(message)
        else:
            # The process could not even read the id of what it answers.
            for exchange in list(self._exchanges.values()):
                exchange.inbox.put(message)


def _line(**message: object) -> bytes:
    """A message as it is sent.

    Raises TypeError or ValueError for what is not JSON, such as bytes and not-a-number.
    """
    return json.dumps({"jsonrpc": "2.0", **message}, allow_nan=False).encode() + b"\n"
