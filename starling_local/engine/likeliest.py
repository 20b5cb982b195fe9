"""The likeliest token, straight from the logits: what llama.cpp's greedy sampler gives, sooner.

llama_sampler_sample first copies the whole vocabulary into an array of candidates; numpy, which
llama_cpp imports in any case, finds the maximum where it lies.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starling_local.engine.llama import llama_cpp

# The address alone: ctypes would make a pointer object of it each time.
_logits_at = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ctypes.cast(llama_cpp.llama_get_logits_ith, ctypes.c_void_p).value or 0
)


class Likeliest:
    """Finds the likeliest token of a row, where logit biases lower some tokens and raise none."""

    def __init__(self, vocabulary_size: int, lowered: frozenset[int]) -> None:
        self._size = vocabulary_size
        self._lowered = lowered
        # By address. llama.cpp writes the logits to the same places as long as those suffice.
        self._rows: dict[int, NDArray[np.float32]] = {}

    def find(self, context: Any, row: int) -> int | None:
        """The first of the likeliest tokens; None if that takes more than a look at the maximum."""
        address = _logits_at(context, row)
        logits = self._rows.get(address)
        if logits is None:
            logits = self._rows[address] = self._view(address)
        token = int(logits.argmax())
        # numpy takes the first NaN for the maximum, llama.cpp none but the first token.
        is_number = logits[token] == logits[token]
        return token if is_number and token not in self._lowered else None

    def _view(self, address: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = np.ctypeslib.as_array(
            (ctypes.c_float * self._size).from_address(address)
        )
        return found
