"""Other files of the same model: the same weights in other types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from starling_local.engine.gguf_header import read_header
from starling_local.engine.identity import identify
from starling_local.errors import BadFileError, NotFoundError
from starling_local.machine.fitting.footprint import Footprint, footprint
from starling_local.store.names import name_of_file

# Each takes a while to read.
_MOST = 20


def siblings(path: Path, model: Footprint, features: str) -> Iterator[tuple[Path, Footprint]]:
    """The files in the folder of a file that have a model of its shape.

    Those that are named as it is but for the type come first, then the larger ones.
    """
    base = name_of_file(path.stem).base
    sizes = {
        other: other.stat().st_size
        for other in path.parent.glob("*.gguf")
        if other.is_file() and not other.samefile(path)
    }

    def rank(other: Path) -> tuple[bool, int]:
        return name_of_file(other.stem).base != base, -sizes[other]

    for other in sorted(sizes, key=rank)[:_MOST]:
        try:
            header = read_header(other)
            identify(header, other)
        except (BadFileError, NotFoundError):
            continue
        found = footprint(header, features)
        if found.parameters == model.parameters:
            yield other, found
