"""The vector kernels write the bytes that ggml writes, whatever the weights."""

from __future__ import annotations

import platform
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from starling_convert import ggml, kernels
from starling_convert.kernels.check_blocks import check_blocks, check_importance
from starling_convert.kernels.lanes import entry, from_half, to_half
from starling_convert.quantisers import VECTOR_VARIANTS, Variant
from tests.convert.kernel_cases import BLOCK, CASES, IMPORTANCES, NORMAL, Floats, bfloat16

# Where fused multiply-add is part of every processor (ARM), compilers use it in ggml; the kernels
# then differ from it and step aside, which `self_check` is for.
if platform.machine() not in ("x86_64", "AMD64") and any(map(kernels.self_check, VECTOR_VARIANTS)):
    pytest.skip("ggml rounds otherwise on this processor", allow_module_level=True)

RANDOM = np.random.default_rng(21)


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


@EVERY_VARIANT
def test_self_check_is_content(variant: Variant) -> None:
    assert kernels.self_check(variant) is None


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
