"""What stands for a model's file without reading all of it."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from starling_local.engine.gguf_header import GgufHeader
from starling_local.errors import BadFileError

EDGE_BYTES = 4096


def fingerprint(header: GgufHeader, path: Path) -> str:
    """SHA-256, in 64 hex digits, of the file's size, its header, and both ends of each tensor.

    The header is everything before the tensors' bytes: metadata, vocabulary, names, shapes, types.
    Of each tensor's bytes the first and the last `EDGE_BYTES` count, or all if there are no more.
    So two conversions, quantisations or trainings differ, and the same file under another name or
    date does not. It does not prove that a file is undamaged, nor that nobody forged it: bytes in
    the middle of a tensor are not looked at.

    Raises BadFileError if the file cannot be read or is not the one that the header is of.
    """
    try:
        with path.open("rb") as file:
            return _fingerprint(header, path, file.fileno())
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error


def _fingerprint(header: GgufHeader, path: Path, file: int) -> str:
    size_bytes = os.fstat(file).st_size
    pieces = [(0, header.data_offset)]
    for tensor in header.tensors:
        start = header.data_offset + tensor.offset
        end = start + tensor.size_bytes
        middle = min(start + EDGE_BYTES, end)
        pieces += [(start, middle), (max(middle, end - EDGE_BYTES), end)]
    digest = sha256(size_bytes.to_bytes(8, "little"))
    for start, end in pieces:
        piece = os.pread(file, end - start, start)
        if len(piece) < end - start or size_bytes != header.file_size_bytes:
            raise BadFileError(f"{path} was changed while it was in use")
        digest.update(piece)
    return digest.hexdigest()
