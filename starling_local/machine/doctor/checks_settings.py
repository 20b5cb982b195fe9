"""Environment variables that change what this program does, and the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from starling_local.machine.doctor.check import Check, Section, note, ok
from starling_local.machine.doctor.host import Host
from starling_local.store.hub import is_offline

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
# What is pasted into a report must not give anything away.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
_USER = re.compile(r"//[^/@]*@")


def settings_checks(host: Host) -> Iterator[Check]:
    """What is set, and of that what is wrong."""
    environ = host.environ
    told = [
        f"{name}={_without_secrets(name, environ[name])}"
        for name in sorted(environ)
        if name in _NAMES or name.startswith(_PREFIXES)
    ]
    yield ok(_SECTION, "environment", ", ".join(told) or "nothing set that matters here")
    yield from _offline(host)
    yield from _threads(host)
    yield _encoding(host)


def _without_secrets(name: str, value: str) -> str:
    return "…" if _SECRET.search(name) else _USER.sub("//…@", value)


def _offline(host: Host) -> Iterator[Check]:
    if is_offline(host.environ):
        yield note(
            _SECTION,
            "offline",
            "the environment forbids the network: nothing is downloaded",
            fix="unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE",
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
