"""llama.cpp's older format of importance matrices, usually named `.dat`.

Source: `common_imatrix_load_legacy` in llama.cpp's common/imatrix-loader.cpp, and `load_imatrix` in
tools/quantize/quantize.cpp.
"""

from __future__ import annotations

import numpy as np

from starling_convert.byte_reader import ByteReader
from starling_convert.imatrix_gguf import StoredMatrix

_LONGEST_NAME = 64  # GGML_MAX_NAME


def read_legacy(reader: ByteReader) -> StoredMatrix:
    """The matrix in a file of the older format.

    The number of chunks and the name of the text at the end may be missing.

    Raises:
        BadFileError: it is damaged, or no importance matrix at all.
    """
    n_entries = reader.number("i")
    if n_entries < 1:
        raise reader.damaged("it has no entries")
    means = {}
    for _ in range(n_entries):
        length = reader.number("i")
        if not 0 < length < _LONGEST_NAME:
            raise reader.damaged("it has neither of llama.cpp's formats")
        name = reader.text(length)
        calls, size = reader.number("i"), reader.number("i")
        if name in means or size < 1:
            raise reader.damaged(f"{name} cannot be")
        sums = reader.floats(size)
        with np.errstate(invalid="ignore"):  # NaN is refused with all other such numbers
            means[name] = sums / np.float32(calls) if calls > 0 else sums
    chunks = reader.number("i") if reader.left_bytes >= 4 else 0
    length = reader.number("i") if reader.left_bytes >= 4 else 0
    dataset = reader.text(length) if 0 < length <= reader.left_bytes else None
    return StoredMatrix(means, dataset, max(chunks, 0))
