"""The doctor: its verdicts on invented machines, what it finds on this one, and the command."""

from __future__ import annotations

import io
import json
import os
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.engine.devices import Device, DeviceKind, devices
from starling_local.engine.guarded_child import ChildDied, ask_child
from starling_local.engine.llama_build import LlamaBuild, llama_build, parse_features
from starling_local.errors import ExitCode
from starling_local.machine.doctor.check import Check, Section, Status, exit_code
from starling_local.machine.doctor.checks_network import network_checks
from starling_local.machine.doctor.diagnosis import host_checks
from starling_local.machine.doctor.engine_probe import Engine, installed_back_ends, probe_engine
from starling_local.machine.doctor.host import Folder, Host, Memory, Package, Python
from starling_local.machine.doctor.probe import probe_host
from starling_local.machine.graphics import Graphics, NvidiaCard, probe_graphics
from starling_local.machine.processor import Processor, cpu_quota, linux_features, macos_features
from tests.cli.test_main import in_terminal

GB = 10**9
CPU = Device("CPU", "A processor", DeviceKind.CPU, "CPU", 16 * GB, 16 * GB)
X86 = frozenset({"SSSE3", "AVX", "AVX2", "F16C", "FMA", "BMI2"})
ARM = frozenset({"NEON", "DOTPROD", "MATMUL_INT8"})
BUILD = LlamaBuild("0.5.0", "0.25.3", "0c1e570", "/lib", ("CPU",), ())
ANEW = "--force-reinstall --no-deps --no-cache-dir"
PIP = "/venv/bin/python -m pip install"
COMPILED = f"{PIP} {ANEW} --no-binary llama-cpp-python llama-cpp-python==0.3.40"
PREBUILT = f"{PIP} {ANEW} --index-url https://abetlen.github.io/llama-cpp-python/whl"
WHEEL = "--only-binary llama-cpp-python llama-cpp-python==0.3.40"
RTX = NvidiaCard("RTX 3060", 8.6)
DRIVEN = Graphics(
    vendors=frozenset({"NVIDIA"}),
    nvidia=(RTX,),
    nvidia_driver="550.54.14",
    has_nvidia_device=True,
    libraries=frozenset({"libcuda.so.1"}),
)


def engine_of(build: LlamaBuild, *devices_: Device) -> Engine:
    return Engine(build, devices_, back_ends=build.back_ends)


def compiled_for(features: frozenset[str], *back_ends: str) -> LlamaBuild:
    pairs = tuple((name, "1") for name in sorted(features))
    return replace(BUILD, back_ends=(*back_ends, "CPU"), features=(("CPU", pairs),))


LAPTOP = Host(
    system="Linux",
    python=Python("3.12.1", "/venv/bin/python", "x86_64", site_packages=Path("/venv/site")),
    packages=(
        Package("llama-cpp-python", "0.3.40", ">=0.3.36", True),
        Package("numpy", "2.1.0", ">=1.26", True),
    ),
    engine=engine_of(compiled_for(X86), CPU),
    processor=Processor("A processor", X86, 8, 8),
    graphics=Graphics(),
    memory=Memory(16 * GB, 12 * GB),
    folders=(Folder("data", Path("/data"), "STARLING_DATA_DIR", 90 * GB, 0, True),),
    distribution=("ubuntu", "debian"),
    environ={"PATH": "/usr/bin"},
)
MAC = replace(
    LAPTOP,
    system="Darwin",
    python=replace(LAPTOP.python, architecture="arm64"),
    engine=engine_of(compiled_for(ARM, "MTL"), CPU),
    processor=Processor("Apple M2", ARM, 8, 8),
    distribution=(),
)


def bad(host: Host) -> list[Check]:
    return [check for check in host_checks(host) if check.status is not Status.OK]


def only(host: Host) -> Check:
    [check] = bad(host)
    return check


@pytest.mark.parametrize("host", [LAPTOP, MAC])
def test_a_machine_with_nothing_wrong(host: Host) -> None:
    assert bad(host) == []
    assert exit_code(host_checks(host)) is ExitCode.DONE


def with_graphics(**changes: Any) -> Host:
    return replace(LAPTOP, graphics=replace(DRIVEN, **changes))


