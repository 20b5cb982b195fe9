"""The folders of this program: the platform's usual places, each overridable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

APPLICATION = "starling-local"
CACHE_VARIABLE = "STARLING_CACHE_DIR"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder for what can be made again; not created here.

    `STARLING_CACHE_DIR` names it; else it is the platform's: `$XDG_CACHE_HOME/starling-local` or
    `~/.cache/starling-local` on Linux, `~/Library/Caches/starling-local` on macOS.
    """
    chosen = environ.get(CACHE_VARIABLE)
    # Path.expanduser raises for a user that does not exist.
    return Path(os.path.expanduser(chosen)) if chosen else platformdirs.user_cache_path(APPLICATION)  # noqa: PTH111
