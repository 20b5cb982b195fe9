"""The read-quantise-write pipeline: every byte of the source is read once, in the order it lies.

One thread (the caller's) reads a chunk of whole rows into a buffer from a small pool and hashes it;
worker threads widen it to float32, quantise it once per type that any output asks for, and write
it to its place in every such output. Memory is the buffers, whatever the size of the model and the
number of outputs.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from starling_convert.checkpoint import Checkpoint, Shard, StoredTensor
from starling_convert.gguf_file import Layout
from starling_convert.outputs import PartFile
from starling_convert.quantisers import Quantiser
from starling_convert.recipe import TensorType
from starling_convert.tensors import TensorSpec
from starling_local.errors import BadFileError, ConversionError

if TYPE_CHECKING:
    from hashlib import _Hash

# Weights per chunk: large enough that Python's share is lost beside the quantiser's, small enough
# that a few of them per thread are no memory to speak of (at most 16 MB each with their results).
CHUNK_WEIGHTS = 1 << 20
_SOURCE_TYPES = {"F32": TensorType.F32, "F16": TensorType.F16, "BF16": TensorType.BF16}

# The importance of a tensor's columns in the error of quantising, float32 [columns], by GGUF name.
Importances = Mapping[str, NDArray[np.float32]]

# Called with the source bytes finished so far and the Hugging Face name of the tensor at work.
ProgressCallback = Callable[[int, str], None]


@dataclass(frozen=True)
class OutputFile:
    """A file being written: its layout, and the byte where its data section starts."""

    file: PartFile
    layout: Layout
    data_offset: int


@dataclass(frozen=True)
class _Target:
    """One type wanted of a tensor, and the places in files where its rows begin."""

    type: TensorType
    places: tuple[tuple[PartFile, int], ...]


@dataclass(frozen=True)
class _Chunk:
    """Some rows of a tensor: where they lie in the shard, and what becomes of them."""

    tensor: StoredTensor
    spec: TensorSpec
    first_row: int
    n_rows: int
    columns: int
    offset: int
    size_bytes: int
    targets: tuple[_Target, ...]


def convert_tensors(
    checkpoint: Checkpoint,
    specs: Sequence[TensorSpec],
    outputs: Sequence[OutputFile],
    *,
    threads: int,
    quantise: Quantiser,
    on_progress: ProgressCallback,
    importances: Importances | None = None,
) -> dict[str, str]:
    """Read all shards once and write every tensor of every output.

    `importances` has finite, contiguous rows for the tensors that it names; the others are
    quantised without.

    Returns the sha256 of each shard, by file name.

    Raises:
        BadFileError: a weight is not finite, or a shard is shorter than its header said.
        ConversionError: a type cannot hold the weights, or a file cannot be written.
    """
    by_name = {spec.source_name: spec for spec in specs}
    targets = _targets(outputs)
    run = _Run(threads, quantise, importances or {}, on_progress)
    sha256 = {}
    try:
        for shard in checkpoint.shards:
            digest = shard.header_hash.copy()
            with _opened(shard) as file:
                for tensor in shard.tensors:
                    spec = by_name.get(tensor.name)
                    if spec is None:
                        _hash_only(file.fileno(), tensor, digest, shard)
                        continue
                    for chunk in _chunks(tensor, spec, targets[spec.name]):
                        run.read_and_submit(file.fileno(), chunk, digest, shard)
            sha256[shard.path.name] = digest.hexdigest()
        run.finish()
    finally:
        run.stop()
    return sha256


def permute_rope_rows(rows: NDArray[Any], head_dim: int) -> NDArray[Any]:
    """Reorder the rows of whole heads from Hugging Face's rope layout to llama.cpp's.

    Hugging Face rotates row i with row i + head_dim/2 of a head, llama.cpp row 2i with row 2i + 1.
    `rows` is [n_heads * head_dim, columns]; the result is a view of shape
    [n_heads, head_dim/2, 2, columns], the new row order when flattened.

    Source: `LlamaModel.permute` in llama.cpp's conversion/llama.py. Within a head it does not
    depend on the number of heads, so chunks of whole heads may be permuted one by one, keys and
    queries alike.
    """
    heads = rows.reshape(-1, 2, head_dim // 2, rows.shape[1])
    return heads.swapaxes(1, 2)


def _targets(outputs: Sequence[OutputFile]) -> dict[str, tuple[_Target, ...]]:
    """For each GGUF tensor name the distinct types wanted, each with all its places."""
    places: dict[str, dict[TensorType, list[tuple[PartFile, int]]]] = {}
    for output in outputs:
        for placed in output.layout.tensors:
            of_type = places.setdefault(placed.spec.name, {}).setdefault(placed.type, [])
            of_type.append((output.file, output.data_offset + placed.offset))
    return {
        name: tuple(_Target(kind, tuple(where)) for kind, where in types.items())
        for name, types in places.items()
    }


def _chunks(
    tensor: StoredTensor, spec: TensorSpec, targets: tuple[_Target, ...]
) -> Iterator[_Chunk]:
    columns = spec.shape[-1]
    n_rows = spec.shape[0] if len(spec.shape) > 1 else 1
    step = max(1, CHUNK_WEIGHTS // columns)
    if spec.rope_head_dim:
        step = max(1, step // spec.rope_head_dim) * spec.rope_head_dim
    row_bytes = tensor.size_bytes // n_rows
    for first in range(0, n_rows, step):
        count = min(step, n_rows - first)
        offset = tensor.offset + first * row_bytes
        yield _Chunk(tensor, spec, first, count, columns, offset, count * row_bytes, targets)


def _opened(shard: Shard) -> FileIO:
    try:
        return FileIO(shard.path)
    except OSError as error:
        raise BadFileError(f"cannot read {shard.path}: {error.strerror}") from error


def _read_exactly(fd: int, view: memoryview, offset: int, shard: Shard) -> None:
    while view:
        try:
            count = os.preadv(fd, [view], offset)
        except OSError as error:
            raise BadFileError(f"cannot read {shard.path}: {error.strerror}") from error
        if count == 0:
            raise BadFileError(
                f"{shard.path} became shorter while it was read", hint="convert it again"
            )
        view, offset = view[count:], offset + count


def _hash_only(fd: int, tensor: StoredTensor, digest: _Hash, shard: Shard) -> None:
    """Pass over a tensor that no output wants; its bytes still belong to the shard's hash."""
    view = memoryview(bytearray(min(tensor.size_bytes, CHUNK_WEIGHTS)))
    done = 0
    while done < tensor.size_bytes:
        part = view[: min(len(view), tensor.size_bytes - done)]
        _read_exactly(fd, part, tensor.offset + done, shard)
        digest.update(part)
        done += len(part)


