"""The vector kernels write the bytes that ggml writes, whatever the weights."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from starling_convert import ggml, kernels
from starling_convert.gguf_file import Layout, PlacedTensor
from starling_convert.kernels.check_blocks import check_blocks, check_importance
from starling_convert.kernels.lanes import entry, from_half, to_half
from starling_convert.quantisers import (
    VECTOR_VARIANTS,
    Kernels,
    Variant,
    load_vector,
    worthwhile_variants,
)
from starling_convert.recipe import TensorType
from starling_convert.tensors import TensorSpec
from starling_local.errors import ConversionError

# Where fused multiply-add is part of every processor (ARM), compilers use it in ggml; the kernels
# then differ from it and step aside, which `self_check` is for.
if platform.machine() not in ("x86_64", "AMD64") and any(map(kernels.self_check, VECTOR_VARIANTS)):
    pytest.skip("ggml rounds otherwise on this processor", allow_module_level=True)

Floats = NDArray[np.float32]
BLOCK = 256
Q4_K = Variant(TensorType.Q4_K, weighted=False)
RANDOM = np.random.default_rng(20)
NORMAL = RANDOM.normal(0.0, 0.02, (300, BLOCK))
SIGNS = np.where(np.arange(BLOCK) % 2, 1.0, -1.0)


def spike(size: float, at: NDArray[np.int_], background: float) -> NDArray[np.float64]:
    blocks = background * NORMAL[: len(at)]
    blocks[np.arange(len(at)), at] = size
    return blocks


def grid(step: float, reach: int) -> NDArray[np.float64]:
    """Weights on k * step: where scales come out even, they lie on the borders of rounding."""
    levels = RANDOM.integers(-reach, reach + 1, (300, BLOCK)).astype(np.float64)
    return levels * step


def ties() -> NDArray[np.float64]:
    """Sub-blocks whose range is a whole number of levels and whose weights lie halfway between."""
    blocks = RANDOM.integers(0, 2 * 15 + 1, (300, BLOCK)) / 2.0
    blocks[:, ::16], blocks[:, 1::16] = 0.0, 15.0
    return blocks - RANDOM.integers(0, 16, (300, 1))


def bfloat16(weights: NDArray[np.float64] | Floats) -> Floats:
    bits = weights.astype(np.float32).view(np.uint32)
    upper: Floats = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    return upper


def exponential() -> NDArray[np.float64]:
    """What a column's mean square activation might be."""
    columns: NDArray[np.float64] = RANDOM.exponential(size=BLOCK)
    return columns


def lonely_column(place: int) -> NDArray[np.float64]:
    columns = np.zeros(BLOCK)
    columns[place] = 1.0
    return columns


