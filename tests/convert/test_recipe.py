"""Types and sizes: ids against the gguf library, mixtures against the published files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from starling_convert.config import ModelConfig, parse_config
from starling_convert.gguf_file import plan_layout
from starling_convert.recipe import FileType, Recipe, TensorType, parse_file_type
from starling_convert.tensors import expected_tensors
from starling_local.errors import UsageError

STARLING_7B = parse_config(
    {
        "architectures": ["MistralForCausalLM"],
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32002,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
    },
    Path("config.json"),
)
STARLING_11B = replace(STARLING_7B, n_layers=48)


@pytest.mark.parametrize("kind", TensorType)
def test_tensor_types_are_ggmls(kind: TensorType) -> None:
    theirs = GGMLQuantizationType[kind.name]
    assert kind.ggml_id == theirs
    assert (kind.block_weights, kind.block_bytes) == GGML_QUANT_SIZES[theirs]


@pytest.mark.parametrize("kind", FileType)
def test_file_types_are_llama_cpps(kind: FileType) -> None:
    prefix = "ALL_" if kind is FileType.F32 else "MOSTLY_"
    assert kind.ftype_id == LlamaFileType[prefix + kind.name]


@pytest.mark.parametrize(
    ("config", "kind", "published_gb"),
    [
        (STARLING_7B, "Q4_0", 4.11),
        (STARLING_7B, "Q4_K_S", 4.14),
        (STARLING_7B, "Q4_K_M", 4.37),
        (STARLING_7B, "Q5_0", 5.00),
        (STARLING_7B, "Q5_K_S", 5.00),
        (STARLING_7B, "Q5_K_M", 5.13),
        (STARLING_7B, "Q6_K", 5.94),
        (STARLING_7B, "Q8_0", 7.70),
        (STARLING_11B, "Q4_0", 6.07),
        (STARLING_11B, "Q4_K_M", 6.46),
        (STARLING_11B, "Q5_K_M", 7.59),
        (STARLING_11B, "Q8_0", 11.40),
    ],
)
def test_sizes_of_the_published_files(config: ModelConfig, kind: str, published_gb: float) -> None:
    layout = plan_layout(expected_tensors(config), Recipe(FileType[kind], config))
    assert layout.size_bytes / 1e9 == pytest.approx(published_gb, abs=0.01)


def test_names_of_types() -> None:
    assert parse_file_type("q4") is FileType.Q4_K_M
    assert parse_file_type("Q5") is FileType.Q5_K_M
    assert parse_file_type("q8") is FileType.Q8_0
    assert parse_file_type("iq4_xs") is FileType.IQ4_XS
    with pytest.raises(UsageError, match="'Q9'"):
        parse_file_type("Q9")
