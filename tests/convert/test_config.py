"""config.json: what is honoured, and the defaults of absent fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from starling_convert.config import ModelConfig, parse_config

MINIMAL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 16,
    "vocab_size": 100,
}


def parse(**fields: Any) -> ModelConfig:
    return parse_config({**MINIMAL, **fields}, Path("config.json"))


def test_defaults_are_those_of_transformers() -> None:
    mistral = parse(architectures=["MistralForCausalLM"])
    assert (mistral.n_kv_heads, mistral.context_length) == (8, 131072)
    llama = parse(model_type="llama")
    assert (llama.n_kv_heads, llama.context_length) == (16, 2048)
    for config in (mistral, llama):
        assert (config.rms_norm_eps, config.rope_theta) == (1e-6, 10000.0)
        assert config.head_dim == 4
        assert not config.tied_embeddings
    assert parse(model_type="mistral", num_key_value_heads=None).n_kv_heads == 16


@pytest.mark.parametrize(
    ("fields", "theta", "factor"),
    [
        ({"rope_theta": 1e5}, 1e5, None),
        ({"rope_theta": 1e5, "rope_scaling": None}, 1e5, None),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, 1e4, 2.0),
        ({"rope_scaling": {"rope_type": "default"}}, 1e4, None),
        ({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}, 5e5, None),
        (
            {"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 4.0}},
            5e5,
            4.0,
        ),
    ],
)
def test_rope(fields: dict[str, Any], theta: float, factor: float | None) -> None:
    config = parse(model_type="mistral", **fields)
    assert (config.rope_theta, config.rope_linear_factor) == (theta, factor)


def test_the_sliding_window_is_spoken_of() -> None:
    window = {"model_type": "mistral", "max_position_embeddings": 8192}
    [note] = parse(sliding_window=4096, **window).notes
    assert "sliding_window 4096" in note
    assert parse(sliding_window=8192, **window).notes == ()
    assert parse(sliding_window=None, **window).notes == ()
