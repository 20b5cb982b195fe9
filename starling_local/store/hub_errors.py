"""What goes wrong on the way to the hub, said once: each error of huggingface-hub becomes ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from starling_local.errors import ConversionError, DownloadError

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN; the model's page says who may have it"
_TRY_AGAIN = "try again later: what has arrived is kept, and the same command goes on"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise DownloadError, or ConversionError where the disk is at fault, saying `what` failed."""
    try:
        from huggingface_hub import constants  # noqa: F401
        from huggingface_hub.errors import HFValidationError
    except ValueError as error:
        # It reads its settings when it is imported.
        raise DownloadError(
            f"{what}: huggingface-hub has been given a setting that cannot be: {error}",
            hint="check HF_ENDPOINT, and the other variables that begin with HF_",
        ) from error
    try:
        yield
    except HFValidationError as error:
        raise DownloadError(f"{what}: {error}", hint="check the name of the repository") from error
    except (http_error(), OSError) as error:
        if status_of(error):
            raise _of_status(what, error) from error
        raise _of_transport(what, error) from error


def http_error() -> type[Exception]:
    """The base of the errors of the HTTP library below huggingface-hub, and of the hub's own.

    The library is httpx2, httpx or requests, by the version. With requests only errors that carry
    an answer have this base; the others are OSErrors.
    """
    from huggingface_hub.errors import HfHubHTTPError

    base: type[Exception] = HfHubHTTPError.__bases__[0]
    return base


def is_temporary(error: BaseException | None) -> bool:
    """Whether the same request may well succeed in a moment."""
    status = status_of(error)
    if status:
        return status in (408, 429, 500, 502, 503, 504)
    # The disk's errors have a number; those of connections come through the HTTP library, without.
    is_connection = isinstance(error, OSError) and error.errno is None
    return is_connection or isinstance(error, (http_error(), ConnectionError, TimeoutError))


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status that an error of the hub carries."""
    return getattr(getattr(error, "response", None), "status_code", None)


def wait_s(error: BaseException | None) -> float | None:
    """What the server said in Retry-After, in seconds, if it is a number."""
    value = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After")
    return float(value) if isinstance(value, str) and value.isdecimal() else None


def _of_status(what: str, error: Exception) -> DownloadError:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    status = status_of(error)
    if isinstance(error, GatedRepoError):
        return DownloadError(f"{what}: access must be asked for (HTTP {status})", hint=_LOG_IN)
    if isinstance(error, RevisionNotFoundError):
        return DownloadError(f"{what}: no such revision", hint="check --revision")
    if isinstance(error, EntryNotFoundError):
        return DownloadError(f"{what}: no such file in the repository", hint="check its name")
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403):
        # The hub answers 401 for repositories that are not there, too.
        said = "no such repository, or it is not for everyone"
        return DownloadError(f"{what}: {said} (HTTP {status})", hint=f"check the name; {_LOG_IN}")
    if status == 404:
        return DownloadError(f"{what}: not found (HTTP 404)", hint="check the name")
    if status == 429:
        asked = wait_s(error)
        wait = f"; it asks to wait {asked:.0f} s" if asked else ""
        return DownloadError(f"{what}: too many requests (HTTP 429){wait}", hint=_TRY_AGAIN)
    return DownloadError(f"{what}: the hub answered HTTP {status}", hint=_TRY_AGAIN)


def _of_transport(what: str, error: Exception) -> DownloadError | ConversionError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ConversionError(
            f"{what}: the disk is full",
            hint="free some space; what has arrived is kept, and the same command goes on",
        )
    # Errors of connections have no file; the hub's "not in the cache" neither.
    filename = getattr(error, "filename", None)
    if filename:
        return ConversionError(
            f"{what}: cannot write {filename}: {getattr(error, 'strerror', None)}",
            hint="name folders that can be written: HF_HOME for the hub's cache, "
            "STARLING_DATA_DIR for models",
        )
    lines = str(error).splitlines() or [type(error).__name__]
    return DownloadError(
        f"{what}: {lines[0]}",
        hint="check the connection, and HF_ENDPOINT and proxies if you set them; what has arrived "
        "is kept, and the same command goes on",
    )