CUDA_RUNTIME = (
    f" && {PIP} nvidia-cuda-runtime-cu12 nvidia-cublas-cu12 && export LD_LIBRARY_PATH="
    '"/venv/site/nvidia/cuda_runtime/lib:/venv/site/nvidia/cublas/lib'
    '${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"'
)


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        # The toolkit is there: compile.
        (
            {"nvcc": "/usr/bin/nvcc", "nvcc_version": "12.4"},
            f'CMAKE_ARGS="-DGGML_CUDA=on" {COMPILED}',
        ),
        (
            {"nvcc": "/usr/local/cuda/bin/nvcc", "nvcc_version": "12.4"},
            'CMAKE_ARGS="-DGGML_CUDA=on -DCMAKE_CUDA_COMPILER=/usr/local/cuda/bin/nvcc" '
            f"{COMPILED}",
        ),
        # No toolkit, or one that is too new for the driver or too old for the card: a wheel.
        ({}, f"{PREBUILT}/cu124 {WHEEL}{CUDA_RUNTIME}"),
        (
            {"nvcc": "/usr/bin/nvcc", "nvcc_version": "13.0"},
            f"{PREBUILT}/cu124 {WHEEL}{CUDA_RUNTIME}",
        ),
        (
            {
                "nvcc": "/usr/bin/nvcc",
                "nvcc_version": "12.0",
                "nvidia": (NvidiaCard("RTX 5090", 12.0),),
                "nvidia_driver": "570.86",
            },
            f"{PREBUILT}/cu124 {WHEEL}{CUDA_RUNTIME}",
        ),
        # CUDA's libraries are there.
        (
            {"libraries": frozenset({"libcuda.so.1", "libcudart.so.12"})},
            f"{PREBUILT}/cu124 {WHEEL}",
        ),
        # An old driver.
        (
            {
                "nvidia_driver": "470.57.02",
                "libraries": frozenset({"libcuda.so.1", "libcudart.so.11.0"}),
            },
            f"{PREBUILT}/cu118 {WHEEL}",
        ),
        ({"nvidia_driver": "390.157"}, "sudo ubuntu-drivers install"),
        # A card too old for the wheels can still use Vulkan.
        (
            {"nvidia": (NvidiaCard("GTX 970", 5.2),)},
            f"sudo apt install libvulkan1 mesa-vulkan-drivers && {PREBUILT}/vulkan {WHEEL}",
        ),
        # The driver is not loaded.
        ({"nvidia_driver": None, "nvidia": ()}, "sudo ubuntu-drivers install"),
    ],
)
def test_a_cpu_build_beside_an_nvidia_card(changes: dict[str, Any], fix: str) -> None:
    check = only(with_graphics(**changes))
    assert (check.section, check.status) == (Section.DEVICES, Status.NOTE)
    assert check.fix == fix
    assert "LD_LIBRARY_PATH" in fix or shlex.split(fix)  # it can be pasted


def test_a_card_that_is_used_needs_nothing() -> None:
    card = Device("CUDA0", "RTX 3060", DeviceKind.GPU, "CUDA", 11 * GB, 12 * GB)
    host = replace(with_graphics(), engine=engine_of(compiled_for(X86, "CUDA"), card, CPU))
    assert bad(host) == []
    [shown] = [check for check in host_checks(host) if check.name == "CUDA0"]
    assert shown.detail == "RTX 3060 (CUDA), 11.00 GB free of 12.00 GB"


def test_a_card_that_vulkan_uses_needs_nothing() -> None:
    card = Device("Vulkan0", "RTX 3060", DeviceKind.GPU, "Vulkan", 11 * GB, 12 * GB)
    engine = engine_of(compiled_for(X86, "Vulkan"), card, CPU)
    assert bad(replace(with_graphics(), engine=engine)) == []
    amd = Graphics(vendors=frozenset({"AMD", "Intel"}))
    assert bad(replace(LAPTOP, graphics=amd, engine=engine)) == []


def test_machines_without_prebuilt_wheels() -> None:
    arm = replace(LAPTOP.python, architecture="aarch64")
    board = replace(with_graphics(), python=arm)
    assert only(board).fix is None
    assert "toolkit (nvcc), and run starling doctor again" in str(only(board).advice)
    alpine = replace(
        LAPTOP, distribution=("alpine",), graphics=Graphics(vendors=frozenset({"AMD"}))
    )
    fix = f'CMAKE_ARGS="-DGGML_VULKAN=on -DGGML_NATIVE=on" {COMPILED}'
    assert only(alpine).fix == fix
    debian = replace(alpine, distribution=("debian",), python=arm)
    sdk = "sudo apt install libvulkan-dev glslc spirv-headers mesa-vulkan-drivers"
    assert only(debian).fix == f"{sdk} && {fix}"


def test_an_nvidia_card_in_a_container_without_it() -> None:
    host = replace(LAPTOP, container="docker", graphics=Graphics(vendors=frozenset({"NVIDIA"})))
    check = only(host)
    assert check.fix is None
    assert check.advice is not None
    assert "docker run --gpus all" in check.advice
    half = replace(with_graphics(has_nvidia_device=False), container="docker")
    assert "docker run --gpus all" in str(only(half).advice)


def test_wsl_without_a_driver() -> None:
    host = replace(LAPTOP, is_wsl=True, graphics=Graphics(vendors=frozenset({"NVIDIA"})))
    assert "in Windows, never one within WSL" in str(only(host).advice)


def test_cuda_that_finds_no_card() -> None:
    engine = engine_of(compiled_for(X86, "CUDA"), CPU)
    host = replace(with_graphics(), engine=engine)
    assert "550.54.14 may be too old" in str(only(host).advice)
    hidden = replace(host, environ={"CUDA_VISIBLE_DEVICES": ""})
    assert only(hidden).fix == "unset CUDA_VISIBLE_DEVICES"


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        (
            {"hipcc": "/opt/rocm/bin/hipcc", "amd_targets": ("gfx1100",)},
            f'CMAKE_ARGS="-DGGML_HIP=on -DGPU_TARGETS=gfx1100" {COMPILED}',
        ),
        ({"libraries": frozenset({"libamdhip64.so.7"})}, f"{PREBUILT}/rocm72 {WHEEL}"),
        (
            {"libraries": frozenset({"libvulkan.so.1"}), "has_vulkan_driver": True},
            f"{PREBUILT}/vulkan {WHEEL}",
        ),
        ({}, f"sudo apt install libvulkan1 mesa-vulkan-drivers && {PREBUILT}/vulkan {WHEEL}"),
    ],
)
def test_an_amd_card(changes: dict[str, Any], fix: str) -> None:
    host = replace(LAPTOP, graphics=Graphics(vendors=frozenset({"AMD"}), **changes))
    assert only(host).fix == fix


def test_an_amd_card_that_may_not_be_used() -> None:
    graphics = Graphics(
        vendors=frozenset({"AMD"}), hipcc="/opt/rocm/bin/hipcc", has_kfd_access=False
    )
    joins = 'sudo usermod -aG render,video "$USER"'
    host = replace(LAPTOP, graphics=graphics)
    assert [check.fix for check in bad(host)] == [
        joins,
        f'CMAKE_ARGS="-DGGML_HIP=on" {COMPILED}',
    ]
    prebuilt = replace(
        host,
        engine=engine_of(compiled_for(X86, "ROCm"), CPU),
        graphics=replace(graphics, hipcc=None),
    )
    assert only(prebuilt).fix == joins


@pytest.mark.parametrize("vendor", ["AMD", "Intel"])
def test_vulkan_that_finds_no_card(vendor: str) -> None:
    host = replace(
        LAPTOP,
        engine=engine_of(compiled_for(X86, "Vulkan"), CPU),
        graphics=Graphics(vendors=frozenset({vendor})),
    )
    check = only(host)
    assert check.detail == "llama.cpp was compiled with Vulkan, but finds no card"
    assert check.fix == "sudo apt install libvulkan1 mesa-vulkan-drivers"
    driven = replace(host, graphics=replace(host.graphics, has_vulkan_driver=True))
    assert only(driven).fix is None


def test_intel_graphics() -> None:
    host = replace(LAPTOP, graphics=Graphics(vendors=frozenset({"Intel"})))
    assert only(host).name == "Vulkan"


