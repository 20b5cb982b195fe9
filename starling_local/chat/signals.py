"""Ctrl-C, and being asked to end, heard in good order while a chat goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _never() -> bool:
    return False


class Signals:
    """Remembers SIGINT, SIGTERM and SIGHUP, and tells who listens. Use it in a `with` statement.

    A handler that raises does so between any two steps, in the middle of writing a session too.
    So nothing is raised here, but where that is asked for. What was set to be ignored stays so.
    """

    def __init__(self) -> None:
        self.stop_came = False
        """SIGINT: what is done now is to stop."""
        self.end_came = False
        """SIGTERM or SIGHUP: the process is to end."""
        self._listener: Callable[[], None] | None = None
        self._ignores_stop: Callable[[], bool] = _never
        self._raises = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        for number in _NUMBERS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def told_to(
        self, listener: Callable[[], None], ignores_stop: Callable[[], bool] = _never
    ) -> Iterator[None]:
        """Call `listener` if one came or comes; it runs in the handler, between any two steps."""
        self._listener, self._ignores_stop = listener, ignores_stop
        if self.stop_came or self.end_came:
            listener()
        try:
            yield
        finally:
            self._listener, self._ignores_stop = None, _never

    @contextmanager
    def raising(self, ignores_stop: Callable[[], bool] = _never) -> Iterator[None]:
        """Let the first one raise KeyboardInterrupt: what is done here may end at any step."""
        self._raises, self._ignores_stop = True, ignores_stop
        try:
            if self.stop_came or self.end_came:
                raise KeyboardInterrupt
            yield
        finally:
            self._raises, self._ignores_stop = False, _never

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            self.end_came = True
        elif self._ignores_stop():
            return
        else:
            self.stop_came = True
        if self._raises:
            self._raises = False
            raise KeyboardInterrupt
        if self._listener is not None:
            self._listener()
