"""A client of `starling stdio` for Python: starts the process, and speaks its protocol.

It needs nothing but the standard library, and a program that uses it stays as small as it is: the
model is in the other process. docs/stdio.md is the protocol.
"""

from __future__ import annotations

from starling_local.client.errors import (
    ProcessEndedError,
    RequestCancelledError,
    RequestError,
    RequestTooLongError,
)
from starling_local.client.exchange import ChatStream
from starling_local.client.process import StarlingProcess, Tokens

__all__ = [
    "ChatStream",
    "ProcessEndedError",
    "RequestCancelledError",
    "RequestError",
    "RequestTooLongError",
    "StarlingProcess",
    "Tokens",
]
