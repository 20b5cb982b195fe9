"""Long computations that a signal ends at once, and never leaves behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from starling_local.engine.abort import Abort

_TICK_S = 0.2


def run_stoppably(
    work: Callable[[], object], abort: Abort, meanwhile: Callable[[], None] | None = None
) -> None:
    """Do `work`, a computation that ends when `abort` is set; return when it has ended.

    Python runs the handlers of signals in its main thread, between two steps of its own. There the
    work goes to another thread, so that they run at once; what one of them raises, like Ctrl-C's
    KeyboardInterrupt, sets `abort`, and is raised when the work has ended. In other threads no
    handler can run, and the work is done in place.

    In the main thread `meanwhile` is called some times a second; what it raises ends the work, too.

    Raises KeyboardInterrupt if `abort` was set, which it is no longer then; and what `work` raises.
    """
    if threading.current_thread() is not threading.main_thread():
        _raise_first([], _caught(work), abort)
        return
    failures: list[BaseException] = []
    with _Handlers(abort) as handlers:
        worker = threading.Thread(target=lambda: failures.extend(_caught(work)), daemon=True)
        worker.start()
        while worker.is_alive():
            worker.join(None if meanwhile is None or abort.is_set else _TICK_S)
            if meanwhile is not None and not abort.is_set:
                handlers.heed(meanwhile)
        # Now: what a handler raises while Python takes an object away is lost.
        del worker
        handlers.only_note()
        _raise_first(handlers.raised, failures, abort)


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

    def heed(self, call: Callable[[], None]) -> None:
        """Call something of which the same holds as of a handler."""
        try:
            call()
        except BaseException as error:  # noqa: BLE001, it is raised again
            self._keep(error)

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
