"""The shapes of the models that can be pulled by name, known before anything is downloaded."""

from __future__ import annotations

from starling_convert.config import ModelConfig
from starling_local.store.manifests import Manifest

# Every one of them has the layers of Mistral-7B, some have more of them. Source: their config.json.
_WIDTH, _FFN_WIDTH, _HEADS, _KV_HEADS, _HEAD_SIZE, _VOCABULARY = 4096, 14336, 32, 8, 128, 32002
_LAYER = 2 * _WIDTH * (_HEADS + _KV_HEADS) * _HEAD_SIZE + 3 * _WIDTH * _FFN_WIDTH + 2 * _WIDTH
_ENDS = 2 * _WIDTH * _VOCABULARY + _WIDTH
# What they were trained for, in tokens, by their number of layers.
_CONTEXTS = {32: 8192, 48: 32769}


def published_shape(manifest: Manifest) -> ModelConfig | None:
    """The architecture of a manifest's model; None if it is another than Mistral-7B's."""
    layers, rest = divmod(manifest.parameters - _ENDS, _LAYER)
    if rest or layers not in _CONTEXTS:
        return None
    return ModelConfig(
        architecture=manifest.architecture,
        n_layers=layers,
        hidden_size=_WIDTH,
        ffn_size=_FFN_WIDTH,
        n_heads=_HEADS,
        n_kv_heads=_KV_HEADS,
        head_dim=_HEAD_SIZE,
        vocab_size=_VOCABULARY,
        context_length=_CONTEXTS[layers],
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        rope_linear_factor=None,
        tied_embeddings=False,
        notes=(),
    )
