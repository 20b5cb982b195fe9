"""What the shell offers for names of models. Only names of files are read for it."""

from __future__ import annotations

import os

from starling_local.errors import StarlingError


def model_names(incomplete: str) -> list[str]:
    """Names that `-m` takes; where none fits, the shell offers files."""
    from starling_local.store.nano import NAME

    return _beginning([NAME, *_stored()], incomplete)


def stored_names(incomplete: str) -> list[str]:
    """Names of models in the store."""
    return _beginning(_stored(), incomplete)


def own_names(incomplete: str) -> list[str]:
    """Names of models in the store's own folder, which can be removed."""
    return _beginning(_stored(only_ours=True), incomplete)


def pullable_names(incomplete: str) -> list[str]:
    """Short names of what can be pulled."""
    from starling_local.store.manifests import all_manifests

    return _beginning([manifest.name for manifest in all_manifests()], incomplete)


def _stored(*, only_ours: bool = False) -> list[str]:
    from starling_local.store.library import stored_models

    # Bash takes a colon for the end of a word; with a hyphen the name means the same.
    colon = "-" if os.environ.get("_STARLING_COMPLETE") == "complete_bash" else ":"
    try:
        models = stored_models(os.environ)
    except StarlingError:
        # A line that is being typed is no place for an error; the command itself will tell.
        return []
    wanted = [model for model in models if model.is_ours or not only_ours]
    return [model.name.replace(":", colon) for model in wanted]


def _beginning(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.lower().startswith(incomplete.lower())]
