"""What the columns of a model's weight matrices are multiplied with, summed over a text.

That is an importance matrix. Source: llama.cpp's tools/imatrix/imatrix.cpp (`collect_imatrix` and
`compute_imatrix`): which tensors, which tokens, and the order of the sums are the same.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starling_local.engine import library
from starling_local.engine.abort import Abort
from starling_local.engine.batch import Batch
from starling_local.engine.context_params import context_params
from starling_local.engine.llama import llama_cpp
from starling_local.engine.model import Model
from starling_local.engine.stoppable import made_stoppably, run_stoppably
from starling_local.engine.tensor import F32, copy_floats, operation, rows_and_columns, tensor_at
from starling_local.errors import BadFileError, DoesNotFitError
from starling_local.settings import ContextSettings

# Shorter batches are left out, as llama.cpp does.
_FEWEST_TOKENS = 16
_ABORTED = 2


@dataclass(frozen=True)
class SquareSums:
    """For the input of one weight matrix: float32 [columns], and the tokens summed over."""

    sums: NDArray[np.float32]
    tokens: int


def token_chunks(tokens: Sequence[int], size: int, bos: int) -> list[list[int]]:
    """Whole chunks of `size` tokens, the first of each replaced by BOS; what is left is dropped."""
    starts = range(0, len(tokens) - size + 1, size)
    return [[bos, *tokens[start + 1 : start + size]] for start in starts]


def collect_importance(
    model: Model,
    chunks: Sequence[Sequence[int]],
    *,
    threads: int | None = None,
    on_chunk: Callable[[int], None] = lambda _done: None,
) -> Mapping[str, SquareSums]:
    """Read every chunk from an empty context; returns the sums by the GGUF name of the matrix.

    Chunks are of equal length. `on_chunk` gets how many are done. Ctrl-C is raised as
    KeyboardInterrupt within a chunk.

    Raises:
        BadFileError: the model computes infinite or undefined numbers.
        DoesNotFitError: llama.cpp cannot get the memory.
        ConversionError: the installed llama.cpp is too different from the known ones.
    """
    collector, abort = _Collector(), Abort()
    size = len(chunks[0])
    params = context_params(ContextSettings(context=size, batch=size, threads=threads))
    params.cb_eval = collector.callback
    context = made_stoppably(partial(_context, model, params), llama_cpp.llama_free, abort)
    try:
        abort.attach(context)
        batch = Batch(size)
        for done, chunk in enumerate(chunks, 1):
            collector.begin_chunk()
            run_stoppably(partial(_read, context, batch, chunk), abort)
            collector.raise_failure(model)
            on_chunk(done)
    finally:
        llama_cpp.llama_free(context)
    return {name: SquareSums(sums, tokens) for name, (sums, tokens) in collector.found.items()}


def _context(model: Model, params: Any) -> Any:
    library.log.forget_errors()
    context = llama_cpp.llama_init_from_model(model.handle, params)
    if not context:
        raise DoesNotFitError(
            f"a context of {params.n_ctx} tokens does not fit in memory: "
            f"{library.log.reason('no reason given')}"
        )
    return context


def _read(context: Any, batch: Batch, tokens: Sequence[int]) -> None:
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    batch.put({0: tokens}, {0: 0})
    # Else the last layer's feed-forward part would be computed for the last token alone.
    batch.want_all()
    status = llama_cpp.llama_decode(context, batch.handle)
    if status == _ABORTED:
        raise KeyboardInterrupt
    if status:
        raise RuntimeError(
            f"llama_decode failed with {status}: {library.log.last('no reason given')}"
        )


class _Collector:
    """Takes the inputs of matrix products while llama.cpp computes them."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[NDArray[np.float32], int]] = {}
        # Of this chunk, by the address of the input.
        self._of_input: dict[int, tuple[NDArray[np.float32], int]] = {}
        self._buffer = np.empty(0, np.float32)
        self._failure: BaseException | None = None
        # Kept as long as llama.cpp may call it.
        self.callback = llama_cpp.ggml_backend_sched_eval_callback(self._evaluated)

    def begin_chunk(self) -> None:
        """Every input comes anew from now on."""
        self._of_input.clear()

    def raise_failure(self, model: Model) -> None:
        """Raise what the callback could not, through C code."""
        if self._failure is not None:
            raise self._failure
        for name, (sums, _tokens) in self.found.items():
            if not np.isfinite(sums).all():
                raise BadFileError(f"{model.path}: the input of {name} becomes infinite or NaN")

    def _evaluated(self, address: int, is_question: bool, _data: object) -> bool:
        """llama.cpp asks of each node whether it is to be seen, and shows it when it is computed.

        False as an answer to the second call ends the computation.
        """
        try:
            if is_question:
                return operation(address) == b"MUL_MAT" and self._is_wanted(address)
            self._add(address)
        except BaseException as error:  # noqa: BLE001, it is raised when the computation has ended
            self._failure = error
            return False
        return True

    def _is_wanted(self, address: int) -> bool:
        weights, inputs = (source.contents for source in tensor_at(address).sources[:2])
        name = _plain_name(weights.name)
        is_of_layer = name.startswith("blk.") and inputs.type == F32
        if not is_of_layer or inputs.sizes[1] < _FEWEST_TOKENS:
            return False
        # Queries, keys and values have the same input, and so have gate and up.
        known = self._of_input.get(ctypes.addressof(inputs))
        if known is not None:
            self.found[name] = known
        return known is None

    def _add(self, address: int) -> None:
        weights, inputs = (source.contents for source in tensor_at(address).sources[:2])
        name, (n_rows, columns) = _plain_name(weights.name), rows_and_columns(inputs)
        addends = self._addends(n_rows + 1, columns)
        # The squares, row by row, onto the sum so far, in float32.
        addends[0], tokens = self.found.get(name, (0, 0))
        rows = addends[1:]
        copy_floats(inputs, rows)
        np.square(rows, out=rows)
        found = np.add.reduce(addends, axis=0), tokens + n_rows
        self._of_input[ctypes.addressof(inputs)] = self.found[name] = found

    def _addends(self, n_rows: int, columns: int) -> NDArray[np.float32]:
        """A part of the buffer, which is kept: to get memory takes longer than to add it up."""
        if self._buffer.size < n_rows * columns:
            self._buffer = np.empty(n_rows * columns, np.float32)
        return self._buffer[: n_rows * columns].reshape(n_rows, columns)


def _plain_name(name: bytes) -> str:
    """A weight's name without what llama.cpp puts around those of copies: `CUDA0#NAME#0`."""
    parts = name.decode("utf-8", "replace").split("#")
    return parts[1] if len(parts) > 1 else parts[0]
