"""A model and a context of it, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starling_local.engine.context import Context
from starling_local.engine.gguf_header import GgufHeader
from starling_local.engine.model import Model
from starling_local.settings import ContextSettings, LoadSettings


@contextmanager
def opened(
    path: Path, load: LoadSettings, settings: ContextSettings, header: GgufHeader | None = None
) -> Iterator[Context]:
    """Load a model and make its context; both are freed at the end.

    `header` is the file's, where it was read already. Raises what `Model` and `Context` raise.
    """
    with Model(path, load, header) as model, Context(model, settings) as context:
        yield context
