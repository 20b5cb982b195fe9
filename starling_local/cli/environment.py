"""What surrounds a run of the command: streams and environment variables, replaceable in tests."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Environment:
    """The process's streams and environment. `wants_json` is set by a command's `--json`."""

    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    wants_json: bool = False

    def write_utf8(self) -> None:
        """Let stdout be UTF-8 for other programs; a terminal has what its locale says."""
        if isinstance(self.stdout, io.TextIOWrapper) and not self.stdout.isatty():
            self.stdout.reconfigure(encoding="utf-8")
