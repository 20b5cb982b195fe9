"""How a file comes to be run, on invented machines: settings, notes, refusals with commands."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from starling_convert.recipe import FileType
from starling_local.engine.devices import Device, DeviceKind
from starling_local.engine.library import EngineLog
from starling_local.errors import BadFileError, DoesNotFitError, NotFoundError, UsageError
from starling_local.machine.asked import ALL_LAYERS, Asked, Use
from starling_local.machine.fitting.fit import Machine
from starling_local.machine.fitting.memory import HostMemory
from starling_local.machine.running import NO_GPU, Running, run_settings
from starling_local.settings import KvType
from tests.machine.sparse import SEVEN, write_hollow, write_sparse

GIB = 2**30


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 7B in Q4_K_M, its weights a hole."""
    folder = tmp_path_factory.mktemp("seven") / "Starling-LM-7B-alpha"
    return write_sparse(write_hollow(folder, SEVEN), FileType.Q4_K_M)


def host(total_gib: float, available_gib: float) -> HostMemory:
    return HostMemory(int(total_gib * GIB), int(available_gib * GIB))


def gpu(total_gib: float, free_gib: float, name: str = "CUDA0") -> Device:
    free, total = int(free_gib * GIB), int(total_gib * GIB)
    return Device(name, "NVIDIA GeForce RTX 3060", DeviceKind.GPU, "CUDA", free, total)


LARGE, LAPTOP, TIGHT, SMALL = host(31, 28), host(7.6, 5.9), host(7.6, 4.95), host(3.8, 3.2)


def run(
    path: Path, memory: HostMemory, *gpus: Device, use: Use = Use.CHAT, **asked: object
) -> Running:
    return run_settings(path, Asked(**asked), use, machine=lambda: Machine(memory, gpus))  # type: ignore[arg-type]


def test_notes(seven: Path) -> None:
    """One line, and none where everything is as usual."""
    assert run(seven, LARGE).notes == ()
    assert run(seven, LAPTOP, use=Use.ASK).notes == ()
    assert run(seven, LAPTOP).notes == (
        "weights that are not repacked, as only 6.34 GB of memory is available",
    )
    assert run(seven, TIGHT, use=Use.ASK).notes == (
        "a context of 3072 tokens and a KV cache of q8_0, as only 5.32 GB of memory is available",
    )
    assert run(seven, LARGE, gpu(12, 11.6)).notes == (
        "all 33 layers on CUDA0 (NVIDIA GeForce RTX 3060)",
    )
    assert run(seven, LARGE, gpu(6, 4.6)).notes == (
        "29 of 33 layers on CUDA0, as CUDA0 has 4.94 GB free",
    )
    assert run(seven, LARGE, gpu(4, 3.8), gpu(4, 3.8, "CUDA1")).notes == (
        "17 + 16 of 33 layers on CUDA0 and CUDA1",
    )
    assert run(seven, LARGE, gpu(8, 0.3), use=Use.ASK).notes == (
        "no layers on a GPU, as CUDA0 has 322.12 MB free",
    )
    # A GPU that has to hold what it has little room for.
    assert run(seven, LARGE, gpu(6, 4.9), gpu_layers=ALL_LAYERS).notes == (
        "a KV cache of q8_0, as CUDA0 has 5.26 GB free and 30.06 GB of memory is available",
    )
    # What was asked for needs no telling.
    assert run(seven, LARGE, gpu(12, 11.6), gpu_layers=20).notes == ()
    assert run(seven, LAPTOP, repack=False, context=2048, kv_type=KvType.Q8_0).notes == ()


def test_asking_for_a_gpu_where_there_is_none(seven: Path) -> None:
    """The CPU does it, and says so; a GPU that is named must be there."""
    for asked in ({"gpu_layers": ALL_LAYERS}, {"tensor_split": (1.0, 2.0)}, {"main_gpu": 1}):
        found = run(seven, LARGE, use=Use.ASK, **asked)
        assert found.notes == (NO_GPU,)
        assert found.load.gpu_layers == 0
    for asked in ({}, {"tensor_split": (1.0, 2.0)}, {"main_gpu": 1}):
        # No GPU is wanted.
        assert run(seven, LARGE, gpu(12, 11.6), use=Use.ASK, gpu_layers=0, **asked).notes == ()
    with pytest.raises(UsageError, match="no GPU is called CUDA0"):
        run(seven, LARGE, devices=("CUDA0",))


