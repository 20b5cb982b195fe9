"""Which quantiser does the work: the kernels where they pay, and what they cannot do is ggml's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from starling_convert import ggml, kernels
from starling_convert.gguf_file import Layout, PlacedTensor
from starling_convert.quantisers import Kernels, Variant, load_vector, worthwhile_variants
from starling_convert.recipe import TensorType
from starling_convert.tensors import TensorSpec
from starling_local.errors import ConversionError
from tests.convert.kernel_cases import NORMAL, bfloat16

Q4_K = Variant(TensorType.Q4_K, weighted=False)
Q6_K = Variant(TensorType.Q6_K, weighted=False)
Q8_0 = Variant(TensorType.Q8_0, weighted=False)


def layout(*tensors: tuple[str, int, TensorType]) -> Layout:
    """Of a file with these names, numbers of rows of 4096 weights, and types."""
    placed = tuple(
        PlacedTensor(TensorSpec(name, name, (rows, 4096)), kind, 0, 0)
        for name, rows, kind in tensors
    )
    return Layout(placed, 0)


def test_kernels_are_used_where_they_repay_compiling() -> None:
    small, large = 100, 500_000
    layouts = [
        layout(("a", large, TensorType.Q4_K), ("b", large, TensorType.Q6_K)),
        layout(("a", small, TensorType.Q5_K), ("c", large, TensorType.Q4_0)),
    ]
    assert worthwhile_variants(Kernels.AUTO, layouts) == {Q4_K, Q6_K}
    assert worthwhile_variants(Kernels.GGML, layouts) == frozenset()
    # Without importance Q4_0 is as fast in ggml; by name even little is the kernels'.
    by_name = worthwhile_variants(Kernels.VECTOR, layouts)
    assert by_name == {Q4_K, Q6_K, Variant(TensorType.Q5_K, weighted=False)}
    assert worthwhile_variants(Kernels.AUTO, layouts, {"b", "c"}) == {
        Q4_K,
        Variant(TensorType.Q6_K, weighted=True),
        Variant(TensorType.Q4_0, weighted=True),
    }


@pytest.fixture
def other_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q4_K's first step is another one than ggml's."""
    other = {**kernels._KERNELS, Q4_K: kernels._affine(15.0, -0.9, 20)}
    monkeypatch.setattr(kernels, "_KERNELS", other)


@pytest.mark.usefixtures("other_kernel")
def test_self_check_tells_what_differs() -> None:
    said = kernels.self_check(Q4_K)
    assert said is not None
    assert said.startswith("Q4_K: ")
    assert said.endswith("blocks differ from ggml's")


@pytest.mark.usefixtures("other_kernel")
def test_one_that_differs_steps_aside_alone() -> None:
    quantise, note = load_vector(Kernels.AUTO, frozenset({Q4_K, Q8_0}))
    assert note is not None
    assert note.startswith("ggml's own, slower quantisers are used: Q4_K: ")
    assert "Q8_0" not in note
    rows = bfloat16(NORMAL)
    ours, reference = np.empty(300 * 144, np.uint8), np.empty(300 * 144, np.uint8)
    assert quantise(TensorType.Q4_K, rows, ours, None)
    ggml.quantise_rows(TensorType.Q4_K, rows, reference)
    assert (ours == reference).all()
    with pytest.raises(ConversionError, match="Q4_K: "):
        load_vector(Kernels.VECTOR, frozenset({Q4_K, Q8_0}))


LOAD_Q8_0 = """
from starling_convert.quantisers import Kernels, Variant, load_vector
from starling_convert.recipe import TensorType
q8_0 = Variant(TensorType.Q8_0, weighted=False)
quantise, note = load_vector(Kernels.AUTO, frozenset({q8_0}))
print(q8_0 in quantise.vector, note)
"""


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(4096)], ids=["empty", "other", "zeros"])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_cache(suffix: str, content: bytes, tmp_path: Path, compiled_q8_0: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(compiled_q8_0, cache)
    for path in cache.rglob(f"*.{suffix}"):
        path.write_bytes(content)
    [folder] = cache.iterdir()
    said = load_in_a_process(cache)
    assert said.startswith("False ggml's own, slower quantisers are used: numba's cache is damaged")
    assert f"remove {folder}/*.nb* (" in said


@pytest.fixture(scope="module")
def compiled_q8_0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("numba")
    assert load_in_a_process(cache) == "True None\n"
    return cache


def load_in_a_process(cache: Path) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", LOAD_Q8_0]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout
