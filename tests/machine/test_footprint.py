"""Sizes worked out from a header, against what llama.cpp says it allocates."""

from __future__ import annotations

import ctypes
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from starling_convert.recipe import FileType
from starling_local.engine import library
from starling_local.engine.context import Context
from starling_local.engine.gguf_header import read_header
from starling_local.engine.model import Model
from starling_local.errors import BadFileError
from starling_local.machine.asked import PREFERRED, Asked, Use
from starling_local.machine.fitting.fit import Machine, plan
from starling_local.machine.fitting.footprint import BASE_BYTES, Footprint, footprint
from starling_local.machine.fitting.memory import HostMemory
from starling_local.settings import ContextSettings, KvType, LoadSettings
from tests.checkpoints import Shape
from tests.machine.models import footprint_of
from tests.machine.sparse import SEVEN, write_hollow, write_sparse

MIB = 2**20
AVX2 = "AVX2 = 1"
# The log has two digits behind the point.
LOGGED = 0.01 * MIB


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 7B in Q4_K_M."""
    folder = tmp_path_factory.mktemp("seven") / "Starling-LM-7B-alpha"
    return write_sparse(write_hollow(folder, SEVEN), FileType.Q4_K_M)


@pytest.fixture(scope="module")
def middling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 80 MB in Q4_K_M."""
    shape = Shape(layers=5, hidden=1024, ffn=3584, heads=16, kv_heads=4, vocab=32002)
    folder = tmp_path_factory.mktemp("middling") / "Middling"
    return write_sparse(write_hollow(folder, shape), FileType.Q4_K_M)


@contextmanager
def said() -> Iterator[list[str]]:
    """What llama.cpp logs meanwhile."""
    lines: list[str] = []

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def hear(_level: int, text: bytes, _data: object) -> None:
        lines.append(text.decode())

    library.start()
    llama_cpp.llama_log_set(hear, ctypes.c_void_p())
    yield lines
    library.start.cache_clear()
    library.start()


def sizes(lines: list[str], what: str) -> list[float]:
    """The sizes of the buffers of a kind, in bytes."""
    found = re.findall(rf"{what} +buffer size = +([\d.]+) MiB", "".join(lines))
    return [float(one) * MIB for one in found]


def compute_bytes(path: Path, context: int, batch: int, kv_type: int, flash: int) -> float:
    """What llama.cpp reserves for the computation; nothing is allocated for it."""
    params = llama_cpp.llama_model_default_params()
    params.no_alloc, params.load_mode, params.use_extra_bufts = True, 0, False
    with said() as lines:
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert model
        wanted = llama_cpp.llama_context_default_params()
        wanted.n_ctx, wanted.n_batch, wanted.n_ubatch = context, batch, batch
        wanted.kv_unified, wanted.flash_attn_type = True, flash
        wanted.type_k = wanted.type_v = kv_type
        made = llama_cpp.llama_init_from_model(model, wanted)
        assert made
        llama_cpp.llama_free(made)
        llama_cpp.llama_model_free(model)
    [size_bytes] = sizes(lines, "compute")
    return size_bytes


def test_the_buffer_for_the_computation(seven: Path, nano_file: Path) -> None:
    off, on = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED, llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
    f16, q8_0 = llama_cpp.GGML_TYPE_F16, llama_cpp.GGML_TYPE_Q8_0
    for path in (seven, nano_file):
        model = footprint(read_header(path), AVX2)
        for context, batch, kv_type, flash in (
            (4096, 512, f16, on), (8192, 512, f16, on), (8192, 512, q8_0, on), (4096, 64, f16, on),
            (2048, 1024, f16, on), (512, 2048, f16, on), (4096, 512, f16, off),
            (8192, 512, f16, off), (2048, 64, f16, off), (256, 256, f16, off),
        ):  # fmt: skip
            real = compute_bytes(path, context, min(batch, context), kv_type, flash)
            planned = model.compute_bytes(context, batch, batch, has_flash_attention=flash == on)
            assert real <= planned <= 1.08 * real + 2 * MIB


