"""Long computations that a signal ends at once, and never leaves behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from starling_local.engine.abort import Abort

_Made = TypeVar("_Made")


def run_stoppably(work: Callable[[], object], abort: Abort) -> None:
    """Do `work`, a computation that ends when `abort` is set; return when it has ended.

    Python runs the handlers of signals in its main thread, between two steps of its own; a long
    computation lets it take some, see `Steps`. What a handler raises then, like Ctrl-C's
    KeyboardInterrupt, sets `abort`, and is raised when the work has ended. In other threads no
    handler can run.

    Raises KeyboardInterrupt if `abort` was set, which it is no longer then; and what `work` raises.
    """
    if not is_main_thread():
        _raise_first([], _caught(work), abort)
        return
    with _Handlers(abort) as handlers:
        failures = _caught(work)
        handlers.only_note()
        _raise_first(handlers.raised, failures, abort)


def made_stoppably(
    make: Callable[[], _Made], free: Callable[[_Made], object], abort: Abort
) -> _Made:
    """What `make` makes, with the same rules; if anything is raised, `free` is called with it.

    For what llama.cpp makes while it logs: it calls Python for that, and what a handler raised then
    would be lost.
    """
    made: list[_Made] = []
    try:
        run_stoppably(lambda: made.append(make()), abort)
    except BaseException:
        for one in made:
            free(one)
        raise
    return made[0]


def is_main_thread() -> bool:
    """Whether this is the thread in which Python runs the handlers of signals."""
    return threading.current_thread() is threading.main_thread()


def _caught(work: Callable[[], object]) -> list[BaseException]:
    try:
        work()
    except BaseException as error:  # noqa: BLE001, it is raised again
        return [error]
    return []


def _raise_first(raised: list[BaseException], failures: list[BaseException], abort: Abort) -> None:
    if abort.is_set:
        abort.clear()
        raise raised[0] if raised else KeyboardInterrupt
    if failures:
        raise failures[0]


class _Handlers:
    """The handlers of signals, for a while without a way to raise anything into what is running.

    Before and after that while, should one of them be in place, it does what the handler does that
    it stands for: one that stays, because signals rain down while it is taken away, does no harm.
    """

    def __init__(self, abort: Abort) -> None:
        self.raised: list[BaseException] = []
        self._abort = abort
        self._is_active = self._aborts = False
        handlers = ((number, signal.getsignal(number)) for number in signal.valid_signals())
        self._before = {int(number): handler for number, handler in handlers if callable(handler)}

    def __enter__(self) -> _Handlers:
        for number in self._before:
            signal.signal(number, self._handle)
        self._is_active = self._aborts = True
        return self

    def only_note(self) -> None:
        """The computation has ended: what is raised from now on does not abort anything."""
        self._aborts = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._is_active:
            self._before[number](number, frame)
            return
        try:
            self._before[number](number, frame)
        except BaseException as error:  # noqa: BLE001, it is raised again
            self._keep(error)

    def _keep(self, error: BaseException) -> None:
        self.raised.append(error)
        if self._aborts:
            self._abort.set()

    def __exit__(self, kind: object, *_: object) -> None:
        self._is_active = False
        left = dict(self._before)
        while left:
            try:
                for number in tuple(left):
                    signal.signal(number, left[number])
                    del left[number]
            except BaseException as error:  # noqa: BLE001, it is raised again
                self.raised.append(error)
        if self.raised and kind is None:
            raise self.raised[0]
