"""How far a computation is, while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llama_cpp

from starling_local.engine.abort import Abort

# Of ggml's graph for the architecture `llama`, as it asks between them whether to stop. They are
# only a first guess: after a whole computation its own number is known.
_STEPS_PER_LAYER, _OTHER_STEPS = 17, 5


class Steps:
    """Counts the steps of a computation, of which ggml asks after each whether to stop.

    The answer comes from Python then, which costs some microseconds a step: nothing beside the work
    for hundreds of tokens, but too much beside that for one, see `abort`.
    """

    def __init__(self, abort: Abort, layers: int) -> None:
        self._abort = abort
        self._expected = _STEPS_PER_LAYER * layers + _OTHER_STEPS
        self._done = 0
        # Kept as long as llama.cpp may call it.
        self._callback = llama_cpp.ggml_abort_callback(self._count)

    @property
    def part(self) -> float:
        """How much of the computation is done, from 0 to 1."""
        return min(self._done / self._expected, 1.0)

    @contextmanager
    def counted(self, context: Any) -> Iterator[None]:
        """Count the steps of the one computation within; if it is not whole, nothing is learned."""
        self._done = 0
        llama_cpp.llama_set_abort_callback(context, self._callback, None)
        try:
            yield
            self._expected = max(self._done, 1)
        finally:
            self._abort.attach(context)

    def _count(self, _data: object) -> bool:
        self._done += 1
        return self._abort.is_set
