"""What a user means by `-m`: a file, a name of the store, or the built-in model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from starling_local.errors import NotFoundError
from starling_local.store.nano import NAME as NANO
from starling_local.store.nano import nano_model

VARIABLE = "STARLING_MODEL"
_DEFAULT = "the default"


def find_model(name: str | None, environ: Mapping[str, str], note: Callable[[str], None]) -> Path:
    """The GGUF file for a name: a path, a name of the store, or `nano`, in this order.

    Without a name: what `STARLING_MODEL` says, else the default that was chosen with
    `starling models default`, else `nano`; `note` is told which.

    Raises:
        NotFoundError: there is no such model.
        BadFileError: what the store keeps of the user's choices is damaged.
        ConversionError: the built-in model could not be converted.
    """
    source = None
    if name is None:
        name, source = _unnamed(environ)
        note(f"using the model {name} ({source}); choose another with -m")
    # Those of Path raise for a user that does not exist, and for a name longer than can be.
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    if os.path.isfile(path):  # noqa: PTH113
        return path
    if name == NANO:
        return nano_model(environ, note)
    found = _stored(name, environ)
    if found:
        return found
    if os.path.exists(path):  # noqa: PTH110
        return path
    error = _not_found(name, environ)
    if source == _DEFAULT:
        error.hint = f"choose another: starling models default {NANO}"
    raise error


def _unnamed(environ: Mapping[str, str]) -> tuple[str, str]:
    """The model that is meant where none is named, and who says so."""
    if chosen := environ.get(VARIABLE):
        return chosen, f"from {VARIABLE}"
    from starling_local.store.preferences import read_preferences

    if chosen := read_preferences(environ).default:
        return chosen, _DEFAULT
    return NANO, "the built-in demo model"


def _stored(name: str, environ: Mapping[str, str]) -> Path | None:
    from starling_local.store.library import find_models, stored_models

    found = find_models(name, stored_models(environ))
    return found[0].path if found else None


def _not_found(name: str, environ: Mapping[str, str]) -> NotFoundError:
    """Says what could be meant, and how to get it."""
    from difflib import get_close_matches

    from starling_local.store.library import stored_models
    from starling_local.store.manifests import all_manifests
    from starling_local.store.names import parse_name

    base = parse_name(name).base
    message = f"no model {name}: there is no such file, and no such model in the store"
    pulled = next((one.name for one in all_manifests() if one.name == base), None)
    if pulled:
        tag = parse_name(name).tag or "Q4_K_M"
        return NotFoundError(message, hint=f"download it: starling pull {pulled} -q {tag}")
    names = {model.name for model in stored_models(environ)} | {NANO}
    near = get_close_matches(name.lower(), names, n=3)
    if near:
        return NotFoundError(f"{message}; near it: {', '.join(near)}", hint=f"-m {near[0]}")
    return NotFoundError(
        f"{message}; the built-in model is called {NANO}",
        hint="see what is here: starling models list; download one: starling pull "
        "starling-7b-alpha -q Q4_K_M",
    )
