"""The vector kernels write the bytes that ggml writes, whatever the weights."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from starling_convert import ggml, kernels
from starling_convert.kernels.check_blocks import check_blocks
from starling_convert.kernels.lanes import from_half, to_half
from starling_convert.quantisers import VECTOR_TYPES
from starling_convert.recipe import TensorType

# Where fused multiply-add is part of every processor (ARM), compilers use it in ggml; the kernels
# then differ from it and step aside, which `self_check` is for.
if platform.machine() not in ("x86_64", "AMD64") and kernels.self_check():
    pytest.skip("ggml rounds otherwise on this processor", allow_module_level=True)

Floats = NDArray[np.float32]
TYPES = sorted(VECTOR_TYPES, key=lambda kind: kind.ggml_id)
BLOCK = 256
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


def bfloat16(weights: NDArray[np.float64]) -> Floats:
    bits = weights.astype(np.float32).view(np.uint32)
    upper: Floats = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    return upper


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


def assert_same_bytes(tensor_type: TensorType, weights: NDArray[np.float64] | Floats) -> bool:
    """Both quantise [rows, columns]; returns whether the type can hold the weights."""
    rows = np.ascontiguousarray(weights, np.float32)
    size = tensor_type.size_bytes(rows.size)
    # Different rubbish in both, so that a byte nobody writes shows.
    ours, reference = np.full(size, 0xAA, np.uint8), np.full(size, 0x55, np.uint8)
    fits = kernels.quantise_rows(tensor_type, rows, ours)
    assert fits == ggml.quantise_rows(tensor_type, rows, reference)
    differing = (ours != reference).reshape(-1, tensor_type.block_bytes)
    assert not differing.any(), f"blocks {np.flatnonzero(differing.any(axis=1))}"
    return fits


@pytest.mark.parametrize("tensor_type", TYPES)
@pytest.mark.parametrize("case", CASES)
def test_bytes_equal_ggml(case: str, tensor_type: TensorType) -> None:
    assert assert_same_bytes(tensor_type, CASES[case]())


@pytest.mark.parametrize("tensor_type", TYPES)
@pytest.mark.parametrize("size", [1e8, 1e10, 1e12, 1e18, 1e19, 1e30, 3e38])
def test_weights_beyond_half_precision(tensor_type: TensorType, size: float) -> None:
    """ggml overflows here, and we with it."""
    fits = assert_same_bytes(tensor_type, np.clip(NORMAL[:40] * 50.0 * size, -size, size))
    # Further up Q6_K does not notice: the sums are NaN, and the block becomes zero.
    assert not fits or (tensor_type is TensorType.Q6_K and size not in (1e10, 1e12))


@pytest.mark.parametrize("tensor_type", TYPES)
@pytest.mark.parametrize("columns", [256, 768, 14336])
@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_shapes(tensor_type: TensorType, rows: int, columns: int) -> None:
    assert assert_same_bytes(tensor_type, RANDOM.normal(0.0, 0.02, (rows, columns)))


@pytest.mark.parametrize("tensor_type", TYPES)
@settings(max_examples=150, deadline=None)
@given(
    weights=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.just(BLOCK)),
        elements=st.floats(-1e4, 1e4, width=32),
        fill=st.sampled_from([np.float32(value) for value in (0.0, 0.5, -1.0, 1e-20)]),
    ),
    scale=st.sampled_from([1.0, 1e-2, 1e-7, 1e-20]),
)
def test_arbitrary_blocks(tensor_type: TensorType, weights: Floats, scale: float) -> None:
    assert_same_bytes(tensor_type, weights * np.float32(scale))


def test_threads_do_not_disturb_each_other() -> None:
    """The kernels run without the GIL and share nothing."""
    weights = RANDOM.normal(0.0, 0.02, (6, 50, 2048)).astype(np.float32)
    failures: list[AssertionError] = []

    def work(part: Floats) -> None:
        try:
            for tensor_type in TYPES:
                assert_same_bytes(tensor_type, part)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in weights]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_half_precision_equals_numpy() -> None:
    values = RANDOM.normal(0.0, 1.0, 20_000) * 10.0 ** RANDOM.uniform(-10.0, 6.0, 20_000)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    borders = (halves[:-1] + halves[1:]) / np.float32(2.0)
    samples = np.concatenate([values.astype(np.float32), halves, borders, -borders])
    with np.errstate(over="ignore"):
        expected = samples.astype(np.float16).view(np.uint16)
    assert [to_half(value) for value in samples] == expected.tolist()
    assert [from_half(bits) for bits in range(0x7C00)] == halves.tolist()


def test_self_check_is_content() -> None:
    assert kernels.self_check() is None


def test_self_check_tells_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    first = np.float32(-0.9)
    other = {**kernels._AFFINE, TensorType.Q4_K: (np.float32(15.0), first, 20)}
    monkeypatch.setattr(kernels, "_AFFINE", other)
    said = kernels.self_check()
    assert said is not None
    assert said.startswith("Q4_K: ")
    assert said.endswith("blocks differ from ggml's")


@pytest.mark.long
@pytest.mark.parametrize("tensor_type", TYPES)
def test_millions_of_blocks(tensor_type: TensorType) -> None:
    for seed in range(100):
        random = np.random.default_rng(seed)
        normal = random.normal(0.0, 10.0 ** random.uniform(-4.0, 1.0), (14_000, BLOCK))
        assert_same_bytes(tensor_type, bfloat16(normal) if seed % 2 else normal)
        tails = random.standard_t(random.uniform(1.0, 5.0), (3_000, BLOCK))
        assert_same_bytes(tensor_type, np.clip(0.02 * tails, -1e4, 1e4))
        assert_same_bytes(tensor_type, check_blocks(seed, repeats=35))
