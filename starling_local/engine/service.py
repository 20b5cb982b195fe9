"""A scheduler on a thread of its own, so that who asks can wait, and hear signals, meanwhile."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue

from starling_local.engine.context import Context
from starling_local.engine.resource import Resource
from starling_local.engine.scheduler import READ_BESIDE_ANSWERS, Event, Job, Request, Scheduler

_Order = Job | int | None


class Service(Resource):
    """Answers requests on a context that it has for itself until it is closed.

    `events` gets the pieces of all answers as they come. The last thing in it is None, when the
    service was closed, or the exception if the engine failed. For the
    rest see `Scheduler`.
    """

    def __init__(
        self,
        context: Context,
        longest: int | None = None,
        read_beside: int = READ_BESIDE_ANSWERS,
    ) -> None:
        self.events: SimpleQueue[Event | BaseException | None] = SimpleQueue()
        self._context = context
        self._scheduler = Scheduler(context, longest, read_beside)
        # Requests, numbers of those to be cancelled, None to end.
        self._orders: SimpleQueue[_Order] = SimpleQueue()
        self._has_ended = threading.Event()
        threading.Thread(target=self._work, name="engine", daemon=True).start()

    def submit(self, request: Request) -> int:
        """Ask for an answer; returns the number that its events have.

        Raises what `Scheduler.prepare` raises.
        """
        job = self._scheduler.prepare(request)
        self._orders.put(job)
        return job.number

    def cancel(self, number: int) -> None:
        """End a request at once, also within a computation. Its last event says INTERRUPTED.

        Unless it has ended already: then nothing happens.
        """
        self._orders.put(number)
        self._context.abort.set()

    def close(self) -> None:
        """Stop what is computed, and free the samplers; the context stays."""
        self._orders.put(None)
        # Whatever interrupts the waiting: the context must not be freed while it is computed on.
        while not self._has_ended.is_set():
            self._context.abort.set()
            with suppress(KeyboardInterrupt):
                self._has_ended.wait()
        self._context.abort.clear()

    def _work(self) -> None:
        failure: BaseException | None = None
        try:
            with self._scheduler:
                while self._takes_orders():
                    for event in self._scheduler.step():
                        self.events.put(event)
        except BaseException as error:  # noqa: BLE001, who waits for the events raises it
            failure = error
        self.events.put(failure)
        self._has_ended.set()

    def _takes_orders(self) -> bool:
        """Carry out the orders, and wait for one if there is nothing to do; whether to go on."""
        while self._scheduler.is_idle or not self._orders.empty():
            order = self._orders.get()
            if order is None:
                return False
            if isinstance(order, Job):
                self._scheduler.add(order)
            elif (last := self._scheduler.cancel(order)) is not None:
                self.events.put((order, last))
        return True
