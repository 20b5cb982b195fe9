"""A real `starling stdio`, spoken to line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

TIMEOUT_S = 60
STARLING = [sys.executable, "-m", "starling_local", "stdio"]


class Stdio:
    """`starling stdio -m MODEL OPTIONS`, and its messages. Use it in a `with` statement."""

    def __init__(
        self,
        model: Path,
        *options: object,
        environ: Mapping[str, str] | None = None,
        command: Iterable[str] = STARLING,
    ) -> None:
        self.process = subprocess.Popen(
            [*command, "-m", str(model), *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )  # fmt: skip
        self._messages: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.ready = self.next()

    def __enter__(self) -> Stdio:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            assert line.isascii()
            self._messages.put(json.loads(line, parse_constant=int))
        self._messages.put(None)

    def write(self, text: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def send(self, *messages: object) -> None:
        """Send each as a line."""
        self.write("".join(json.dumps(message) + "\n" for message in messages).encode())

    def next(self) -> Any:
        """The next message; None at the end of stdout."""
        return self._messages.get(timeout=TIMEOUT_S)

    def rest(self) -> list[Any]:
        """All messages until the end of stdout."""
        return list(iter(self.next, None))

    def responses(self, count: int) -> dict[Any, Any]:
        """The next so many responses by their ids; notifications are passed over."""
        found: dict[Any, Any] = {}
        while len(found) < count:
            message = self.next()
            assert message is not None
            if "method" not in message:
                assert message["id"] not in found
                found[message["id"]] = message
        return found

    def ask(self, method: str, /, **params: object) -> Any:
        """The response to one request, while no other is under way."""
        self.send(call(0, method, **params))
        return self.responses(1)[0]

    def end(self) -> tuple[int, str]:
        """Close its stdin; exit code and stderr when it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Exit code and stderr when it has ended."""
        assert self.process.stderr is not None
        status = self.process.wait(TIMEOUT_S)
        return status, self.process.stderr.read().decode()


def call(request_id: object, method: str, /, **params: object) -> dict[str, object]:
    """A request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def chat(request_id: object, question: str, /, **fields: object) -> dict[str, object]:
    """A request for an answer."""
    messages = [{"role": "user", "content": question}]
    return call(request_id, "chat.completions.create", messages=messages, **fields)


def text_of(response: Any) -> str:
    """The text of the first choice of an answer, also of one that was cancelled."""
    completion = response["result"] if "result" in response else response["error"]["data"]
    completion = completion.get("completion", completion)
    return str(completion["choices"][0]["message"]["content"])
