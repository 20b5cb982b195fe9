"""Whether llama.cpp shall rewrite the weights for this processor when it loads a model."""

from __future__ import annotations

from pathlib import Path

# For the KV cache, the buffers of the computation, and all else that runs on the machine.
SPARE_BYTES = 2**30


def memory_allows(path: Path) -> bool:
    """Whether there is room for a second copy of the weights besides the mapped file."""
    # Slow to import, and not asked for by what starts quickly.
    import psutil

    return is_enough(path.stat().st_size, int(psutil.virtual_memory().available))


def is_enough(file_bytes: int, available_bytes: int) -> bool:
    """Whether so much memory holds the file's weights twice, and what else is needed."""
    return 2 * file_bytes + SPARE_BYTES <= available_bytes
