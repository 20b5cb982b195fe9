"""Requests that fail for a moment are made again, a bounded number of times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from starling_local.store.hub_errors import http_error, is_temporary, status_of, wait_s

Note = Callable[[str], None]
ATTEMPTS = 5
# In the middle of a large file: waits of a minute in all.
PATIENT_ATTEMPTS = 9
# What a server may ask us to wait; who asks for more is not waited for.
MAX_WAIT_S = 60.0
_FIRST_WAIT_S = 0.25

T = TypeVar("T")


def retrying(request: Callable[[], T], note: Note) -> T:
    """The result of `request`, which is made up to ATTEMPTS times while what fails is temporary.

    Waits what the server asks for in Retry-After, or twice as long each time. Raises what the last
    attempt raised.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return request()
        except (http_error(), OSError) as error:
            if not should_wait(error, attempt, note):
                raise
    raise AssertionError("the last attempt returns or raises")


def should_wait(error: BaseException, attempt: int, note: Note, attempts: int = ATTEMPTS) -> bool:
    """Wait, and say so, if the request is to be made again after its `attempt`-th failure."""
    asked = wait_s(error)
    if attempt >= attempts or not is_temporary(error) or (asked or 0) > MAX_WAIT_S:
        return False
    wait = _FIRST_WAIT_S * 2 ** (attempt - 1) if asked is None else asked
    status = status_of(error)
    what = (
        f"the hub answered HTTP {status}" if status else f"the connection failed ({_name(error)})"
    )
    note(f"{what}; trying again in {wait:.1f} s")
    time.sleep(wait)
    return True


def _name(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:100] or type(error).__name__
