"""Can the hub be reached, and does it know the token? The doctor asks only when told to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from starling_local.errors import ExitCode
from starling_local.machine.doctor.check import Check, Section, note, ok, problem

ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 10.0
_SECTION = Section.NETWORK
_LONGEST_ANSWER_BYTES = 2**20


@dataclass(frozen=True)
class _Answer:
    """Status and body of an answer; `failure` says why there is none."""

    status: int = 0
    body: bytes = b""
    failure: str | None = None
    took_s: float = 0.0


def network_checks(environ: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> Iterator[Check]:
    """Reach the hub (`HF_ENDPOINT`, else huggingface.co), and show it the token, if there is one.

    Proxies are those of the process's environment.
    """
    endpoint = (environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        yield problem(
            _SECTION,
            "hub",
            f"HF_ENDPOINT is no address of a web server: {endpoint}",
            ExitCode.DOWNLOAD_FAILED,
            fix="unset HF_ENDPOINT",
        )
        return
    answer = _ask(endpoint, "HEAD", {}, timeout_s)
    if answer.failure or answer.status >= 500:
        reason = answer.failure or f"it answers with status {answer.status}"
        yield problem(
            _SECTION,
            "hub",
            f"{endpoint} cannot be reached: {reason}",
            ExitCode.DOWNLOAD_FAILED,
            advice="a proxy is named with HTTPS_PROXY, its certificates with SSL_CERT_FILE, a "
            "mirror of the hub with HF_ENDPOINT",
        )
        return
    yield ok(_SECTION, "hub", f"{endpoint} answers in {answer.took_s:.2f} s")
    token = _token(environ)
    if token is None:
        yield ok(_SECTION, "token", "none; the Starling models need none")
        return
    yield _token_check(endpoint, token, timeout_s)


def _token_check(endpoint: str, token: str, timeout_s: float) -> Check:
    # Nothing else can stand in the line of a request.
    if not (token.isascii() and token.isprintable()):
        return _refused("has characters that no token has")
    headers = {"Authorization": f"Bearer {token}"}
    answer = _ask(f"{endpoint}/api/whoami-v2", "GET", headers, timeout_s)
    if answer.status in (401, 403):
        return _refused("is refused")
    name = _name(answer.body) if answer.status == 200 else None
    if name is None:
        reason = answer.failure or f"status {answer.status}"
        return note(_SECTION, "token", f"{endpoint} does not say whose it is: {reason}")
    return ok(_SECTION, "token", f"valid, of {name}")


def _refused(why: str) -> Check:
    return problem(
        _SECTION, "token", f"the hub's token {why}", ExitCode.DOWNLOAD_FAILED, fix="hf auth login",
        advice="or do without: unset HF_TOKEN; hf auth logout",
    )  # fmt: skip


def _name(body: bytes) -> str | None:
    try:
        found: Any = json.loads(body)
    except ValueError:
        return None
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None


class _NoRedirects(HTTPRedirectHandler):
    """An answer that leads elsewhere is one, too; the token goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """None follows it."""


def _ask(url: str, method: str, headers: dict[str, str], timeout_s: float) -> _Answer:
    """Ask a server once."""
    started = monotonic()
    try:
        request = Request(url, headers=headers, method=method)
        with build_opener(_NoRedirects).open(request, timeout=timeout_s) as response:
            body = response.read(_LONGEST_ANSWER_BYTES)
            return _Answer(response.status, body, took_s=monotonic() - started)
    except HTTPError as error:
        error.close()
        return _Answer(error.code, took_s=monotonic() - started)
    except URLError as error:
        return _Answer(failure=str(error.reason))
    except (OSError, HTTPException, ValueError) as error:
        # A ValueError is one of the address.
        return _Answer(failure=str(error) or type(error).__name__)


def _token(environ: Mapping[str, str]) -> str | None:
    """The hub's token, where huggingface_hub looks for it. Source: its `utils/_auth.py`."""
    told = environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN")
    if not told:
        path = environ.get("HF_TOKEN_PATH") or os.path.join(  # noqa: PTH118
            hub_home(environ), "token"
        )
        try:
            told = Path(os.path.expanduser(path)).read_text(encoding="utf-8")  # noqa: PTH111
        except (OSError, ValueError):
            return None
    return told.strip() or None


def hub_home(environ: Mapping[str, str]) -> str:
    """The hub's folder. Source: huggingface_hub's constants.py."""
    cache = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return environ.get("HF_HOME") or f"{cache}/huggingface"
