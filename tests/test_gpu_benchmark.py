"""The benchmark for graphics cards, as far as it can be tried without one."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from benchmarks.decode import Speed, parsed
from benchmarks.gpu import Difference, differences, memory_line
from benchmarks.gpu_build import (
    Place,
    cmake_options,
    is_needed,
    package_command,
    peer_commands,
    trim,
    unpacked,
)

PLACE = Place(Path("/gpu"))


def test_options_of_the_build() -> None:
    options = cmake_options("90")
    assert {"-DGGML_CUDA=on", "-DCMAKE_CUDA_ARCHITECTURES=90", "-DGGML_NATIVE=on"} <= {*options}
    assert "-DGGML_CUDA_FA_ALL_QUANTS=off" in options
    assert not any("CUDA" in option for option in cmake_options("90", cuda=False))


def test_commands_of_the_build() -> None:
    offline = package_command(Path("/sources"), PLACE, offline=True)
    assert offline[:4] == [sys.executable, "-m", "pip", "install"]
    assert offline[-3:] == ["--no-build-isolation", "--no-index", "/sources"]
    assert offline[offline.index("--target") + 1] == "/gpu/packages"
    assert "--no-index" not in package_command(Path("/sources"), PLACE, offline=False)
    configure, compile_ = peer_commands(Path("/sources"), PLACE, 16)
    assert configure[:5] == ["cmake", "-S", "/sources/vendor/llama.cpp", "-B", "/gpu/peer"]
    assert compile_[-4:] == ["--target", "llama-bench", "-j", "16"]


def test_both_sides_run_on_one_build() -> None:
    environ = PLACE.environ({"LD_LIBRARY_PATH": "/cuda/lib", "HOME": "/home/ada"})
    assert environ == {
        "HOME": "/home/ada",
        "PYTHONPATH": "/gpu/packages",
        "LD_LIBRARY_PATH": "/gpu/packages/llama_cpp/lib:/cuda/lib",
    }
    assert PLACE.llama_bench == Path("/gpu/peer/bin/llama-bench")


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("x-1/CMakeLists.txt", True),
        ("x-1/llama_cpp/llama.py", True),
        ("x-1/vendor/llama.cpp/ggml/src/ggml-cuda/mmq.cu", True),
        ("x-1/vendor/llama.cpp/tools/llama-bench/main.cpp", True),
        ("x-1/vendor/llama.cpp/ggml/src/ggml-vulkan/ggml-vulkan.cpp", False),
        ("x-1/vendor/llama.cpp/models/ggml-vocab.gguf", False),
        ("x-1/vendor/llama.cpp/tools/ui/index.html", False),
        ("x-1/docs/index.md", False),
    ],
)
def test_what_is_carried(name: str, is_kept: bool) -> None:
    assert is_needed(name) is is_kept


def test_trimming(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x-1.tar.gz", "w:gz") as tar:
        for name in ("x-1/pyproject.toml", "x-1/docs/a.md", "x-1/vendor/llama.cpp/src/a.cpp"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    trimmed = tmp_path / "trimmed.tar.xz"
    assert trim(tmp_path / "x-1.tar.gz", trimmed) == trimmed.stat().st_size
    sources = unpacked(trimmed, tmp_path / "sources")
    assert sources == tmp_path / "sources/x-1"
    files = {str(path.relative_to(sources)) for path in sources.rglob("*") if path.is_file()}
    assert files == {"pyproject.toml", "vendor/llama.cpp/src/a.cpp"}
    assert (sources / "pyproject.toml").read_text() == "x-1/pyproject.toml"


def test_what_llama_bench_prints() -> None:
    entries = [
        {"model_type": "llama 7B Q4_K", "n_prompt": 512, "n_gen": 0, "avg_ts": 61.5},
        {"model_type": "llama 7B Q4_K", "n_prompt": 0, "n_gen": 128, "avg_ts": 7.25},
    ]
    assert parsed(json.dumps(entries)) == Speed(prefill=61.5, decode=7.25)


def test_where_answers_part() -> None:
    def answer(*tokens: int) -> dict[str, list[float]]:
        return {"tokens": [*tokens], "margins": [token / 10 for token in tokens]}

    same, other = answer(1, 2, 3), answer(1, 5, 3)
    assert differences([same], [same]) == []
    assert differences([same, same], [same, other]) == [Difference(1, 1, 0.2)]
    # One of them ended.
    assert differences([same], [answer(1, 2)]) == [Difference(0, 2, 0.3)]
    assert differences([answer(1, 2)], [same]) == [Difference(0, 2, 0.3)]


def test_what_is_said_of_memory() -> None:
    found = {
        "measured_bytes": [4_000_000_000],
        "estimated_bytes": [4_100_000_000],
        "layers_of_automatic_fit": 33,
        "layers": 33,
    }
    assert memory_line(found) == (
        "  memory of the card: 4,000 MB measured, 4,100 MB estimated (1.025 of it); "
        "automatic fit: 33 of 33 layers"
    )


def test_a_run_on_the_cpu(nano_file: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "run", str(nano_file), "--no-build"]
    command += ["--small", str(nano_file), "--threads", "1", "--layers", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "16 of 16 greedy answers are the same" in done.stdout
    assert f"{nano_file.name}, 0 layers on the card" in done.stdout


def test_memory_is_estimated(nano_file: Path) -> None:
    from benchmarks.gpu_child import estimated, memory
    from starling_local.engine.gguf_header import read_header
    from starling_local.machine.fitting.footprint import footprint

    found = memory(nano_file, 0, 256)
    assert found["layers"] == footprint(read_header(nano_file), "").layers
    size = footprint(read_header(nano_file), "")
    [none] = estimated(size, 0, 1024, cards=1)
    half, everything = (estimated(size, count, 1024, cards=2) for count in (2, 99))
    assert none == half[1] == everything[1] == 0
    assert 0 < half[0] < everything[0]