def test_apple_silicon_without_metal() -> None:
    host = replace(MAC, engine=engine_of(compiled_for(ARM), CPU))
    assert only(host).fix == f'CMAKE_ARGS="-DGGML_METAL=on" {COMPILED}'
    no_compiler = replace(host, has_compiler=False)
    assert str(only(no_compiler).fix).startswith("xcode-select --install && CMAKE_ARGS=")


def test_a_python_that_rosetta_translates() -> None:
    python = replace(MAC.python, architecture="x86_64", is_translated=True)
    host = replace(MAC, python=python, engine=engine_of(compiled_for(ARM), CPU))
    assert str(only(host).fix).startswith("/opt/homebrew/bin/brew install python@3.12 && ")
    with_uv = replace(host, python=replace(python, uv="/usr/local/bin/uv"))
    assert "uv venv --python cpython-3.12-macos-aarch64-none" in str(only(with_uv).fix)


def test_a_build_without_what_the_processor_has() -> None:
    engine = engine_of(compiled_for(frozenset({"SSSE3", "AVX"}), "CUDA"), CPU)
    nvcc = Graphics(nvcc="/usr/bin/nvcc")
    check = only(replace(LAPTOP, engine=engine, graphics=nvcc))
    assert check.fix == f'CMAKE_ARGS="-DGGML_CUDA=on -DGGML_NATIVE=on" {COMPILED}'
    assert "several times slower" in check.detail
    # A prebuilt one, and nothing that compiles for the card.
    check = only(replace(LAPTOP, engine=engine))
    assert check.fix == f'CMAKE_ARGS="-DGGML_NATIVE=on" {COMPILED}'
    assert "this leaves out CUDA; to keep what is there now, first install " in str(check.advice)
    newer = replace(LAPTOP.processor, features=X86 | {"AVX512", "AMX_INT8"})
    detail = only(replace(LAPTOP, processor=newer)).detail
    assert "AVX512, AMX_INT8" in detail
    assert "several times" not in detail


def test_a_build_for_another_processor() -> None:
    older = replace(LAPTOP.processor, features=frozenset({"SSSE3", "AVX"}))
    check = only(replace(LAPTOP, processor=older))
    assert check.exit_code is ExitCode.BAD_FILE
    assert check.fix == f'CMAKE_ARGS="-DGGML_NATIVE=on" {COMPILED}'
    # What the system does not tell cannot be missed.
    assert bad(replace(LAPTOP, processor=replace(older, features=frozenset()))) == []


@pytest.mark.parametrize(
    ("failure", "code", "fix"),
    [
        ("No module named 'llama_cpp'", ExitCode.NOT_FOUND, "CMAKE_ARGS="),
        ("llama.cpp crashed (signal 4, SIGILL): no message", ExitCode.BAD_FILE, "CMAKE"),
        ("libcudart.so.12: cannot open shared object file", ExitCode.BAD_FILE, PIP),
        ("libcuda.so.1: cannot open shared object file", ExitCode.BAD_FILE, "CMAKE_ARGS="),
        ("libcudart.so.13: cannot open", ExitCode.BAD_FILE, f"{PIP} 'nvidia-cuda-runtime==13.*'"),
        ("libvulkan.so.1: cannot open", ExitCode.BAD_FILE, "sudo apt install libvulkan1"),
        ("No module named 'numpy'", ExitCode.BAD_FILE, "None"),
        ("libgomp.so.1: cannot open", ExitCode.BAD_FILE, "sudo apt install libgomp1"),
        ("something else", ExitCode.BAD_FILE, "CMAKE_ARGS="),
    ],
)
def test_a_library_that_does_not_load(failure: str, code: ExitCode, fix: str) -> None:
    check = only(replace(LAPTOP, engine=Engine(failure=failure)))
    assert check.exit_code is code
    assert str(check.fix).startswith(fix)


