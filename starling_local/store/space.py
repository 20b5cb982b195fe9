"""Whether what is to be written has room, before the first byte of it comes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from starling_local.errors import ConversionError
from starling_local.plain_text import sized


def check_space(needs: Iterable[tuple[Path, int]]) -> None:
    """Refuse what cannot end; folders on one disk share its space, and need not be there yet.

    Raises ConversionError.
    """
    by_disk: dict[int, tuple[Path, int]] = {}
    for folder, needed_bytes in needs:
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        disk = place.stat().st_dev
        before = by_disk.get(disk, (place, 0))[1]
        by_disk[disk] = (place, before + needed_bytes)
    for place, needed_bytes in by_disk.values():
        free = shutil.disk_usage(place).free
        if free < needed_bytes:
            raise ConversionError(
                f"the disk of {place} has {sized(free)} free; {sized(needed_bytes)} are needed",
                hint="free some space, or use another disk: HF_HOME for the hub's cache, "
                "STARLING_DATA_DIR for models",
            )
