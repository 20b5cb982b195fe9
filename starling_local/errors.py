"""Every failure a user can meet, each with its exit code and the next command to run.

The codes are a contract that scripts depend on. `starling_local.cli.main.main` is the only place
that catches these; any other exception is a bug and shows its traceback.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process says when it ends."""

    DONE = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    BAD_FILE = 4
    DOES_NOT_FIT = 5
    DOWNLOAD_FAILED = 6
    CONVERSION_FAILED = 7
    PROMPT_TOO_LONG = 8
    INTERRUPTED = 130


class StarlingError(Exception):
    """Base of all expected failures: what happened, and a hint that names what to do next."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """The exit code's name in lower case, as `--json` reports it."""
        return self.exit_code.name.lower()


class UsageError(StarlingError):
    """The call itself asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class NotFoundError(StarlingError):
    """A model, checkpoint or file is not where it was said to be."""

    exit_code = ExitCode.NOT_FOUND


class BadFileError(StarlingError):
    """A model, checkpoint or input file is damaged, contradictory or unsupported."""

    exit_code = ExitCode.BAD_FILE


class BrokenEngineError(StarlingError):
    """llama.cpp is installed and cannot be loaded; no model is to blame."""

    exit_code = ExitCode.BAD_FILE


class DoesNotFitError(StarlingError):
    """The model does not fit in memory."""

    exit_code = ExitCode.DOES_NOT_FIT


class DownloadError(StarlingError):
    """A download failed."""

    exit_code = ExitCode.DOWNLOAD_FAILED


class ConversionError(StarlingError):
    """Something could not be written, though its input is sound: a full disk and the like."""

    exit_code = ExitCode.CONVERSION_FAILED


class InterruptedByUser(StarlingError):
    """Ctrl-C, or a signal that asks the process to end."""

    exit_code = ExitCode.INTERRUPTED


class PromptTooLongError(StarlingError):
    """The prompt does not fit the context."""

    exit_code = ExitCode.PROMPT_TOO_LONG


class AnswerCutError(StarlingError):
    """An answer that was to be whole reached its limit of tokens, or the end of the context."""

    exit_code = ExitCode.PROMPT_TOO_LONG
