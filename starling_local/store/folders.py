"""The folders of this program: the platform's usual places, each overridable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

APPLICATION = "starling-local"
CACHE_VARIABLE = "STARLING_CACHE_DIR"
DATA_VARIABLE = "STARLING_DATA_DIR"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder for what can be made again; not created here.

    `STARLING_CACHE_DIR` names it; else it is the platform's: `$XDG_CACHE_HOME/starling-local` or
    `~/.cache/starling-local` on Linux, `~/Library/Caches/starling-local` on macOS.
    """
    return _chosen(environ, CACHE_VARIABLE) or platformdirs.user_cache_path(APPLICATION)


def data_folder(environ: Mapping[str, str]) -> Path:
    """The folder for what the user would miss, such as chats; not created here.

    `STARLING_DATA_DIR` names it; else it is the platform's: `$XDG_DATA_HOME/starling-local` or
    `~/.local/share/starling-local` on Linux, `~/Library/Application Support/starling-local` on
    macOS.
    """
    return _chosen(environ, DATA_VARIABLE) or platformdirs.user_data_path(APPLICATION)


def tuned_folder(environ: Mapping[str, str]) -> Path:
    """The folder for settings that were measured; not created here."""
    return data_folder(environ) / "tuned"


def _chosen(environ: Mapping[str, str], variable: str) -> Path | None:
    chosen = environ.get(variable)
    # Path.expanduser raises for a user that does not exist. The rest of the program may compare the
    # folder with absolute ones.
    return Path(os.path.abspath(os.path.expanduser(chosen))) if chosen else None  # noqa: PTH100, PTH111
