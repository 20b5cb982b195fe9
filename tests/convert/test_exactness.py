"""Every file equals, byte for byte in all its tensors, what llama-quantize makes of our own
unquantised file; and that file is right in itself: its logits are those of the architecture.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from tests import llama
from tests.checkpoints import Shape, write_checkpoint
from tests.forward import logits

Convert = Callable[..., dict[FileType, Path]]

# Elsewhere the vector kernels may step aside (see test_kernels).
X86_64 = platform.machine() in ("x86_64", "AMD64")
KERNELS = [Kernels.GGML, Kernels.VECTOR] if X86_64 else [Kernels.GGML]
MIXED = {"q_proj": "F32", "gate_proj": "F16", "input_layernorm": "F32", "embed": "F16"}


def mixed_dtype(name: str) -> str:
    return next((dtype for part, dtype in MIXED.items() if part in name), "BF16")


# name: (shape, dtype of the checkpoint, the lossless type to quantise from)
CASES: dict[str, tuple[Shape, str | Callable[[str], str], FileType]] = {
    "grouped by four": (
        Shape(layers=9, hidden=256, ffn=512, heads=8, kv_heads=2, vocab=514),
        "BF16",
        FileType.BF16,
    ),
    "widths of whole 32s": (
        Shape(layers=8, hidden=160, ffn=288, heads=5, kv_heads=1, vocab=515),
        "BF16",
        FileType.BF16,
    ),
    "widths of no whole 32s": (
        Shape(layers=2, hidden=72, ffn=136, heads=3, kv_heads=3, vocab=514),
        "F16",
        FileType.F16,
    ),
    "tied, mixed types": (
        Shape(layers=17, hidden=256, ffn=768, heads=4, kv_heads=2, vocab=514, tied=True),
        mixed_dtype,
        FileType.F32,
    ),
    "wide heads": (
        Shape(layers=2, hidden=256, ffn=256, heads=4, kv_heads=2, head_dim=96, vocab=514),
        "F32",
        FileType.F32,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kernels", KERNELS, ids=lambda kind: kind.value)
def test_every_type_equals_llama_quantize(
    name: str, kernels: Kernels, tmp_path: Path, small_tokenizer: bytes, convert: Convert
) -> None:
    shape, dtype, lossless = CASES[name]
    write_checkpoint(tmp_path / "in", shape, dtype=dtype, tokenizer=small_tokenizer, shards=2)
    ours = convert(tmp_path / "in", *FileType, kernels=kernels)
    for file_type in FileType:
        if file_type is lossless:
            continue
        theirs = tmp_path / "theirs.gguf"
        llama.quantise(ours[lossless], theirs, file_type)
        assert_same_tensors(ours[file_type], theirs)


def test_the_rule_for_eighty_layers(
    tmp_path: Path, small_tokenizer: bytes, convert: Convert
) -> None:
    # llama.cpp takes 80 grouped layers for Llama-2-70B and gives attn_v more bits.
    shape = Shape(layers=80, hidden=256, ffn=256, heads=4, kv_heads=2, vocab=514)
    write_checkpoint(tmp_path / "in", shape, tokenizer=small_tokenizer)
    ours = convert(tmp_path / "in", FileType.BF16, FileType.Q4_K_M)
    llama.quantise(ours[FileType.BF16], tmp_path / "theirs.gguf", FileType.Q4_K_M)
    assert_same_tensors(ours[FileType.Q4_K_M], tmp_path / "theirs.gguf")


@pytest.mark.parametrize(
    ("shape", "rope_scale"),
    [
        (Shape(layers=3, hidden=64, ffn=96, heads=8, kv_heads=2, vocab=514), 1.0),
        (Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=1, head_dim=24, vocab=514), 1.0),
        (Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=4, vocab=514, tied=True), 1.0),
        (
            Shape(
                layers=2,
                hidden=64,
                ffn=96,
                heads=4,
                kv_heads=2,
                vocab=514,
                rope_theta=100000.0,
                architecture="LlamaForCausalLM",
            ),
            4.0,
        ),
    ],
)
def test_logits_of_the_unquantised_file(
    shape: Shape, rope_scale: float, tmp_path: Path, small_tokenizer: bytes, convert: Convert
) -> None:
    scaling = {"type": "linear", "factor": rope_scale} if rope_scale != 1.0 else None
    weights = write_checkpoint(
        tmp_path / "in", shape, tokenizer=small_tokenizer, config={"rope_scaling": scaling}
    )
    file = convert(tmp_path / "in", FileType.F32)[FileType.F32]
    tokens = [1, *range(40, 60), 512, 13, 13, 400]
    with llama.loaded(file) as model:
        found = llama.logits(model, tokens)
    expected = logits(weights, shape, tokens, rope_scale=rope_scale)
    # f16 KV cache and f32 arithmetic against float64; a wrong permutation is off by about 1.
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))


def assert_same_tensors(ours: Path, theirs: Path) -> None:
    left, right = GGUFReader(ours), GGUFReader(theirs)
    described = [
        [(tensor.name, tensor.tensor_type, tensor.shape.tolist()) for tensor in reader.tensors]
        for reader in (left, right)
    ]
    assert described[0] == described[1]
    # The data sections, order and padding included; only the metadata before them may differ.
    assert ours.read_bytes()[left.data_offset :] == theirs.read_bytes()[right.data_offset :]
