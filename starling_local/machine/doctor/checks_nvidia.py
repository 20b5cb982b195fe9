"""Why is an NVIDIA card not used?

Source: README of llama-cpp-python, "CUDA"; NVIDIA's CUDA compatibility guide, for the drivers that
a release of CUDA runs on, and its release notes, for the cards that nvcc compiles for.
"""

from __future__ import annotations

from collections.abc import Iterator

from starling_local.machine.doctor.check import Check, Section, note
from starling_local.machine.doctor.checks_engine import OF_CONTAINER, cuda_runtime, rebuilt
from starling_local.machine.doctor.checks_vulkan import LAG, has_wheels, vulkan_note
from starling_local.machine.doctor.host import Host
from starling_local.machine.doctor.installing import nvidia_driver

# The oldest driver that runs programs of a major release of CUDA.
_OLDEST_DRIVERS = {11: 450.0, 12: 525.0, 13: 580.0}
# The oldest cards that nvcc of a major release compiles for, as compute capability.
_OLDEST_CARDS = {11: 3.5, 12: 5.0, 13: 7.5}
_BLACKWELL, _BLACKWELL_RELEASE = 10.0, 12.8
# The oldest cards that the prebuilt wheels for CUDA 11.8 and 12 were compiled for.
_OLDEST_OF_WHEELS = 6.0
_TOOLKIT = "NVIDIA's CUDA toolkit (nvcc)"


def nvidia_checks(host: Host) -> Iterator[Check]:
    """Why a card that is there is not used, and what helps; nothing if it is."""
    graphics = host.graphics
    used = {device.backend for device in host.engine.devices if device.is_gpu}
    if used & {"CUDA", "Vulkan"}:
        return
    hidden = host.environ.get("CUDA_VISIBLE_DEVICES")
    if not graphics.nvidia_driver:
        yield _without_driver(host)
    elif not graphics.has_nvidia_device or "libcuda.so.1" not in graphics.libraries:
        yield _card_note(
            host,
            "the driver is loaded, but its devices or libcuda.so.1 are missing here",
            advice=OF_CONTAINER if host.container else "install the driver's libraries again",
        )
    elif host.has_back_end("CUDA"):
        yield _card_note(
            host,
            "llama.cpp was compiled with CUDA, but finds no card",
            fix="unset CUDA_VISIBLE_DEVICES" if hidden is not None else None,
            advice=f"CUDA_VISIBLE_DEVICES is {hidden!r}"
            if hidden is not None
            else f"the driver {graphics.nvidia_driver} may be too old for the CUDA it was compiled "
            "with: nvidia-smi shows the newest that it runs",
        )
    else:
        yield _without_cuda(host)


def _card_note(
    host: Host, detail: str, *, fix: str | None = None, advice: str | None = None
) -> Check:
    names = ", ".join(card.name for card in host.graphics.nvidia) or "NVIDIA card"
    return note(Section.DEVICES, "CUDA", f"{names}: {detail}", fix=fix, advice=advice)


def _without_driver(host: Host) -> Check:
    if host.container:
        return _card_note(host, "this container is not given the card", advice=OF_CONTAINER)
    if host.is_wsl:
        return _card_note(
            host, "no driver", advice="install NVIDIA's driver in Windows, never one within WSL"
        )
    return _card_note(
        host,
        "NVIDIA's driver is not loaded",
        fix=nvidia_driver(host.distribution),
        advice="restart the machine after that, and run starling doctor again",
    )


def _without_cuda(host: Host) -> Check:
    """A card with its driver, but a llama.cpp without CUDA."""
    detail = "llama.cpp was compiled without CUDA: the card is not used"
    graphics = host.graphics
    driver = _number(graphics.nvidia_driver or "")
    capability = min(
        (card.compute_capability for card in graphics.nvidia if card.compute_capability),
        default=None,
    )
    if _can_compile(graphics.nvcc_version, driver, capability):
        return _card_note(host, detail, fix=rebuilt(host, "CUDA", options=""))
    index = _index(driver, capability) if has_wheels(host) else None
    if index:
        wheel = host.installer.wheel(index, host.llama_version)
        major = int(index[2:4])
        if not any(name.startswith(f"libcudart.so.{major}") for name in graphics.libraries):
            wheel = f"{wheel} && {cuda_runtime(host, major)}"
        return _card_note(host, detail, fix=wheel, advice=LAG.format(what=_TOOLKIT))
    if driver < _OLDEST_DRIVERS[11]:
        return _card_note(
            host,
            f"{detail}; its driver {graphics.nvidia_driver} is too old for CUDA 11",
            fix=nvidia_driver(host.distribution),
        )
    if not has_wheels(host) and graphics.nvcc is None:
        return _card_note(host, detail, advice=f"install {_TOOLKIT}, and run starling doctor again")
    return vulkan_note(host, detail)


def _index(driver: float, capability: float | None) -> str | None:
    """The index of the prebuilt wheels for a driver and a card, if there is one."""
    for index, major, newest in (("cu124", 12, 99.0), ("cu118", 11, 8.9)):
        fits = capability is None or _OLDEST_OF_WHEELS <= capability <= newest
        if driver >= _OLDEST_DRIVERS[major] and fits:
            return index
    return None


def _can_compile(release: str | None, driver: float, capability: float | None) -> bool:
    """Whether what nvcc makes runs with this driver, on this card."""
    if release is None:
        return False
    major, number = int(release.split(".")[0]), float(release)
    if driver < _OLDEST_DRIVERS.get(major, 0.0):
        return False
    if capability is None:
        return True
    too_new = capability >= _BLACKWELL and number < _BLACKWELL_RELEASE
    return capability >= _OLDEST_CARDS.get(major, 0.0) and not too_new


def _number(version: str) -> float:
    """The first two parts of a version; 0 if it has none."""
    try:
        return float(".".join(version.split(".")[:2]))
    except ValueError:
        return 0.0
