"""Importance matrices: how much an error in each column of a weight matrix counts.

The importance of a column is the mean square of the activations that it is multiplied with.
llama.cpp has two formats for it, GGUF and an older one; both are read, GGUF is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starling_convert.byte_reader import ByteReader
from starling_convert.files import is_there, read_bytes
from starling_convert.imatrix_gguf import GGUF_MAGIC, read_gguf
from starling_convert.imatrix_legacy import read_legacy
from starling_convert.tensors import TensorSpec
from starling_local.errors import BadFileError, NotFoundError

_OTHER_MODEL = "it belongs to another model: take one that was made of this model, or --calibrate"
# llama-imatrix collects nothing for these, unless told to.
_MOSTLY_WITHOUT = ("token_embd.weight", "output.weight")


@dataclass(frozen=True)
class ImportanceMatrix:
    """What an importance matrix says, and what a file made with it says of it.

    `means` has float32 [columns] by GGUF tensor name, finite and none negative. `file` is its name
    as it was given, `dataset` that of the text it was made from, if known; `chunks` counts the
    pieces of that text.
    """

    means: Mapping[str, NDArray[np.float32]]
    file: str
    dataset: str | None
    chunks: int
    entries: int


def read_imatrix(path: Path) -> ImportanceMatrix:
    """Read an importance matrix in either of llama.cpp's formats.

    Source: `common_imatrix_load` in llama.cpp's common/imatrix-loader.cpp, and `load_imatrix` in
    tools/quantize/quantize.cpp.

    Raises:
        NotFoundError: no such file.
        BadFileError: it is damaged, or no importance matrix.
    """
    if not is_there(path, hint="give the file of a matrix, or make one with --calibrate"):
        raise NotFoundError(f"there is no file {path}")
    reader = ByteReader(read_bytes(path), path)
    found = read_gguf(reader) if reader.starts_with(GGUF_MAGIC) else read_legacy(reader)
    for name, values in found.means.items():
        if not np.isfinite(values).all() or (values < 0).any():
            raise reader.damaged(f"{name} has numbers that are no mean squares")
    return ImportanceMatrix(found.means, str(path), found.dataset, found.chunks, len(found.means))


def check_imatrix(matrix: ImportanceMatrix, specs: Iterable[TensorSpec]) -> tuple[str, ...]:
    """Hold the matrix against the model's tensors; returns notes on what it lacks.

    llama-quantize refuses a width that differs, as this does, but quantises a model with the matrix
    of a deeper one.

    Raises:
        BadFileError: it belongs to another model.
    """
    shapes = {spec.name: spec.shape for spec in specs if len(spec.shape) == 2}
    for name, values in matrix.means.items():
        if name not in shapes and name not in _MOSTLY_WITHOUT:
            raise BadFileError(
                f"{matrix.file} has the tensor {name}, which the model has not", hint=_OTHER_MODEL
            )
        if name in shapes and len(values) != shapes[name][1]:
            raise BadFileError(
                f"{matrix.file} has {len(values)} columns for {name}, the model {shapes[name][1]}",
                hint=_OTHER_MODEL,
            )
    missing = [name for name in shapes if name not in matrix.means and name not in _MOSTLY_WITHOUT]
    if not missing:
        return ()
    others = f" and {len(missing) - 1} more tensors" if len(missing) > 1 else ""
    return (f"{matrix.file} has nothing for {missing[0]}{others}: quantised without it",)