def test_weights_keys_and_values_are_exact(seven: Path, nano_file: Path, middling: Path) -> None:
    for path in (nano_file, middling):
        model = footprint(read_header(path), AVX2)
        for kv_type in KvType:
            with said() as lines, Model(path) as loaded:
                settings = ContextSettings(context=1000, kv_type=kv_type)
                Context(loaded, settings).close()
                weights = llama_cpp.llama_model_size(loaded.handle)
            [kv] = sizes(lines, "KV")
            layers = len(model.layer_bytes)
            assert abs(kv - layers * model.kv_layer_bytes(1000, kv_type)) <= LOGGED
            assert weights == model.weights_bytes
    model = footprint(read_header(seven), AVX2)
    # From the file and from the shape alone; 128 KiB for each token in f16.
    assert model == footprint_of("7B", FileType.Q4_K_M)
    assert 32 * model.kv_layer_bytes(8192, KvType.F16) == 2**30
    assert model.parameters == 7_241_748_480 - 65 * 4096
    assert model.layers == 33


def test_what_repacking_copies(middling: Path) -> None:
    features = llama_cpp.llama_print_system_info().decode()
    model = footprint(read_header(middling), features)
    with said() as lines:
        Model(middling, LoadSettings(repack=True)).close()
    copied = sum(sizes(lines, "CPU_REPACK model"))
    planned = sum(model.repacked_layer_bytes) + model.repacked_output_bytes
    assert abs(copied - planned) <= LOGGED
    assert 0 < planned < model.weights_bytes
    # On ARM, more types; without vector instructions, none.
    arm = footprint(read_header(middling), "NEON = 1 | ARM_FMA = 1")
    assert sum(arm.repacked_layer_bytes) > sum(model.repacked_layer_bytes)
    assert not any(footprint(read_header(middling), "").repacked_layer_bytes)


@pytest.mark.skipif(sys.platform != "linux", reason="measures what Linux says")
def test_the_estimate_is_the_resident_set(middling: Path) -> None:
    """Within 5 %, Python itself included: `starling ask` against `starling fit`."""
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.memory", str(middling), "--json",
            "--ctx", "4096", "--kv-type", "f16", "--repack", "1",
        ],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    row = json.loads(done.stdout)
    assert row["measured"] > read_header(middling).file_size_bytes + BASE_BYTES / 2
    assert 0.95 <= row["estimate"] / row["measured"] <= 1.05


def test_a_header_that_lies_is_not_believed(nano_file: Path) -> None:
    """Whatever the metadata says, what is worked out is about the tensors that are there."""
    header = read_header(nano_file)
    honest = footprint(header, AVX2)

    def with_(**values: Any) -> Footprint:
        named = {f"llama.{key}": value for key, value in values.items()}
        return footprint(replace(header, metadata={**header.metadata, **named}), AVX2)

    assert with_(embedding_length=2**40, feed_forward_length=-1) == honest
    assert with_(block_count=2**40).weights_bytes == honest.weights_bytes
    assert with_(attention_head_count="x").width == honest.width
    assert len(with_(block_count=2**40).layer_bytes) <= len(header.tensors)
    many = replace(
        header, metadata={**header.metadata, "llama.block_count": 2**40},
        tensors=header.tensors * 100,
    )  # fmt: skip
    assert len(footprint(many, AVX2).layer_bytes) == 512


def test_damaged_headers(nano_file: Path, tmp_path: Path) -> None:
    """Whatever the guard lets through can be planned for."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(nano_file.read_bytes())
    start = read_header(path).data_offset
    chance = random.Random(1)
    there = Machine(HostMemory(8 * 2**30, 6 * 2**30))
    passed = 0
    with path.open("r+b") as file:
        for _ in range(400):
            # The names of the metadata and of the tensors are at the ends; the vocabulary between.
            place = chance.choice((chance.randrange(1500), start - chance.randrange(4, 3000)))
            file.seek(place)
            kept = file.read(4)
            file.seek(place)
            file.write(chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", chance.randbytes(4))))
            file.flush()
            try:
                model = footprint(read_header(path), AVX2)
                assert plan(model, there, Asked(), PREFERRED[Use.CHAT]).host_total > 0
                passed += 1
            except BadFileError:
                pass
            file.seek(place)
            file.write(kept)
    assert passed > 20
