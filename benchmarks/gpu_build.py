"""llama-cpp-python for one graphics card, and llama-bench of the same sources: how to build them.

Only what CUDA on one machine needs is kept and compiled: one architecture, none of llama.cpp's
tests, examples and servers, none of its other back ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Parts of the sdist that no build for CUDA reads, most of its size. Below `vendor/llama.cpp`:
_UNUSED = frozenset(
    {
        "benches", "ci", "conversion", "docs", "examples", "gguf-py", "grammars", "media",
        "models", "pocs", "requirements", "skills", "tests", "tools/ui",
        *(
            f"ggml/src/ggml-{name}"
            for name in (
                "blas", "cann", "et", "hexagon", "hip", "metal", "musa", "opencl", "openvino",
                "rpc", "sycl", "virtgpu", "vulkan", "webgpu", "zdnn", "zendnn",
            )
        ),
    }
)  # fmt: skip
# And of llama-cpp-python itself.
_UNUSED_AROUND = frozenset({".git", ".github", "docker", "docs", "examples", "tests"})
_VENDOR = PurePosixPath("vendor/llama.cpp")
# No programs but those that are asked for.
_PROGRAMS = {
    "LLAMA_BUILD_TESTS": "off", "LLAMA_BUILD_EXAMPLES": "off", "LLAMA_BUILD_SERVER": "off",
    "LLAMA_BUILD_APP": "off", "LLAMA_BUILD_UI": "off", "LLAMA_OPENSSL": "off",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a build is: the Python packages, and llama-bench, which runs on their libraries."""

    folder: Path

    @property
    def packages(self) -> Path:
        """The folder for PYTHONPATH."""
        return self.folder / "packages"

    @property
    def libraries(self) -> Path:
        """llama.cpp's libraries, for ours and for llama-bench."""
        return self.packages / "llama_cpp/lib"

    @property
    def peer(self) -> Path:
        """The folder in which llama-bench is compiled."""
        return self.folder / "peer"

    @property
    def llama_bench(self) -> Path:
        """The peer's program."""
        return self.peer / "bin/llama-bench"

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment in which both sides run on this build."""
        return {
            **environ,
            "PYTHONPATH": _joined(str(self.packages), environ.get("PYTHONPATH")),
            "LD_LIBRARY_PATH": _joined(str(self.libraries), environ.get("LD_LIBRARY_PATH")),
        }


def _joined(first: str, rest: str | None) -> str:
    return f"{first}{os.pathsep}{rest}" if rest else first


def cmake_options(architecture: str, *, cuda: bool = True) -> list[str]:
    """Options for the package: `architecture` such as 90, or native for the card that is there."""
    options = {"GGML_NATIVE": "on", "LLAVA_BUILD": "off", "LLAMA_BUILD_TOOLS": "off", **_PROGRAMS}
    if cuda:
        options |= {
            "GGML_CUDA": "on",
            "CMAKE_CUDA_ARCHITECTURES": architecture,
            "GGML_CUDA_FA_ALL_QUANTS": "off",
            "GGML_CUDA_NCCL": "off",
        }
    return [f"-D{name}={value}" for name, value in options.items()]


def package_command(sources: Path, place: Place, *, offline: bool) -> list[str]:
    """The command that compiles llama-cpp-python into a folder of its own.

    Offline the tools of the build must be installed: scikit-build-core, cmake and ninja.
    """
    command = [
        sys.executable, "-m", "pip", "install", "--no-deps", "--no-cache-dir", "--verbose",
        "--upgrade", "--target", str(place.packages), "--no-binary", "llama-cpp-python",
    ]  # fmt: skip
    if offline:
        command += ["--no-build-isolation", "--no-index"]
    return [*command, str(sources)]


def peer_commands(sources: Path, place: Place, jobs: int) -> list[list[str]]:
    """The commands that compile llama-bench.

    Against libraries for the CPU, which take no long to compile and have the same interfaces; it
    runs on those of the package.
    """
    options = [f"-D{name}={value}" for name, value in _PROGRAMS.items()]
    return [
        [
            "cmake", "-S", str(sources / _VENDOR), "-B", str(place.peer),
            "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=on", *options,
        ],
        ["cmake", "--build", str(place.peer), "--target", "llama-bench", "-j", str(jobs)],
    ]  # fmt: skip


def build(
    archive: Path, place: Place, architecture: str, jobs: int, *, offline: bool, cuda: bool
) -> None:
    """Compile both from the sdist, or from what `trim` made of it.

    Raises CalledProcessError if a command fails; its output is not kept from the terminal.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    sources = unpacked(archive, place.folder / "sources")
    environ = {
        **os.environ,
        "CMAKE_ARGS": " ".join(cmake_options(architecture, cuda=cuda)),
        # Else the commit would be that of a repository around the folder, if there is one.
        "GIT_CEILING_DIRECTORIES": str(place.folder),
        "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs),
    }
    run(package_command(sources, place, offline=offline), environ)
    for command in peer_commands(sources, place, jobs):
        run(command, environ)


def run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Say a command, and run it."""
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True, env=environ, stdin=subprocess.DEVNULL)


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack the sources; returns their own folder, which is the only one in the archive."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    [sources] = [path for path in folder.iterdir() if path.is_dir()]
    return sources


def trim(sdist: Path, trimmed: Path) -> int:
    """Write the sdist without what no build for CUDA reads; returns the size in bytes."""
    with tarfile.open(sdist) as source, tarfile.open(trimmed, "w:xz") as target:
        for member in source:
            if is_needed(member.name):
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
    return trimmed.stat().st_size


def is_needed(name: str) -> bool:
    """Whether a build for CUDA reads this member of the sdist, whose first part is its name."""
    path = PurePosixPath(*PurePosixPath(name).parts[1:])
    if not path.is_relative_to(_VENDOR):
        return not path.parts or path.parts[0] not in _UNUSED_AROUND
    inside = path.relative_to(_VENDOR)
    return not any(inside.is_relative_to(unused) for unused in _UNUSED)