EVERYWHERE = np.arange(BLOCK)
CASES: dict[str, Callable[[], NDArray[np.float64] | Floats]] = {
    "zeros": lambda: np.zeros((3, BLOCK)),
    "negative zeros": lambda: np.full((3, BLOCK), -0.0),
    "positive constants": lambda: np.tile(10.0 ** np.arange(-45.0, 5.0)[:, None], BLOCK),
    "negative constants": lambda: np.tile(-(10.0 ** np.arange(-45.0, 5.0))[:, None], BLOCK),
    "constant sub-blocks": lambda: np.repeat(RANDOM.normal(0.0, 1.0, (300, 16)), 16, axis=1),
    "one weight of zeros": lambda: spike(0.3, EVERYWHERE, 0.0),
    "one negative weight of zeros": lambda: spike(-0.3, EVERYWHERE, 0.0),
    "one outlier": lambda: spike(7.0, EVERYWHERE, 1.0),
    "one huge outlier": lambda: spike(-1e4, EVERYWHERE, 1.0),
    "denormals": lambda: grid(1.401298464324817e-45, 300),
    "scales that are denormal halves": lambda: NORMAL * np.geomspace(1e-6, 1e-2, 300)[:, None],
    "scales below all halves": lambda: NORMAL * np.geomspace(1e-30, 1e-5, 300)[:, None],
    "huge": lambda: NORMAL * np.geomspace(1.0, 5e5, 300)[:, None],
    "about 1e-15": lambda: NORMAL * np.geomspace(1e-15, 1e-12, 300)[:, None],
    "wide range": lambda: NORMAL * 10.0 ** RANDOM.uniform(-30.0, 5.0, (300, BLOCK)),
    "eighths": lambda: grid(1 / 8, 16),
    "sixteenths": lambda: grid(1 / 16, 32),
    "few eighths": lambda: grid(1 / 8, 2),
    "integers": lambda: grid(1.0, 15),
    "signs": lambda: grid(1.0, 1),
    "ties": ties,
    "positive": lambda: np.abs(NORMAL),
    "negative": lambda: -np.abs(NORMAL),
    "alternating": lambda: np.abs(NORMAL) * SIGNS,
    "alternating constants": lambda: np.linspace(1e-4, 1.0, 300)[:, None] * SIGNS,
    "ramps": lambda: np.linspace(-1.0, 1.0, BLOCK) * np.linspace(0.01, 3.0, 300)[:, None],
    "far from zero": lambda: NORMAL + RANDOM.normal(0.0, 1e3, (300, 1)),
    "barely uneven": lambda: 1e-6 * NORMAL + RANDOM.normal(0.0, 1.0, (300, 1)),
    "normal": lambda: NORMAL,
    "normal, bfloat16": lambda: bfloat16(NORMAL),
    "heavy tails": lambda: RANDOM.standard_t(2.0, (300, BLOCK)) * 0.02,
    "heavier tails": lambda: RANDOM.standard_cauchy((300, BLOCK)) * 1e-3,
    "mixed": lambda: check_blocks(seed=1, repeats=20),
}


