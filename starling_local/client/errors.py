"""What a request to a process can come to, and the process itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from starling_local.errors import ExitCode, StarlingError
from starling_local.scripting.json_rpc import ErrorCode


class RequestError(StarlingError):
    """The process has refused a request.

    `rpc_code` is the number in its answer, see `json_rpc.ErrorCode`; `field` names the field of the
    request that is wrong, if one is; `data` is all that the answer says besides.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, rpc_code: int, message: str, data: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code
        self.data = data
        self.field: str | None = data.get("field")


class RequestTooLongError(RequestError):
    """The prompt does not fit the context."""

    exit_code = ExitCode.PROMPT_TOO_LONG


class RequestCancelledError(RequestError):
    """The request was cancelled; `completion` is the `chat.completion` as far as it was made."""

    exit_code = ExitCode.INTERRUPTED

    @property
    def completion(self) -> dict[str, Any]:
        """What was made before; its texts may be empty."""
        found: dict[str, Any] = self.data["completion"]
        return found


class ProcessEndedError(StarlingError):
    """The process could not be started, or has ended; `stderr` is the last that it wrote there.

    `status` is its exit code, or minus the signal's number; None if it never ran.
    """

    def __init__(self, message: str, status: int | None, stderr: str) -> None:
        super().__init__(f"{message}\n{stderr}".rstrip())
        self.status = status
        self.stderr = stderr


def request_error(told: Mapping[str, Any]) -> RequestError:
    """The error that a response tells of."""
    kinds = {
        ErrorCode.CANCELLED: RequestCancelledError,
        ErrorCode.PROMPT_TOO_LONG: RequestTooLongError,
    }
    kind = kinds.get(told["code"], RequestError)
    return kind(told["code"], told["message"], told.get("data") or {})
