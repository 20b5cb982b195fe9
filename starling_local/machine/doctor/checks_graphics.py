"""Are the graphics cards used, and what is missing if not?

Source: README of llama-cpp-python, "Supported Backends"; llama.cpp's docs/build.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from starling_local.machine.doctor.check import Check, Section, note, ok
from starling_local.machine.doctor.checks_engine import rebuilt
from starling_local.machine.doctor.checks_nvidia import nvidia_checks
from starling_local.machine.doctor.checks_vulkan import LAG, has_wheels, vulkan_note
from starling_local.machine.doctor.host import Host
from starling_local.plain_text import sized

_SECTION = Section.DEVICES


def device_checks(host: Host) -> Iterator[Check]:
    """The devices that llama.cpp finds, then what stands between it and the others."""
    for device in host.engine.devices:
        of = f", {sized(device.free_bytes)} free of {sized(device.total_bytes)}"
        memory = of if device.is_gpu and device.total_bytes else ""
        yield ok(_SECTION, device.name, f"{device.description} ({device.backend}){memory}")
    if host.engine.build is None:
        return
    if host.is_apple_silicon:
        yield from _apple(host)
    elif host.graphics.nvidia or "NVIDIA" in host.graphics.vendors:
        yield from nvidia_checks(host)
    elif not _uses_a_gpu(host):
        # Where a card is used, another vendor's beside it is mostly the processor's own.
        yield from _amd(host)
        yield from _intel(host)


def _uses_a_gpu(host: Host) -> bool:
    """Whether llama.cpp finds a GPU, through whatever back end."""
    return any(device.is_gpu for device in host.engine.devices)


def _apple(host: Host) -> Iterator[Check]:
    if host.has_back_end("MTL", "Metal") or host.python.is_translated:
        return
    yield note(
        _SECTION,
        "Metal",
        "llama.cpp was compiled without Metal: the GPU of this Mac is not used",
        fix=rebuilt(host, "MTL", options=""),
    )


def _amd(host: Host) -> Iterator[Check]:
    graphics = host.graphics
    if not (graphics.amd_targets or "AMD" in graphics.vendors):
        return
    names = ", ".join(graphics.amd_targets) or "AMD card"
    has_rocm = host.has_back_end("ROCm")
    if (graphics.hipcc or has_rocm) and not graphics.has_kfd_access:
        yield note(
            _SECTION,
            "ROCm",
            f"{names}: this user may not use /dev/kfd",
            fix='sudo usermod -aG render,video "$USER"',
            advice="log out and in again after that, and run starling doctor again",
        )
    elif has_rocm:
        yield note(
            _SECTION, "ROCm", f"{names}: llama.cpp was compiled with ROCm, but finds no card",
            advice="rocminfo says whether ROCm knows the card",
        )  # fmt: skip
    if has_rocm:
        return
    without = "ROCm" if host.has_back_end("Vulkan") else "ROCm or Vulkan"
    detail = f"{names}: llama.cpp was compiled without {without}: the card is not used"
    if graphics.hipcc:
        targets = ";".join(graphics.amd_targets)
        options = f"-DGPU_TARGETS={targets}" if targets else ""
        yield note(_SECTION, "ROCm", detail, fix=rebuilt(host, "ROCm", options=options))
    elif "libamdhip64.so.7" in graphics.libraries and has_wheels(host):
        wheel = host.installer.wheel("rocm72", host.llama_version)
        yield note(
            _SECTION, "ROCm", detail, fix=wheel, advice=LAG.format(what="ROCm's compiler (hipcc)")
        )
    else:
        yield vulkan_note(host, detail)


def _intel(host: Host) -> Iterator[Check]:
    """Intel's cards, which Vulkan can use."""
    if host.graphics.vendors == {"Intel"} and host.system == "Linux":
        yield vulkan_note(
            host, "Intel graphics are not used; where they share the memory, they seldom gain much"
        )
