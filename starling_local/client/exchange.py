"""One request to a process: what is asked, and what comes back, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from starling_local.client.errors import ProcessEndedError, request_error
from starling_local.errors import StarlingError


class Exchange:
    """A request, and what has come back; it belongs to one thread, but for `inbox` and `cancel`."""

    def __init__(
        self, request_id: int, cancel: Callable[[int], None], forget: Callable[[int], None]
    ) -> None:
        self.request_id = request_id
        self.inbox: SimpleQueue[dict[str, Any] | ProcessEndedError] = SimpleQueue()
        self._cancel, self._forget = cancel, forget
        self._is_done = False
        self._error: StarlingError | None = None
        self._result: dict[str, Any] | None = None

    def chunk(self) -> dict[str, Any] | None:
        """The next chunk; None when all is said. Raises what the request has come to."""
        if not self._is_done:
            message = self.inbox.get()
            if isinstance(message, dict) and "method" in message:
                found: dict[str, Any] = message["params"]["chunk"]
                return found
            self._is_done = True
            if isinstance(message, ProcessEndedError):
                self._error = message
            elif "error" in message:
                self._error = request_error(message["error"])
            else:
                self._result = message["result"]
        if self._error is not None:
            raise self._error
        return None

    def result(self) -> dict[str, Any]:
        """Wait for the result. Raises what the request has come to, and ValueError if closed."""
        while self.chunk() is not None:
            pass
        if self._result is None:
            raise ValueError("the answer was given up before its end")
        return self._result

    def cancel(self) -> None:
        """Ask for the end of the request; it is answered all the same."""
        if not self._is_done:
            self._cancel(self.request_id)

    def close(self) -> None:
        """Give up the request, if it is not answered."""
        if not self._is_done:
            self._is_done = True
            self._forget(self.request_id)
            self._cancel(self.request_id)


class ChatStream(Iterator[str]):
    """The text of an answer, piece by piece, while it is made."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __next__(self) -> str:
        while (chunk := self._exchange.chunk()) is not None:
            for choice in chunk["choices"]:
                if text := choice["delta"].get("content"):
                    return str(text)
        raise StopIteration

    def result(self) -> dict[str, Any]:
        """Wait for the end; returns the whole answer, an OpenAI `chat.completion`.

        Raises RequestError, and ValueError if the stream was closed before.
        """
        return self._exchange.result()

    def cancel(self) -> None:
        """End the answer at once; who iterates over it meets a RequestCancelledError.

        Any thread may do that. If the answer has ended already, nothing happens.
        """
        self._exchange.cancel()

    def close(self) -> None:
        """End the answer, if it has not ended, without a word."""
        self._exchange.close()

    def __del__(self) -> None:
        self.close()
