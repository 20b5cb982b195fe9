"""The sizes of the Starling models, from their shapes alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from starling_convert.config import ModelConfig
from starling_convert.recipe import FileType
from starling_local.machine.fitting.footprint import Footprint
from starling_local.machine.fitting.quantisations import footprint_as

SEVEN = ModelConfig(
    architecture="MistralForCausalLM", n_layers=32, hidden_size=4096, ffn_size=14336, n_heads=32,
    n_kv_heads=8, head_dim=128, vocab_size=32002, context_length=8192, rms_norm_eps=1e-5,
    rope_theta=10000.0, rope_linear_factor=None, tied_embeddings=False, notes=(),
)  # fmt: skip


@cache
def footprint_of(name: str, file_type: FileType, features: str = "AVX2 = 1") -> Footprint:
    """The 7B or the 11B."""
    config = SEVEN if name == "7B" else replace(SEVEN, n_layers=48, context_length=32769)
    return footprint_as(config, file_type, features)
