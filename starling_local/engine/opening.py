"""A model and a context of it, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.settings import ContextSettings, LoadSettings


@contextmanager
def opened(
    path: Path, load: LoadSettings, settings: ContextSettings, length: int | None = None
) -> Iterator[Context]:
    """Load a model and make its context; both are freed at the end.

    `length` is the context's, in tokens; None means the one of the settings, or the one the model
    was trained for if that is shorter. Raises what `Model` and `Context` raise.
    """
    with Model(path, load) as model:
        tokens = length or min(settings.context, model.trained_context)
        with Context(model, replace(settings, context=tokens)) as context:
            yield context