def test_a_library_that_is_mended_keeps_its_back_ends() -> None:
    died = Engine(failure="crashed (signal 4, SIGILL)", back_ends=("CPU", "CUDA"))
    fix = f'CMAKE_ARGS="-DGGML_CUDA=on -DGGML_NATIVE=on" {COMPILED}'
    host = replace(LAPTOP, engine=died, graphics=Graphics(nvcc="/usr/bin/nvcc"))
    assert only(host).fix == fix
    elsewhere = replace(host, graphics=Graphics(nvcc="/opt/cuda/bin/nvcc"))
    assert "-DCMAKE_CUDA_COMPILER=/opt/cuda/bin/nvcc " in str(only(elsewhere).fix)
    without = only(replace(host, graphics=Graphics()))
    assert without.fix == f'CMAKE_ARGS="-DGGML_NATIVE=on" {COMPILED}'
    assert "to keep what is there now, first install NVIDIA's CUDA toolkit" in str(without.advice)
    missing = Engine(failure="No module named 'llama_cpp'")
    packages = (Package("llama-cpp-python", None, ">=0.3.36", False),)
    for check in bad(replace(LAPTOP, engine=missing, packages=packages)):
        assert check.fix == f"{PIP} 'llama-cpp-python>=0.3.36'"


def test_packages() -> None:
    packages = (
        Package("llama-cpp-python", "0.3.2", ">=0.3.36", False),
        Package("numba", None, ">=0.60", False),
    )
    host = replace(LAPTOP, packages=packages)
    old, missing = bad(host)
    build = f"{PIP} {ANEW} --no-binary llama-cpp-python llama-cpp-python==0.3.36"
    assert old.fix == f'CMAKE_ARGS="-DGGML_NATIVE=on" {build}'
    with_cuda = replace(
        host,
        engine=engine_of(compiled_for(X86, "CUDA"), CPU),
        graphics=Graphics(nvcc="/usr/bin/nvcc"),
    )
    assert bad(with_cuda)[0].fix == f'CMAKE_ARGS="-DGGML_CUDA=on -DGGML_NATIVE=on" {build}'
    assert missing.fix == f"{PIP} --upgrade 'numba>=0.60'"
    assert exit_code((old, missing)) is ExitCode.BAD_FILE
    assert exit_code((missing, old)) is ExitCode.NOT_FOUND


def test_what_installs() -> None:
    packages = (Package("numba", None, ">=0.60", False),)
    without_pip = replace(LAPTOP.python, has_pip=False)
    host = replace(LAPTOP, packages=packages, python=without_pip)
    assert str(only(host).fix).startswith("/venv/bin/python -m ensurepip && ")
    with_uv = replace(host, python=replace(without_pip, uv="/bin/uv"))
    fix = "/bin/uv pip install --python /venv/bin/python --upgrade 'numba>=0.60'"
    assert only(with_uv).fix == fix
    graphics = Graphics(vendors=frozenset({"AMD"}))
    with_card = replace(with_uv, packages=LAPTOP.packages, graphics=graphics)
    assert "--reinstall --no-deps --no-cache --index-url" in str(only(with_card).fix)


def test_the_systems_own_python() -> None:
    host = replace(LAPTOP, python=replace(LAPTOP.python, is_venv=False, is_managed=True))
    assert "python3 -m venv" in str(only(host).advice)


