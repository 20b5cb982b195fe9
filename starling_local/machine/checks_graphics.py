"""Are the graphics cards used, and what is missing if not?

Source: README of llama-cpp-python, "Supported Backends"; llama.cpp's docs/build.md; NVIDIA's CUDA
compatibility guide, for the drivers that a release of CUDA runs on.
"""

from __future__ import annotations

from collections.abc import Iterator

from starling_local.machine.check import Check, Section, note, ok
from starling_local.machine.checks_engine import OF_CONTAINER, cuda_runtime, rebuilt
from starling_local.machine.host import Host
from starling_local.machine.installing import nvidia_driver, vulkan_loader

_SECTION = Section.DEVICES
_GPU_BACK_ENDS = frozenset({"CUDA", "ROCm", "MUSA", "MTL", "Metal", "Vulkan", "SYCL", "OpenCL"})
# The oldest driver that runs programs of a major release of CUDA.
_OLDEST_DRIVERS = {11: 450.0, 12: 525.0, 13: 580.0}
# The oldest cards that nvcc of a major release compiles for, as compute capability.
_OLDEST_CARDS = {11: 3.5, 12: 5.0, 13: 7.5}
_BLACKWELL, _BLACKWELL_RELEASE = 10.0, 12.8
# The oldest cards that the prebuilt wheels for CUDA 11.8 and 12 were compiled for.
_OLDEST_OF_WHEELS = 6.0
_LAG = (
    "if pip finds no such version, the prebuilt wheels lag behind: install {what}, and run "
    "starling doctor again for the command that compiles it"
)


def device_checks(host: Host) -> Iterator[Check]:
    """The devices that llama.cpp finds, then what stands between it and the others."""
    for device in host.engine.devices:
        of = f", {_gb(device.free_bytes)} free of {_gb(device.total_bytes)}"
        memory = of if device.is_gpu and device.total_bytes else ""
        yield ok(_SECTION, device.name, f"{device.description} ({device.backend}){memory}")
    if host.engine.build is None:
        return
    if host.is_apple_silicon:
        yield from _apple(host)
    else:
        yield from _nvidia(host)
        yield from _amd(host)
        yield from _other(host)


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _uses(host: Host, *back_ends: str) -> bool:
    """Whether llama.cpp finds a GPU through one of these back ends."""
    return any(device.is_gpu and device.backend in back_ends for device in host.engine.devices)


def _has(host: Host, *back_ends: str) -> bool:
    """Whether one of these back ends is compiled in."""
    build = host.engine.build
    return build is not None and bool(set(build.back_ends) & set(back_ends))


def _apple(host: Host) -> Iterator[Check]:
    if _has(host, "MTL", "Metal") or host.python.is_translated:
        return
    yield note(
        _SECTION,
        "Metal",
        "llama.cpp was compiled without Metal: the GPU of this Mac is not used",
        fix=rebuilt(host, "MTL", options=""),
    )


def _nvidia(host: Host) -> Iterator[Check]:
    graphics = host.graphics
    is_there = bool(graphics.nvidia) or "NVIDIA" in graphics.vendors
    if not is_there or _uses(host, "CUDA"):
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
    elif _has(host, "CUDA"):
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
    return note(_SECTION, "CUDA", f"{names}: {detail}", fix=fix, advice=advice)


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
        on_path = host.environ.get("PATH", "").split(":")
        assert graphics.nvcc is not None
        folder, _, _ = graphics.nvcc.rpartition("/")
        where = "" if folder in on_path else f"-DCMAKE_CUDA_COMPILER={graphics.nvcc}"
        return _card_note(host, detail, fix=rebuilt(host, "CUDA", options=where))
    for major, index in ((12, "cu124"), (11, "cu118")):
        newest = 9.0 if major == 11 else 99.0
        fits = capability is None or _OLDEST_OF_WHEELS <= capability < newest
        if driver >= _OLDEST_DRIVERS[major] and fits:
            wheel = host.installer.wheel(index, host.llama_version)
            if f"libcudart.so.{major}" not in " ".join(graphics.libraries):
                wheel = f"{wheel} && {cuda_runtime(host, f'cu{major}')}"
            return _card_note(
                host, detail, fix=wheel, advice=_LAG.format(what="NVIDIA's CUDA toolkit (nvcc)")
            )
    if driver < _OLDEST_DRIVERS[11]:
        return _card_note(
            host,
            f"{detail}; its driver {graphics.nvidia_driver} is too old for CUDA 11",
            fix=nvidia_driver(host.distribution),
        )
    return _vulkan_note(host, detail)


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


def _amd(host: Host) -> Iterator[Check]:
    graphics = host.graphics
    if not (graphics.amd_targets or "AMD" in graphics.vendors):
        return
    if _uses(host, "ROCm", "Vulkan"):
        return
    names = ", ".join(graphics.amd_targets) or "AMD card"
    if graphics.hipcc and not graphics.has_kfd_access:
        yield note(
            _SECTION,
            "ROCm",
            f"{names}: this user may not use /dev/kfd",
            fix='sudo usermod -aG render,video "$USER"',
            advice="log out and in again after that",
        )
    if _has(host, "ROCm"):
        yield note(
            _SECTION, "ROCm", f"{names}: llama.cpp was compiled with ROCm, but finds no card",
            advice="rocminfo says whether ROCm knows the card",
        )  # fmt: skip
        return
    detail = f"{names}: llama.cpp was compiled without ROCm or Vulkan: the card is not used"
    if graphics.hipcc:
        targets = ";".join(graphics.amd_targets)
        options = f"-DGPU_TARGETS={targets}" if targets else ""
        yield note(_SECTION, "ROCm", detail, fix=rebuilt(host, "ROCm", options=options))
    elif "libamdhip64.so.7" in graphics.libraries:
        wheel = host.installer.wheel("rocm72", host.llama_version)
        yield note(
            _SECTION, "ROCm", detail, fix=wheel, advice=_LAG.format(what="ROCm's compiler (hipcc)")
        )
    else:
        yield _vulkan_note(host, detail)


def _other(host: Host) -> Iterator[Check]:
    """Intel's and others' cards, which Vulkan can use."""
    others = host.graphics.vendors - {"NVIDIA", "AMD"}
    if host.system != "Linux" or not others & {"Intel"} or _uses(host, *_GPU_BACK_ENDS):
        return
    if host.graphics.nvidia or "NVIDIA" in host.graphics.vendors or "AMD" in host.graphics.vendors:
        return
    yield _vulkan_note(
        host, "Intel graphics are not used; where they share the memory, they seldom gain much"
    )


def _vulkan_note(host: Host, detail: str) -> Check:
    """Vulkan needs the card's usual driver and a small library, and the prebuilt wheel no SDK."""
    wheel = host.installer.wheel("vulkan", host.llama_version)
    has_all = "libvulkan.so.1" in host.graphics.libraries and host.graphics.has_vulkan_driver
    loader = None if has_all else vulkan_loader(host.distribution)
    return note(
        _SECTION,
        "Vulkan",
        detail,
        fix=f"{loader} && {wheel}" if loader else wheel,
        advice=_LAG.format(what="Vulkan's SDK (glslc)"),
    )


def _number(version: str) -> float:
    """The first two parts of a version; 0 if it has none."""
    try:
        return float(".".join(version.split(".")[:2]))
    except ValueError:
        return 0.0
