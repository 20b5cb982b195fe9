"""Vulkan, for the cards that have nothing better; and where the prebuilt wheels run."""

from __future__ import annotations

from starling_local.machine.doctor.check import Check, Section, note
from starling_local.machine.doctor.checks_engine import rebuilt
from starling_local.machine.doctor.host import Host
from starling_local.machine.doctor.installing import vulkan_loader, vulkan_sdk

LAG = (
    "if pip finds no such version, the prebuilt wheels lag behind: install {what}, and run "
    "starling doctor again for the command that compiles it"
)


def has_wheels(host: Host) -> bool:
    """Whether there are prebuilt wheels with GPU back ends for this kind of machine.

    Source: the workflows of llama-cpp-python, .github/workflows/build-wheels-*.yaml: x86-64, and
    for Linux the C library of GNU.
    """
    is_x86 = host.python.architecture in ("x86_64", "AMD64")
    return host.system == "Linux" and is_x86 and "alpine" not in host.distribution


def vulkan_note(host: Host, detail: str) -> Check:
    """Vulkan needs the card's usual driver and a small library, and the prebuilt wheel no SDK."""
    if host.has_back_end("Vulkan"):
        return _finds_nothing(host)
    advice: str | None = LAG.format(what="Vulkan's SDK (glslc)")
    if has_wheels(host) and not host.graphics.glslc:
        fix = host.installer.wheel("vulkan", host.llama_version)
        has_all = "libvulkan.so.1" in host.graphics.libraries and host.graphics.has_vulkan_driver
        first = None if has_all else vulkan_loader(host.distribution)
    else:
        fix, advice = rebuilt(host, "Vulkan"), None
        first = vulkan_sdk(host.distribution)
    return note(
        Section.DEVICES, "Vulkan", detail, fix=f"{first} && {fix}" if first else fix, advice=advice
    )


def _finds_nothing(host: Host) -> Check:
    """llama.cpp has Vulkan already: the loader or the card's driver for it is missing."""
    return note(
        Section.DEVICES,
        "Vulkan",
        "llama.cpp was compiled with Vulkan, but finds no card",
        fix=None if host.graphics.has_vulkan_driver else vulkan_loader(host.distribution),
        advice="vulkaninfo --summary says whether Vulkan knows the card",
    )
