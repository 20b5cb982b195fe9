"""The steps of a computation: how far it is, and Python's chance to run while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from starling_local.engine.abort import Abort
from starling_local.engine.llama import llama_cpp

# Of ggml's graph for the architecture `llama`, as it asks between them whether to stop. They are
# only a first guess: after a whole computation its own number is known.
_STEPS_PER_LAYER, _OTHER_STEPS = 17, 5
_TICK_S = 0.2


class Steps:
    """Counts the steps of a computation, of which ggml asks after each whether to stop.

    The answer comes from Python then, and in the main thread the handlers of signals get their
    turn. That costs a microsecond a step: nothing beside the work for hundreds of tokens, but too
    much beside that for one, see `abort`.
    """

    def __init__(self, abort: Abort, layers: int) -> None:
        self._abort = abort
        self._expected = _STEPS_PER_LAYER * layers + _OTHER_STEPS
        self._done = 0
        self._report: Callable[[float], None] | None = None
        self._next_report_s = 0.0
        self._failure: BaseException | None = None
        # Kept as long as llama.cpp may call it.
        self._callback = llama_cpp.ggml_abort_callback(self._step)

    @contextmanager
    def watched(
        self, context: Any, report: Callable[[float], None] | None = None
    ) -> Iterator[None]:
        """Watch the one computation within; if it is not whole, nothing is learned of it.

        `report` gets the part of it that is done, from 0 to 1, some times a second; what it raises
        stops the computation, and is raised afterwards.
        """
        self._done, self._failure = 0, None
        self._report, self._next_report_s = report, monotonic() + _TICK_S
        llama_cpp.llama_set_abort_callback(context, self._callback, None)
        try:
            yield
            self._expected = max(self._done, 1)
        finally:
            self._abort.attach(context)
            if self._failure:
                raise self._failure

    def _step(self, _data: object) -> bool:
        self._done += 1
        if self._report and monotonic() >= self._next_report_s:
            self._next_report_s += _TICK_S
            try:
                self._report(min(self._done / self._expected, 1.0))
            except BaseException as error:  # noqa: BLE001, it is raised again
                self._failure = error
        return self._abort.is_set or self._failure is not None
