"""What a model would take in each type that `starling convert` writes."""

from __future__ import annotations

from collections.abc import Iterator

from starling_convert.config import ModelConfig
from starling_convert.gguf_file import plan_layout
from starling_convert.recipe import FileType, Recipe
from starling_convert.tensors import expected_tensors
from starling_local.engine.gguf_header import TensorInfo
from starling_local.machine.fitting.footprint import Footprint, of_tensors


def footprint_as(config: ModelConfig, file_type: FileType, features: str) -> Footprint:
    """The sizes of a checkpoint once it is converted to a type; `features` as for `footprint`."""
    return of_tensors(
        _tensors(config, file_type),
        features,
        layers=config.n_layers,
        width=config.hidden_size,
        ffn_width=config.ffn_size,
        kv_width=config.n_kv_heads * config.head_dim,
        heads=config.n_heads,
        head_size=config.head_dim,
        vocabulary=config.vocab_size,
        trained_context=config.context_length,
    )


def _tensors(config: ModelConfig, file_type: FileType) -> Iterator[TensorInfo]:
    layout = plan_layout(expected_tensors(config), Recipe(file_type, config))
    for tensor in layout.tensors:
        shape = tuple(reversed(tensor.spec.shape))
        yield TensorInfo(
            tensor.spec.name, shape, tensor.type.ggml_id, tensor.offset, tensor.size_bytes
        )
