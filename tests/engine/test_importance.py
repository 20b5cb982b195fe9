"""The sums of squared activations, against the forward pass in numpy."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from starling_convert.config import parse_config
from starling_convert.files import read_json
from starling_convert.recipe import FileType
from starling_convert.tensors import expected_tensors
from starling_local.engine.importance import collect_importance, token_chunks
from starling_local.engine.model import Model
from starling_local.errors import BadFileError
from tests.checkpoints import Shape, random_weights, write_checkpoint
from tests.forward import Array, logits

Convert = Callable[..., dict[FileType, Path]]
SHAPE = Shape(layers=3, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)


def test_sums_are_those_of_the_architecture(
    tmp_path: Path, small_tokenizer: bytes, convert: Convert
) -> None:
    weights = write_checkpoint(tmp_path / "in", SHAPE, tokenizer=small_tokenizer)
    chance = np.random.default_rng(0)
    chunks = [[1, *chance.integers(3, 512, 39).tolist()] for _ in range(3)]
    expected: dict[str, Array] = defaultdict(lambda: np.zeros(1))

    def observe(name: str, inputs: Array) -> None:
        expected[name] = expected[name] + (inputs**2).sum(axis=0)

    for chunk in chunks:
        logits(weights, SHAPE, chunk, observe=observe)
    done: list[int] = []
    with Model(convert(tmp_path / "in", FileType.F32)[FileType.F32]) as model:
        found = collect_importance(model, chunks, threads=1, on_chunk=done.append)
    config = parse_config(read_json(tmp_path / "in" / "config.json"), tmp_path)
    names = {
        spec.name: spec.source_name
        for spec in expected_tensors(config)
        if spec.source_name in expected
    }
    assert len(names) == 7 * SHAPE.layers
    assert found.keys() == names.keys()
    for name, source_name in names.items():
        assert found[name].tokens == 120
        assert found[name].sums.dtype == np.float32
        # Keys and values are of half precision in llama.cpp.
        np.testing.assert_allclose(found[name].sums, expected[source_name], rtol=2e-2, atol=1e-3)
    assert done == [1, 2, 3]


def test_chunks() -> None:
    # As llama-imatrix cuts them: BOS takes the place of the first token of each.
    assert token_chunks([1, 2, 3, 4, 5, 6, 7], 3, 9) == [[9, 2, 3], [9, 5, 6]]
    assert token_chunks([1, 2], 3, 9) == []


def test_a_chunk_begins_anew(nano_file: Path) -> None:
    chunk = [1, *range(300, 331)]
    with Model(nano_file) as model:
        once = collect_importance(model, [chunk], threads=1)
        twice = collect_importance(model, [chunk, chunk], threads=1)
    for name, found in once.items():
        assert twice[name].tokens == 2 * found.tokens
        np.testing.assert_allclose(twice[name].sums, 2 * found.sums, rtol=1e-5)


def test_a_model_that_overflows(tmp_path: Path, small_tokenizer: bytes, convert: Convert) -> None:
    weights = dict(random_weights(SHAPE))
    weights["model.layers.1.mlp.up_proj.weight"] = np.full((96, 64), 3e38, np.float32)
    write_checkpoint(
        tmp_path / "in", SHAPE, tokenizer=small_tokenizer, weights=weights, dtype="F32"
    )
    with (
        Model(convert(tmp_path / "in", FileType.F32)[FileType.F32]) as model,
        pytest.raises(BadFileError, match=r"blk\.1\.ffn_down\.weight becomes infinite"),
    ):
        collect_importance(model, [[1, *range(40, 71)]], threads=1)


def test_ctrl_c_ends_a_chunk(nano_file: Path) -> None:
    chunks = [[1, *[300] * 511]] * 2000
    with Model(nano_file) as model:
        started = threading.Event()

        def interrupt() -> None:
            started.wait()
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            collect_importance(model, chunks, threads=1, on_chunk=lambda _done: started.set())
        thread.join()
        # What was interrupted leaves the model fit for use.
        assert collect_importance(model, chunks[:1], threads=1)
