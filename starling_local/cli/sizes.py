"""Sizes of files, for people."""

from __future__ import annotations


def size_text(size_bytes: int) -> str:
    """`4.37 GB`, `2.96 MB`, `1.2 kB`, as disks and downloads count."""
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= bytes_:
            return f"{size_bytes / bytes_:.2f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"
