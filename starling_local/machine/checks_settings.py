"""Environment variables that change what this program does, and the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from starling_local.errors import ExitCode
from starling_local.machine.check import Check, Section, note, ok, problem
from starling_local.machine.host import Host

_SECTION = Section.SETTINGS
_NAMES = frozenset(
    {
        "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT",
        "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
        "HSA_OVERRIDE_GFX_VERSION", "LD_LIBRARY_PATH", "NO_COLOR", "HTTP_PROXY", "HTTPS_PROXY",
        "http_proxy", "https_proxy", "no_proxy", "NO_PROXY",
    }
)  # fmt: skip
_PREFIXES = ("STARLING_", "LLAMA_", "GGML_")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})  # as huggingface_hub has it


def settings_checks(host: Host) -> Iterator[Check]:
    """What is set, and of that what is wrong."""
    environ = host.environ
    told = [
        f"{name}={environ[name]}"
        for name in sorted(environ)
        if name in _NAMES or name.startswith(_PREFIXES)
    ]
    yield ok(_SECTION, "environment", ", ".join(told) or "nothing set that matters here")
    yield from _offline(host)
    yield from _threads(host)
    yield _encoding(host)


def model_setting(environ: dict[str, str] | os._Environ[str], is_known: bool) -> Check | None:
    """Whether STARLING_MODEL names a model that is there."""
    name = environ.get("STARLING_MODEL")
    if not name or is_known or Path(os.path.expanduser(name)).exists():  # noqa: PTH111
        return None
    return problem(
        _SECTION,
        "STARLING_MODEL",
        f"there is no model {name}",
        ExitCode.NOT_FOUND,
        fix="unset STARLING_MODEL",
    )


def _offline(host: Host) -> Iterator[Check]:
    if host.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        yield note(
            _SECTION,
            "HF_HUB_OFFLINE",
            "is set: nothing is downloaded",
            fix="unset HF_HUB_OFFLINE",
        )


def _threads(host: Host) -> Iterator[Check]:
    limit = host.environ.get("OMP_THREAD_LIMIT", "")
    if limit.isdigit() and int(limit) < host.processor.cores:
        yield note(
            _SECTION,
            "OMP_THREAD_LIMIT",
            f"lets llama.cpp use {limit} of {host.processor.cores} cores",
            fix="unset OMP_THREAD_LIMIT",
        )


def _encoding(host: Host) -> Check:
    if host.encoding.lower().replace("-", "") == "utf8":
        return ok(_SECTION, "encoding", "UTF-8")
    locale = "en_US.UTF-8" if host.system == "Darwin" else "C.UTF-8"
    return note(
        _SECTION,
        "encoding",
        f"the locale's encoding is {host.encoding}: letters that it does not have are shown as "
        "escapes",
        fix=f"export LC_ALL={locale}",
    )
