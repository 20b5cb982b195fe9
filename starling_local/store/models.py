"""What a user means by `-m`: a file, or the built-in model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from starling_local.errors import NotFoundError
from starling_local.store.nano import NAME as NANO
from starling_local.store.nano import nano_model

VARIABLE = "STARLING_MODEL"


def find_model(name: str | None, environ: Mapping[str, str], note: Callable[[str], None]) -> Path:
    """The GGUF file for a name: a path, or `nano`.

    Without a name: what `STARLING_MODEL` says, else `nano`; `note` is told which.

    Raises:
        NotFoundError: there is no such file.
        ConversionError: the built-in model could not be converted.
    """
    if name is None:
        name = environ.get(VARIABLE) or NANO
        source = f"from {VARIABLE}" if environ.get(VARIABLE) else "the built-in demo model"
        note(f"using the model {name} ({source}); choose another with -m")
    # Path.expanduser raises for a user that does not exist.
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    if name == NANO and not path.is_file():
        return nano_model(environ, note)
    if not path.exists():
        raise NotFoundError(
            f"no model {name}: there is no such file, and the built-in model is called {NANO}",
            hint="make one of a downloaded checkpoint: starling convert CHECKPOINT -q Q4_K_M",
        )
    return path
