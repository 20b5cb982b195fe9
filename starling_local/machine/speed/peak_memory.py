"""The most memory that this process has had."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_rss_bytes() -> int:
    """The largest resident set so far, pages of mapped files included."""
    # What getrusage says on Linux may be the parent's, from before this program was started.
    if _STATUS.exists():
        peak = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
        if peak:
            return int(peak[1]) * 1024
    # getrusage(2): in KiB on Linux, in bytes on macOS.
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