def test_a_refusal_names_a_command_that_fits(seven: Path) -> None:
    card = gpu(6, 4.2)
    for memory, gpus, asked, command in (
        (TIGHT, (), {"context": 4096}, "--ctx 3072"),
        (TIGHT, (), {"context": 3072, "kv_type": KvType.F16}, "--ctx 1536 --kv-type f16"),
        # As long as it was trained for, though less is usual.
        (LAPTOP, (), {"context": 32768, "kv_type": KvType.F16}, "--ctx 8192 --kv-type f16"),
        (LAPTOP, (), {"repack": True}, "--no-repack"),
        (LARGE, (card,), {"gpu_layers": ALL_LAYERS, "kv_type": KvType.F16}, "--kv-type f16"),
        (LARGE, (card,), {"gpu_layers": ALL_LAYERS}, "--gpu-layers 26"),
        (
            TIGHT,
            (),
            {"context": 8192, "kv_type": KvType.F16, "repack": True},
            "--ctx 3072 --kv-type q8_0 --no-repack",
        ),
    ):
        with pytest.raises(DoesNotFitError) as caught:
            run(seven, memory, *gpus, **asked)
        assert caught.value.exit_code == 5
        assert seven.name in caught.value.message
        hint = caught.value.hint or ""
        assert hint.startswith("it fits so: starling chat -m ")
        assert command in hint
        # What it says is true.
        words = shlex.split(hint)
        fixed = dict(zip(words[6::2], words[7::2], strict=False))
        again = replace(
            Asked(**asked),
            context=int(fixed["--ctx"]) if "--ctx" in fixed else None,
            kv_type=KvType(fixed["--kv-type"]) if "--kv-type" in fixed else None,
            gpu_layers=int(fixed["--gpu-layers"]) if "--gpu-layers" in fixed else None,
            repack=False if "--no-repack" in words else None,
        )
        run_settings(seven, again, Use.CHAT, machine=lambda: Machine(memory, gpus))  # noqa: B023


def test_a_refusal_names_another_file(seven: Path, tmp_path: Path) -> None:
    large = write_sparse(write_hollow(tmp_path / "Starling", SEVEN), FileType.Q8_0)
    with pytest.raises(DoesNotFitError) as caught:
        run(large, LAPTOP, use=Use.ASK)
    assert caught.value.hint == (
        "as Q5_K_M, of 5.13 GB, it would fit: starling convert CHECKPOINT -q Q5_K_M"
    )
    beside = tmp_path / "other name.gguf"
    beside.hardlink_to(seven)
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF")
    with pytest.raises(DoesNotFitError) as caught:
        run(large, LAPTOP, use=Use.ASK)
    assert caught.value.hint == f"a smaller one fits: starling ask PROMPT -m '{beside}'"
    # Rather the same model than another one of its shape.
    same = tmp_path / "Starling.Q5_0.gguf"
    same.hardlink_to(seven)
    beside.rename(tmp_path / "Another-Q5_0.gguf")
    with pytest.raises(DoesNotFitError) as caught:
        run(large, LAPTOP, use=Use.ASK)
    assert caught.value.hint == f"a smaller one fits: starling ask PROMPT -m {same}"
    with pytest.raises(DoesNotFitError) as caught:
        run(large, SMALL, use=Use.BATCH)
    assert "close other programs, or choose a smaller model" in str(caught.value.hint)


def test_a_refusal_can_be_overruled(seven: Path) -> None:
    found = run(seven, SMALL, must_fit=False)
    assert found.context.context == 1024
    assert found.notes[-1].startswith(
        "memory is short, which may be slow or fail: it takes 4.64 GB"
    )


def test_what_is_no_model_is_a_bad_file(nano_file: Path, tmp_path: Path) -> None:
    """Also where what it says of its size does not fit."""
    with pytest.raises(NotFoundError):
        run(tmp_path / "none.gguf", LARGE)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(nano_file.read_bytes().replace(b"llama.embedding", b"other.embedding"))
    with pytest.raises(BadFileError):
        run(bad, host(0.01, 0.001))


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_memory_that_llama_cpp_does_not_get(seven: Path) -> None:
    """Whatever was planned, it is told as want of memory, not as a bad file."""
    for limit_kb, options, message in (
        (3_500_000, "", "mmap failed: Cannot allocate memory"),
        (5_000_000, "--repack", "insufficient memory"),
        (5_000_000, "--ctx 8192", "a context of 8192 tokens does not fit in memory"),
    ):
        run_it = f"{sys.executable} -m starling_local ask --no-stdin -m {seven} {options} Hello"
        done = subprocess.run(
            ["sh", "-c", f"ulimit -v {limit_kb}; exec {run_it}"], capture_output=True, text=True
        )
        assert done.returncode == 5
        assert message in done.stderr
        assert "hint: " in done.stderr


def test_want_of_memory_is_told_from_a_bad_file() -> None:
    for line, is_memory in (
        ("ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4095.05 MiB on device 0: "
         "cudaMalloc failed: out of memory", True),
        ("llama_model_load: error loading model: unable to allocate CUDA0 buffer", True),
        ("ggml_vulkan: Device memory allocation of size 1 failed.\n"
         "ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory", True),
        ("llama_model_load: error loading model: mmap failed: Cannot allocate memory", True),
        ("llama_model_load: error loading model: missing tensor 'output_norm.weight'", False),
        ("gguf_init_from_file_impl: invalid magic characters: 'abcd'", False),
    ):  # fmt: skip
        log = EngineLog()
        log.write(line + "\n", 4)
        assert log.ran_out_of_memory is is_memory
        log.forget_errors()
        assert not log.ran_out_of_memory