# What importance matrices might say of 256 columns.
IMPORTANCES: dict[str, Callable[[], NDArray[np.float64]]] = {
    "exponential": exponential,
    "all equal": lambda: np.full(BLOCK, 0.25),
    "all zero": lambda: np.zeros(BLOCK),
    "half zero": lambda: exponential() * (RANDOM.random(BLOCK) < 0.5),
    "whole sub-blocks zero": lambda: exponential() * (np.arange(BLOCK) // 32 % 2),
    "one column": lambda: lonely_column(7),
    "the last column": lambda: lonely_column(BLOCK - 1),
    "huge spread": lambda: np.power(10.0, RANDOM.uniform(-20.0, 10.0, BLOCK)),
    "one outlier": lambda: exponential() + 1e6 * lonely_column(100),
    "huge": lambda: 1e30 * exponential(),
    "tiny": lambda: 1e-30 * exponential(),
    "denormal": lambda: np.floor(50 * RANDOM.random(BLOCK)) * 1.401298464324817e-45,
}


def id_of(variant: Variant) -> str:
    return f"{variant.type.name}{'-importance' if variant.weighted else ''}"


EVERY_VARIANT = pytest.mark.parametrize("variant", VECTOR_VARIANTS, ids=id_of)
WEIGHTED = [variant for variant in VECTOR_VARIANTS if variant.weighted]
SMALL = [variant for variant in VECTOR_VARIANTS if variant.type.block_weights == 32]
# These take the mean square of whole rows into account.
ROW_WISE = [variant for variant in SMALL if variant.weighted and variant.type.name[:2] != "IQ"]


def assert_same_bytes(
    variant: Variant,
    weights: NDArray[np.float64] | Floats,
    importance: NDArray[np.float64] | Floats | None = None,
) -> bool:
    """Both quantise [rows, columns]; returns whether the type can hold the weights.

    Where the variant wants an importance and the case has none, some columns are as good as any.
    """
    rows = np.ascontiguousarray(weights, np.float32)
    columns: Floats | None = None
    if variant.weighted:
        if importance is None:
            importance = np.random.default_rng(5).exponential(1.0, rows.shape[1:])
        columns = np.ascontiguousarray(importance, np.float32)
    size = variant.type.size_bytes(rows.size)
    # Different rubbish in both, so that a byte nobody writes shows.
    ours, reference = np.full(size, 0xAA, np.uint8), np.full(size, 0x55, np.uint8)
    fits = kernels.quantise_rows(variant.type, rows, ours, columns)
    assert fits == ggml.quantise_rows(variant.type, rows, reference, columns)
    differing = (ours != reference).reshape(-1, variant.type.block_bytes)
    assert not differing.any(), f"blocks {np.flatnonzero(differing.any(axis=1))}"
    return fits


@EVERY_VARIANT
@pytest.mark.parametrize("case", CASES)
def test_bytes_equal_ggml(case: str, variant: Variant) -> None:
    weights = CASES[case]()
    assert_same_bytes(variant, weights)
    if variant in ROW_WISE:
        wide = weights[: len(weights) - len(weights) % 3]
        assert_same_bytes(variant, wide.reshape(-1, 3 * BLOCK))


@pytest.mark.parametrize("variant", WEIGHTED, ids=id_of)
@pytest.mark.parametrize("case", IMPORTANCES)
def test_bytes_equal_ggml_whatever_counts(case: str, variant: Variant) -> None:
    importance = IMPORTANCES[case]()
    for weights in ("normal, bfloat16", "eighths", "one weight of zeros"):
        assert_same_bytes(variant, CASES[weights]()[::4], importance)
    assert_same_bytes(variant, check_blocks(seed=3, repeats=2), importance)


@EVERY_VARIANT
def test_ordinary_weights_are_not_left_to_ggml(variant: Variant) -> None:
    """Or the kernels would be compared with themselves, and be no faster."""
    for weights in (bfloat16(NORMAL), CASES["heavy tails"]()):
        flat = np.ascontiguousarray(weights, np.float32).reshape(-1)
        out = np.empty(variant.type.size_bytes(flat.size), np.uint8)
        importance = RANDOM.exponential(1.0, flat.size).astype(np.float32)
        columns = importance if variant.weighted else None
        assert not kernels.quantise_blocks(variant.type, flat, out, columns).any()


@EVERY_VARIANT
@pytest.mark.parametrize("size", [1e8, 1e10, 1e12, 1e18, 1e19, 1e30, 3e38])
def test_weights_beyond_half_precision(variant: Variant, size: float) -> None:
    """ggml overflows here, and we with it."""
    assert_same_bytes(variant, np.clip(NORMAL[:40] * 50.0 * size, -size, size))


def test_what_half_precision_cannot_hold_is_refused() -> None:
    for variant in VECTOR_VARIANTS:
        assert not assert_same_bytes(variant, NORMAL[:40] * 50.0 * 1e12)


@EVERY_VARIANT
@pytest.mark.parametrize("columns", [256, 768, 14336])
@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_shapes(variant: Variant, rows: int, columns: int) -> None:
    assert assert_same_bytes(variant, RANDOM.normal(0.0, 0.02, (rows, columns)))


@pytest.mark.parametrize("variant", SMALL, ids=id_of)
@pytest.mark.parametrize("columns", [32, 96, 160])
@pytest.mark.parametrize("rows", [1, 3, 29])
def test_narrow_shapes(variant: Variant, rows: int, columns: int) -> None:
    """Rows end within a tile, and within what the mean squares take at once."""
    assert assert_same_bytes(variant, RANDOM.normal(0.0, 0.02, (rows, columns)))


@EVERY_VARIANT
@settings(max_examples=60, deadline=None)
@given(
    weights=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.just(BLOCK)),
        elements=st.floats(-1e4, 1e4, width=32),
        fill=st.sampled_from([np.float32(value) for value in (0.0, 0.5, -1.0, 1e-20)]),
    ),
    scale=st.sampled_from([1.0, 1e-2, 1e-7, 1e-20]),
    importance=hnp.arrays(
        np.float32,
        BLOCK,
        elements=st.floats(0.0, 1e10, width=32),
        fill=st.sampled_from([np.float32(value) for value in (0.0, 0.5, 1e-20)]),
    ),
)
def test_arbitrary_blocks(
    variant: Variant, weights: Floats, scale: float, importance: Floats
) -> None:
    assert_same_bytes(variant, weights * np.float32(scale), importance)


def test_threads_do_not_disturb_each_other() -> None:
    """The kernels run without the GIL and share nothing."""
    weights = RANDOM.normal(0.0, 0.02, (6, 50, 2048)).astype(np.float32)
    failures: list[AssertionError] = []

    def work(part: Floats) -> None:
        try:
            for variant in VECTOR_VARIANTS:
                assert_same_bytes(variant, part)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in weights]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@entry
