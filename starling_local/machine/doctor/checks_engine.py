"""Can llama.cpp be loaded, and was it compiled for this processor?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starling_local.errors import ExitCode
from starling_local.machine.doctor.check import Check, Section, note, ok, problem
from starling_local.machine.doctor.host import Host
from starling_local.machine.doctor.installing import LLAMA, compiler, vulkan_loader

if TYPE_CHECKING:
    from starling_local.engine.llama_build import LlamaBuild

OF_CONTAINER = (
    "start the container with the card: docker run --gpus all … (the host needs the "
    "nvidia-container-toolkit; podman: --device nvidia.com/gpu=all)"
)
_SECTION = Section.LLAMA_CPP
# Those for which llama.cpp has kernels that matter to quantised weights; others come with them.
# Without the first of each architecture it computes several times slower.
_DECISIVE = ("AVX2", "FMA", "F16C", "NEON", "DOTPROD")
_USEFUL = ("AVX512", "AVX512_VNNI", "AVX_VNNI", "AMX_INT8", "MATMUL_INT8", "FP16_VA", "SVE")
# CMake's options for the back ends, by the names that ggml registers them with.
BACK_END_OPTIONS = {
    "CUDA": "-DGGML_CUDA=on",
    "ROCm": "-DGGML_HIP=on",
    "Vulkan": "-DGGML_VULKAN=on",
    "MTL": "-DGGML_METAL=on",
    "SYCL": "-DGGML_SYCL=on -DCMAKE_C_COMPILER=icx -DCMAKE_CXX_COMPILER=icpx",
    "BLAS": "-DGGML_BLAS=ON -DGGML_BLAS_VENDOR=OpenBLAS",
}


def engine_checks(host: Host) -> Iterator[Check]:
    """The library, its back ends, and the instructions it was compiled for."""
    build = host.engine.build
    if build is None:
        yield _broken(host)
        return
    yield ok(
        _SECTION,
        "library",
        f"llama.cpp {build.llama_version}, ggml {build.ggml_version} ({build.ggml_commit}): "
        f"{build.folder}",
    )
    yield ok(_SECTION, "back ends", ", ".join(build.back_ends))
    yield _instructions(host, build)


def rebuilt(host: Host, *back_ends: str, options: str = "-DGGML_NATIVE=on") -> str:
    """The command that compiles llama.cpp here, with these back ends; a compiler first if needed.

    If it is not there at all, what it depends on may not be, either: then both are installed.
    """
    chosen = [BACK_END_OPTIONS[name] for name in back_ends if name in BACK_END_OPTIONS]
    nvcc = host.graphics.nvcc
    if "CUDA" in back_ends and nvcc and not host.is_on_path(nvcc):
        chosen.append(f"-DCMAKE_CUDA_COMPILER={nvcc}")
    made = host.installer.build(" ".join([*chosen, options]).strip(), host.llama_version)
    if _is_missing(host):
        made = host.installer.install(f"{LLAMA}>={host.llama_version}")
    first = None if host.has_compiler else compiler(host.system, host.distribution)
    return f"{first} && {made}" if first else made


def rebuilt_as_it_is(host: Host) -> tuple[str, str | None]:
    """The command that compiles llama.cpp anew with the back ends it has, and advice.

    A prebuilt one may have back ends for which nothing here compiles: they are left out.
    """
    graphics, back_ends = host.graphics, host.engine.back_ends
    tools = (
        ("CUDA", graphics.nvcc, "NVIDIA's CUDA toolkit (nvcc)"),
        ("ROCm", graphics.hipcc, "ROCm's compiler (hipcc)"),
        ("Vulkan", graphics.glslc, "Vulkan's SDK (glslc)"),
    )
    lost = {name: tool for name, path, tool in tools if name in back_ends and not path}
    fix = rebuilt(host, *(name for name in back_ends if name not in lost))
    if not lost:
        return fix, None
    return fix, (
        f"this leaves out {' and '.join(lost)}; to keep what is there now, first install "
        f"{' and '.join(lost.values())}, and run starling doctor again"
    )


def _is_missing(host: Host) -> bool:
    return any(one.name == LLAMA and one.installed is None for one in host.packages)


def _broken(host: Host) -> Check:
    """Why llama.cpp cannot be loaded, and what helps."""
    failure = host.engine.failure or "no reason"
    detail = failure
    fix: str | None
    fix, advice = rebuilt_as_it_is(host)
    if "No module named 'llama_cpp'" in failure:
        return problem(
            _SECTION, "library", "llama-cpp-python is not installed", ExitCode.NOT_FOUND, fix=fix
        )
    if "No module named" in failure:
        fix, advice = None, "install the missing packages, see above"
    elif "SIGILL" in failure:
        detail = "llama.cpp was compiled for another processor than this one (illegal instruction)"
    elif "libcuda.so.1" in failure:
        detail = f"llama.cpp was compiled with CUDA, and NVIDIA's driver is not here: {failure}"
        fix = rebuilt(host)
        advice = f"or, to use a card: {OF_CONTAINER if host.container else 'install the driver'}"
    else:
        made = next((made for name, made in _libraries(host) if name in failure and made), None)
        fix, advice = (made, None) if made else (fix, advice)
    return problem(_SECTION, "library", detail, ExitCode.BAD_FILE, fix=fix, advice=advice)


def _libraries(host: Host) -> Iterator[tuple[str, str | None]]:
    """Libraries that a prebuilt llama.cpp is without, and the commands that bring them."""
    for major in (11, 12, 13):
        for name in ("libcudart.so", "libcublas.so"):
            yield f"{name}.{major}", cuda_runtime(host, major)
    yield "libvulkan.so", vulkan_loader(host.distribution)
    if set(host.distribution) & {"debian", "ubuntu"}:
        yield "libgomp.so", "sudo apt install libgomp1"


def cuda_runtime(host: Host, major: int) -> str:
    """The commands that put CUDA's own libraries where the loader finds them; no toolkit needed.

    Those of CUDA 11, 12 or 13, which the prebuilt wheels are without.
    """
    names = ("nvidia-cuda-runtime", "nvidia-cublas")
    if major < 13:
        packages = [f"{name}-cu{major}" for name in names]
        folders = ["cuda_runtime/lib", "cublas/lib"]
    else:
        packages = [f"{name}=={major}.*" for name in names]
        folders = [f"cu{major}/lib"]
    path = ":".join(str(host.python.site_packages / "nvidia" / folder) for folder in folders)
    return (
        f"{host.installer.install(*packages)} && "
        f'export LD_LIBRARY_PATH="{path}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"'
    )


def _instructions(host: Host, build: LlamaBuild) -> Check:
    """What it was compiled for, against what the processor can do."""
    known, there = host.processor.features, build.features_of("CPU")
    compiled = [name for name in (*_DECISIVE, *_USEFUL) if there.get(name, "0") != "0"]
    listed = ", ".join(compiled) or "none of the vector instructions"
    # Only Linux tells all that a processor can do.
    is_told = bool(known) and host.system == "Linux"
    fix, advice = rebuilt_as_it_is(host)
    too_many = [name for name in compiled if is_told and name not in known]
    if too_many:
        return problem(
            _SECTION,
            "instructions",
            f"compiled for {', '.join(too_many)}, which this processor does not have: it will "
            "crash",
            ExitCode.BAD_FILE,
            fix=fix,
            advice=advice,
        )
    missing = [name for name in (*_DECISIVE, *_USEFUL) if name in known and name not in compiled]
    if not missing:
        return ok(_SECTION, "instructions", f"compiled for {listed}")
    slower = "several times slower" if set(missing) & set(_DECISIVE) else "slower"
    return note(
        _SECTION,
        "instructions",
        f"compiled for {listed}; this processor also has {', '.join(missing)}: llama.cpp is "
        f"{slower} than it could be",
        fix=fix,
        advice=advice
        or "if that changes nothing, the compiler is too old to know these instructions",
    )