class _Run:
    """The worker threads of one conversion and the buffers that travel between reader and them."""

    def __init__(
        self,
        threads: int,
        quantise: Quantiser,
        importances: Importances,
        on_progress: ProgressCallback,
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="quantise")
        self._buffers: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        # One chunk per worker and two that wait, so that no worker waits for the reader.
        for _ in range(threads + 2):
            self._buffers.put(bytearray())
        self._scratch = threading.local()
        self._failure: BaseException | None = None
        self._done_bytes = 0
        self._lock = threading.Lock()
        self._quantise = quantise
        self._importances = importances
        self._on_progress = on_progress

    def read_and_submit(self, fd: int, chunk: _Chunk, digest: _Hash, shard: Shard) -> None:
        """Read a chunk into the next free buffer, hash it and hand it to a worker."""
        buffer = self._buffers.get()
        self._raise_failure()
        if len(buffer) < chunk.size_bytes:
            buffer.extend(bytes(chunk.size_bytes - len(buffer)))
        view = memoryview(buffer)[: chunk.size_bytes]
        _read_exactly(fd, view, chunk.offset, shard)
        digest.update(view)
        self._executor.submit(self._work, chunk, buffer)

    def finish(self) -> None:
        """Wait for all chunks."""
        self._executor.shutdown(wait=True)
        self._raise_failure()

    def stop(self) -> None:
        """End the workers; chunks that wait are dropped. Does nothing after `finish`."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self, chunk: _Chunk, buffer: bytearray) -> None:
        try:
            if self._failure is None:
                self._convert(chunk, buffer)
        except BaseException as error:  # noqa: BLE001 - the reading thread raises it
            self._failure = error
        finally:
            self._buffers.put(buffer)

    def _convert(self, chunk: _Chunk, buffer: bytearray) -> None:
        source_type = _SOURCE_TYPES[chunk.tensor.dtype]
        rows = _typed_rows(chunk, buffer)
        weights = self._floats(chunk, rows)
        importance = self._importances.get(chunk.spec.name)
        for target in chunk.targets:
            if target.type is source_type:
                data: NDArray[Any] = np.ascontiguousarray(rows)
            elif target.type is TensorType.F32:
                data = weights
            else:
                size = target.type.size_bytes(weights.size)
                data = self._array("quantised", size, np.uint8)
                if not self._quantise(target.type, weights, data, importance):
                    raise ConversionError(
                        f"tensor {chunk.tensor.name}: {target.type.name} cannot hold its weights, "
                        "which are too large for half precision",
                        hint="choose BF16 or F32",
                    )
            raw = data.reshape(-1).view(np.uint8).data
            row_bytes = target.type.size_bytes(chunk.columns)
            for file, offset in target.places:
                file.write_at(offset + chunk.first_row * row_bytes, raw)
        with self._lock:
            self._done_bytes += chunk.size_bytes
            self._on_progress(self._done_bytes, chunk.tensor.name)

    def _floats(self, chunk: _Chunk, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The rows as float32 [rows, columns], exactly; every value is checked to be finite."""
        size = chunk.n_rows * chunk.columns
        weights = self._array("weights", size, np.float32)
        shaped = weights.reshape(rows.shape)
        if chunk.tensor.dtype == "BF16":
            # A bfloat16 is the upper half of a float32.
            np.left_shift(rows, 16, out=shaped.view(np.uint32), dtype=np.uint32, casting="safe")
        else:
            np.copyto(shaped, rows)
        finite = self._array("finite", size, np.bool_)
        if not np.isfinite(weights, out=finite).all():
            self._refuse(chunk, finite)
        return weights.reshape(chunk.n_rows, chunk.columns)

    def _refuse(self, chunk: _Chunk, finite: NDArray[np.bool_]) -> None:
        row, column = divmod(int(np.argmin(finite)), chunk.columns)
        if head_dim := chunk.spec.rope_head_dim:  # back to the row of the checkpoint
            head, (pair, half) = row // head_dim, divmod(row % head_dim, 2)
            row = head * head_dim + half * (head_dim // 2) + pair
        place = [chunk.first_row + row, column] if len(chunk.spec.shape) > 1 else [column]
        raise BadFileError(
            f"tensor {chunk.tensor.name} holds NaN or infinity at {place}",
            hint="the checkpoint is damaged: download it again",
        )

    def _array(self, name: str, size: int, dtype: type) -> NDArray[Any]:
        """`size` elements of this thread's scratch array of that name, which is kept for reuse."""
        array = getattr(self._scratch, name, None)
        if array is None or array.size < size:
            array = np.empty(size, dtype)
            setattr(self._scratch, name, array)
        return array[:size]


def _typed_rows(chunk: _Chunk, buffer: bytearray) -> NDArray[Any]:
    """The chunk's rows as they are stored, in the order llama.cpp wants them."""
    dtype = {"BF16": "<u2", "F16": "<f2", "F32": "<f4"}[chunk.tensor.dtype]
    rows = np.frombuffer(buffer, dtype, chunk.n_rows * chunk.columns)
    rows = rows.reshape(chunk.n_rows, chunk.columns)
    return permute_rope_rows(rows, chunk.spec.rope_head_dim) if chunk.spec.rope_head_dim else rows
