"""What huggingface-hub prints by itself: its bars not at all, its warnings as our notes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starling_local.plain_text import in_short

_LOGGER = "huggingface_hub"
# A link to a file is signed, and long.
_QUERY = re.compile(r"\?\S+")


class _Notes(logging.Handler):
    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        self._note(_QUERY.sub("", in_short(record.getMessage().partition("\n")[0], 300)))


@contextmanager
def hub_messages(note: Callable[[str], None]) -> Iterator[None]:
    """Let `note` have the library's warnings, such as that a connection broke and is resumed."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    disable_progress_bars()
    logger = logging.getLogger(_LOGGER)
    before = list(logger.handlers)
    logger.handlers[:] = [_Notes(note)]
    try:
        yield
    finally:
        logger.handlers[:] = before