def test_processor_memory_and_disk() -> None:
    host = replace(
        LAPTOP,
        processor=replace(LAPTOP.processor, quota=2.5),
        memory=Memory(64 * GB, 3 * GB, limit_bytes=4 * GB),
        folders=(
            Folder("data", Path("/data"), "STARLING_DATA_DIR", 90 * GB, 0, False),
            Folder("cache", Path("/cache"), "STARLING_CACHE_DIR", GB // 2, 0, True),
        ),
    )
    threads, memory, data, cache = bad(host)
    assert threads.advice == "give commands -t 2"
    assert "a container's limit of 4.00 GB" in memory.detail
    assert data.exit_code is ExitCode.CONVERSION_FAILED
    assert data.fix == 'export STARLING_DATA_DIR="$HOME/starling-data"'
    assert cache.status is Status.NOTE


def test_settings() -> None:
    host = replace(
        LAPTOP,
        environ={
            "HF_HUB_OFFLINE": "1",
            "OMP_THREAD_LIMIT": "1",
            "LLAMA_API_KEY": "hidden",
            "HTTPS_PROXY": "http://user:hidden@proxy:3128",
            "HOME": "/home/ada",
        },
        encoding="ANSI_X3.4-1968",
    )
    assert [check.fix for check in bad(host)] == [
        "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE",
        "unset OMP_THREAD_LIMIT",
        "export LC_ALL=C.UTF-8",
    ]
    told = " ".join(check.detail for check in host_checks(host))
    assert "HTTPS_PROXY=http://…@proxy:3128" in told
    assert "hidden" not in told
    assert "HOME" not in told


# What is read from a system, on invented file systems.


def put(root: Path, path: str, text: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_features_of_processors() -> None:
    name, found = linux_features("model name\t: A CPU\nflags\t\t: fpu avx avx2 fma avx512f\n")
    assert (name, found) == ("A CPU", frozenset({"AVX", "AVX2", "FMA", "AVX512"}))
    assert linux_features("Features\t: fp asimd asimddp i8mm\n")[1] == ARM
    assert macos_features({"hw.optional.neon": "1", "hw.optional.arm.FEAT_I8MM": "0"}) == {"NEON"}
    assert linux_features("") == ("", frozenset())


def test_features_of_a_build() -> None:
    text = "CPU : AVX2 = 1 | OPENMP = 1 | CUDA : ARCHS = 860,900 | USE_GRAPHS = 1 | "
    build = replace(BUILD, features=parse_features(text))
    assert build.features_of("CPU") == {"AVX2": "1", "OPENMP": "1"}
    assert build.features_of("CUDA") == {"ARCHS": "860,900", "USE_GRAPHS": "1"}
    assert build.features_of("MTL") == {}
    assert parse_features("") == ()


def test_quota_of_a_control_group(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    put(tmp_path, "proc/self/cgroup", "0::/user/box\n")
    put(tmp_path, "sys/fs/cgroup/user/box/cpu.max", "max 100000\n")
    assert cpu_quota(tmp_path) is None
    put(tmp_path, "sys/fs/cgroup/user/cpu.max", "150000 100000\n")
    assert cpu_quota(tmp_path) == 1.5


def test_quota_of_an_old_control_group(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n")
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000")
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert cpu_quota(tmp_path) == 2.0
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
    assert cpu_quota(tmp_path) is None


def silent(_command: Any) -> str:
    return ""


def test_an_nvidia_card_by_its_driver(tmp_path: Path) -> None:
    put(
        tmp_path,
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22\n",
    )
    put(tmp_path, "proc/driver/nvidia/gpus/0/information", "Model: \t NVIDIA L4\nIRQ: 1\n")
    put(tmp_path, "sys/bus/pci/devices/0/class", "0x030200\n")
    put(tmp_path, "sys/bus/pci/devices/0/vendor", "0x10de\n")
    put(tmp_path, "sys/bus/pci/devices/1/class", "0x020000\n")
    put(tmp_path, "sys/bus/pci/devices/1/vendor", "0x8086\n")
    put(tmp_path, "dev/nvidiactl")
    put(tmp_path, "etc/ld.so.cache", "\0libcuda.so.1\0/odd/libcuda.so.1\0libvulkan.so.11\0")
    put(tmp_path, "usr/lib64/libcudart.so.12")
    found = probe_graphics({"PATH": str(tmp_path)}, tmp_path, silent)
    assert found == Graphics(
        vendors=frozenset({"NVIDIA"}),
        nvidia=(NvidiaCard("NVIDIA L4"),),
        nvidia_driver="550.54.14",
        has_nvidia_device=True,
        libraries=frozenset({"libcuda.so.1", "libcudart.so.12"}),
    )


def test_nvidia_cards_in_wsl(tmp_path: Path) -> None:
    for name in ("usr/lib/wsl/lib/nvidia-smi", "usr/local/cuda/bin/nvcc", "dev/dxg"):
        put(tmp_path, name)

    def run(command: Any) -> str:
        if command[0].endswith("nvcc"):
            return "Cuda compilation tools, release 12.4, V12.4.131\n"
        return "RTX 4090, 551.23, 8.9\nQuadro K2200, 551.23, [N/A]\n"

    found = probe_graphics({"PATH": str(tmp_path)}, tmp_path, run)
    assert found.nvidia == (NvidiaCard("RTX 4090", 8.9), NvidiaCard("Quadro K2200"))
    assert (found.nvidia_driver, found.nvcc_version) == ("551.23", "12.4")
    assert found.has_nvidia_device


def test_an_amd_card_by_its_driver(tmp_path: Path) -> None:
    nodes = "sys/class/kfd/kfd/topology/nodes"
    put(tmp_path, f"{nodes}/0/properties", "cpu_cores_count 16\ngfx_target_version 0\n")
    put(tmp_path, f"{nodes}/1/properties", "simd_count 96\ngfx_target_version 110000\n")
    put(tmp_path, f"{nodes}/2/properties", "simd_count 440\ngfx_target_version 90010\n")
    found = probe_graphics({"PATH": str(tmp_path)}, tmp_path, silent)
    assert found.amd_targets == ("gfx1100", "gfx90a")


# This machine, and the command.


def test_this_machine() -> None:
    host = probe_host(os.environ, "utf-8")
    assert host.engine == engine_of(llama_build(), *devices())
    assert set(installed_back_ends()) <= set(host.engine.back_ends)
    assert "CPU" in installed_back_ends()
    assert {package.name for package in host.packages} >= {"llama-cpp-python", "gguf", "numpy"}
    assert all(package.is_met for package in host.packages)
    assert 1 <= host.processor.cores <= host.processor.all_cores
    assert 0 < host.memory.available_bytes <= host.memory.total_bytes
    assert host.engine.build is not None
    compiled = {name for name, value in host.engine.build.features_of("CPU").items() if value}
    assert compiled & {"AVX2", "NEON"} or not host.processor.features


def test_a_library_that_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llama_cpp.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ChildDied):
        ask_child("starling_local.engine.library_examiner", {}, 30)
    failure = probe_engine().failure
    assert "SIGILL" in str(failure)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def doctor(nano_file: Path, tmp_path: Path) -> Callable[..., Finished]:
    """Run `starling doctor` with folders of its own, in which the built-in model is converted."""
    cache = nano_file.parent.parent.parent
    folders = {"STARLING_CACHE_DIR": str(cache), "STARLING_DATA_DIR": str(tmp_path / "data")}

    def run(*args: str, **environ: str) -> Finished:
        out, err = io.StringIO(), io.StringIO()
        status = main(["doctor", *args], Environment(io.StringIO(), out, err, folders | environ))
        return Finished(status, out.getvalue(), err.getvalue())

    return run


@pytest.mark.usefixtures("no_network")
def test_the_command(doctor: Callable[..., Finished]) -> None:
    done = doctor("--json")
    checks = {(one["section"], one["name"]): one for one in done.json["checks"]}
    assert done.status == done.json["exit_code"] == ExitCode.DONE
    assert checks["llama.cpp", "library"]["status"] == "ok"
    assert checks["Models", "nano"]["status"] == "ok"
    machine = done.json["machine"]
    assert machine["memory"]["total_bytes"] >= machine["memory"]["available_bytes"] > 0
    assert "CPU" in [device["name"] for device in machine["devices"]]
    assert "CPU" in machine["llama_cpp"]["back_ends"]
    assert machine["packages"].keys() >= {"llama-cpp-python", "gguf"}
    assert [folder["name"] for folder in machine["folders"]] == ["data", "cache", "hub cache"]
    assert ("Network", "hub") not in checks
    assert done.stderr == ""
    text = doctor().stdout
    assert "\nModels\n  ok      nano: the template " in text
    assert "\x1b" not in text
    offline = doctor("--online", HF_HUB_OFFLINE="1").stdout
    assert "note    hub: not asked: the environment forbids it" in offline


def test_models_that_are_not_there_or_damaged(
    doctor: Callable[..., Finished], nano_file: Path, tmp_path: Path
) -> None:
    nowhere = doctor(STARLING_MODEL="/nowhere")
    assert nowhere.status == ExitCode.NOT_FOUND
    assert "  unset STARLING_MODEL\n" in nowhere.stdout
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(nano_file.read_bytes()[:5000])
    found = doctor("--json", STARLING_MODEL=str(damaged))
    assert found.status == ExitCode.BAD_FILE
    [check] = [one for one in found.json["checks"] if one["name"] == str(damaged)]
    assert check["status"] == "problem"


def test_stored_models(doctor: Callable[..., Finished], nano_file: Path, tmp_path: Path) -> None:
    models, others = tmp_path / "data/models", tmp_path / "others"
    models.mkdir(parents=True)
    others.mkdir()
    (models / "good-Q8_0.gguf").symlink_to(nano_file)
    (others / "other-Q4_0.gguf").write_bytes(b"GGUF")
    stored = {"default": None, "folders": [str(others)]}
    (tmp_path / "data/models.json").write_text(json.dumps(stored))
    done = doctor("--json")
    found = {one["name"]: one["status"] for one in done.json["checks"]}
    assert (found["good:Q8_0"], found["other:Q4_0"]) == ("ok", "note")
    assert done.status == ExitCode.DONE
    (models / "bad-Q8_0.gguf").write_bytes(nano_file.read_bytes()[:3000])
    assert doctor().status == ExitCode.BAD_FILE
    (tmp_path / "data/models.json").write_text("{")
    assert "problem store: cannot read " in doctor().stdout


@pytest.mark.parametrize("name", ["psutil", "packaging"])
def test_a_package_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [one for one in sys.modules if one.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    host = probe_host(os.environ, "utf-8")
    assert host.memory.total_bytes > 0
    if name == "packaging":
        assert host.packages == (Package("packaging", None, "", False),)


def test_in_a_folder_that_was_removed(
    doctor: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert doctor().status == ExitCode.DONE


def test_on_a_terminal(nano_file: Path) -> None:
    command = [sys.executable, "-m", "starling_local", "doctor"]
    environ = {"STARLING_CACHE_DIR": str(nano_file.parent.parent.parent)}
    screen, status = in_terminal(command, {**environ, "COLUMNS": "80"})
    assert status == ExitCode.DONE
    assert "\x1b[32m" in screen
    plain, _ = in_terminal(command, {**environ, "NO_COLOR": "1"})
    assert "\x1b[32m" not in plain


class Hub(BaseHTTPRequestHandler):
    """A server with the two addresses that are asked for."""

    status = 200
    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_HEAD(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        self._answer(self.status, b"")

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        known = self.headers["Authorization"] == "Bearer hf_right"
        self._answer(200 if known else 401, b'{"name": "ada"}' if known else b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.seen, Hub.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def asked(endpoint: str, folder: Path, **environ: str) -> list[Check]:
    folders = {"HF_HOME": str(folder), "HF_ENDPOINT": endpoint}
    return list(network_checks({**folders, **environ}, timeout_s=5))


def test_the_hub(hub: str, tmp_path: Path) -> None:
    reached, token = asked(hub, tmp_path)
    assert reached.detail.startswith(f"{hub} answers in ")
    assert token.detail.startswith("none")
    assert Hub.seen == [("/", None)]
    (tmp_path / "token").write_text("hf_right\n")
    assert asked(f"{hub}/", tmp_path)[1].detail == "valid, of ada"
    assert Hub.seen[1:] == [("/", None), ("/api/whoami-v2", "Bearer hf_right")]


@pytest.mark.parametrize("token", ["hf_wrong", "hf_\nwrong", "hf_ü"])
def test_a_token_that_is_refused(token: str, hub: str, tmp_path: Path) -> None:
    refused = asked(hub, tmp_path, HF_TOKEN=token)[1]
    assert (refused.status, refused.fix) == (Status.PROBLEM, "hf auth login")
    assert refused.exit_code is ExitCode.DOWNLOAD_FAILED


def test_a_hub_that_leads_elsewhere_or_fails(hub: str, tmp_path: Path) -> None:
    Hub.status = 302
    assert asked(hub, tmp_path)[0].status is Status.OK
    Hub.status = 503
    [failed] = asked(hub, tmp_path, HF_TOKEN="hf_right")
    assert failed.exit_code is ExitCode.DOWNLOAD_FAILED
    assert "status 503" in failed.detail


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense", "http://[", "file:///etc"])
def test_a_hub_that_is_not_there(endpoint: str, tmp_path: Path) -> None:
    [failed] = asked(endpoint, tmp_path)
    assert failed.exit_code is ExitCode.DOWNLOAD_FAILED


def test_a_server_that_speaks_something_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail server\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        [failed] = asked(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path)
        thread.join()
    assert failed.status is Status.PROBLEM
