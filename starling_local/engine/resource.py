"""What holds memory or a process that Python does not free."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

_Self = TypeVar("_Self", bound="Resource")  # typing.Self is in Python 3.11


class Resource(ABC):
    """To be used in a `with` statement, or closed by hand; closing again does nothing."""

    @abstractmethod
    def close(self) -> None:
        """Free the memory."""

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