def halves(values: Floats, out: NDArray[np.uint16]) -> None:
    for i in range(values.size):
        out[i] = to_half(values[i])


@entry
def floats(bits: NDArray[np.uint16], out: Floats) -> None:
    for i in range(bits.size):
        out[i] = from_half(bits[i])


def test_half_precision_equals_numpy() -> None:
    values = RANDOM.normal(0.0, 1.0, 20_000) * 10.0 ** RANDOM.uniform(-10.0, 6.0, 20_000)
    finite = np.arange(0x7C00, dtype=np.uint16)
    exact = finite.view(np.float16).astype(np.float32)
    borders = (exact[:-1] + exact[1:]) / np.float32(2.0)
    samples = np.concatenate([values.astype(np.float32), exact, borders, -borders])
    with np.errstate(over="ignore"):
        expected = samples.astype(np.float16).view(np.uint16)
    rounded, widened = np.empty_like(expected), np.empty_like(exact)
    halves(samples, rounded)
    floats(finite, widened)
    assert rounded.tolist() == expected.tolist()
    assert widened.tolist() == exact.tolist()


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
    q4_k, q6_k = Variant(TensorType.Q4_K, weighted=False), Variant(TensorType.Q6_K, weighted=False)
    assert worthwhile_variants(Kernels.AUTO, layouts) == {q4_k, q6_k}
    assert worthwhile_variants(Kernels.GGML, layouts) == frozenset()
    # Without importance Q4_0 is as fast in ggml; by name even little is the kernels'.
    by_name = worthwhile_variants(Kernels.VECTOR, layouts)
    assert by_name == {q4_k, q6_k, Variant(TensorType.Q5_K, weighted=False)}
    assert worthwhile_variants(Kernels.AUTO, layouts, {"b", "c"}) == {
        q4_k,
        Variant(TensorType.Q6_K, weighted=True),
        Variant(TensorType.Q4_0, weighted=True),
    }


@EVERY_VARIANT
def test_self_check_is_content(variant: Variant) -> None:
    assert kernels.self_check(variant) is None


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
    q6_k = Variant(TensorType.Q6_K, weighted=False)
    quantise, note = load_vector(Kernels.AUTO, frozenset({Q4_K, q6_k}))
    assert note is not None
    assert note.startswith("ggml's own, slower quantisers are used: Q4_K: ")
    assert "Q6_K" not in note
    rows = bfloat16(NORMAL)
    ours, reference = np.empty(300 * 144, np.uint8), np.empty(300 * 144, np.uint8)
    assert quantise(TensorType.Q4_K, rows, ours, None)
    ggml.quantise_rows(TensorType.Q4_K, rows, reference)
    assert (ours == reference).all()
    with pytest.raises(ConversionError, match="Q4_K: "):
        load_vector(Kernels.VECTOR, frozenset({Q4_K, q6_k}))


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


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100))
def test_millions_of_blocks(seed: int) -> None:
    """Two million blocks of 256 weights in all, per variant; eight times as many of 32."""
    random = np.random.default_rng(seed)
    normal = random.standard_normal((14_000, BLOCK), np.float32)
    normal *= np.float32(10.0 ** random.uniform(-4.0, 1.0))
    tails = np.clip(0.02 * random.standard_t(random.uniform(1.0, 5.0), (3_000, BLOCK)), -1e4, 1e4)
    mixed = check_blocks(seed, repeats=35)
    for weights in (bfloat16(normal) if seed % 2 else normal, tails, mixed):
        # Two rows: the blocks of one have importances of their own.
        wide = np.ascontiguousarray(weights.reshape(2, -1), np.float32)
        importance = check_importance(seed, wide.shape[1])
        for variant in VECTOR_VARIANTS:
            # ... but where the mean square of a row counts, short rows.
            if variant in ROW_WISE:
                assert_same_bytes(variant, wide.reshape(-1, 2 * BLOCK), importance[: 2 * BLOCK])
            else:
                assert_same_bytes(variant, wide, importance)
