"""Tokens on their way into a computation, as llama.cpp takes them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

from starling_local.engine.llama import llama_cpp


class Batch:
    """A `llama_batch` for up to `size` tokens, in Python's memory.

    Its arrays are kept: to read a field of a structure makes a new object each time.
    """

    def __init__(self, size: int) -> None:
        self._tokens = (llama_cpp.llama_token * size)()
        self._positions = (llama_cpp.llama_pos * size)()
        self._sequences = (llama_cpp.llama_seq_id * size)()
        self._wanted = (ctypes.c_int8 * size)()
        pointer = ctypes.POINTER(llama_cpp.llama_seq_id)
        start, width = ctypes.addressof(self._sequences), ctypes.sizeof(llama_cpp.llama_seq_id)
        addresses = (ctypes.c_void_p * size)(*range(start, start + size * width, width))
        one_each = (ctypes.c_int32 * size)(*[1] * size)
        self.handle = llama_cpp.llama_batch(
            n_tokens=0,
            token=self._tokens,
            pos=self._positions,
            n_seq_id=one_each,
            seq_id=ctypes.cast(addresses, ctypes.POINTER(pointer)),
            logits=self._wanted,
        )
        # ctypes keeps alive what is put into a structure, but not what was cast.
        self._addresses = addresses

    def put_one(self, token: int, position: int, sequence: int) -> None:
        """Hold one token, with its logits wanted."""
        self._tokens[0] = token
        self._positions[0] = position
        self._sequences[0] = sequence
        self._wanted[0] = 1
        self.handle.n_tokens = 1

    def put(self, added: Mapping[int, Sequence[int]], lengths: Mapping[int, int]) -> dict[int, int]:
        """Hold tokens for sequences of such lengths; returns the row of each one's last token.

        Of those the logits are wanted.
        """
        rows: dict[int, int] = {}
        start = 0
        for sequence, tokens in added.items():
            count, position = len(tokens), lengths[sequence]
            end = start + count
            self._tokens[start:end] = tokens
            self._positions[start:end] = range(position, position + count)
            self._sequences[start:end] = [sequence] * count
            wanted: list[ctypes.c_int8 | int] = [0] * (count - 1)
            self._wanted[start:end] = [*wanted, 1]
            rows[sequence] = end - 1
            start = end
        self.handle.n_tokens = start
        return rows

    def want_all(self) -> None:
        """Of all tokens held the logits are wanted."""
        count = self.handle.n_tokens
        self._wanted[:count] = [1] * count
