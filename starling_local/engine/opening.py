"""A model and a context of it, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starling_local.engine.abort import Abort
from starling_local.engine.context import Context
from starling_local.engine.gguf_header import GgufHeader
from starling_local.engine.model import Model
from starling_local.engine.stoppable import run_stoppably
from starling_local.settings import ContextSettings, LoadSettings


def loaded(path: Path) -> Model:
    """A model, where a signal may come while it is loaded: what that raises is raised afterwards.

    Within, it would be lost: llama.cpp calls Python to log, and knows nothing of exceptions. Raises
    what `Model` raises.
    """
    found: list[Model] = []
    try:
        run_stoppably(lambda: found.append(Model(path)), Abort())
    except BaseException:
        for model in found:
            model.close()
        raise
    return found[0]


@contextmanager
def opened(
    path: Path, load: LoadSettings, settings: ContextSettings, header: GgufHeader | None = None
) -> Iterator[Context]:
    """Load a model and make its context; both are freed at the end.

    `header` is the file's, where it was read already. Raises what `Model` and `Context` raise.
    """
    with Model(path, load, header) as model, Context(model, settings) as context:
        yield context
