"""The Llama and Mistral forward pass in float64, on weights as Hugging Face lays them out.

Written from the architecture (the reference is `modeling_llama.py` of transformers) and not from
the converter, so that a converted file which gives the same logits proves the conversion: names,
the Q and K row permutation, head counts, rope and norms.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.checkpoints import Shape

Array = NDArray[np.float64]
Observe = Callable[[str, Array], None]


def logits(
    weights: Mapping[str, NDArray[Any]],
    shape: Shape,
    tokens: Sequence[int],
    *,
    rope_scale: float = 1.0,
    observe: Observe = lambda _name, _inputs: None,
) -> Array:
    """Logits [n_tokens, vocab] of `tokens` as one sequence, each position seeing those before it.

    `rope_scale` is the factor of linear rope scaling: positions are divided by it. There is no
    sliding window, which only shows in sequences longer than the window. `observe` gets the name of
    each weight matrix in a layer, and the [tokens, columns] that it is multiplied with.
    """
    exact = {name: np.asarray(values, np.float64) for name, values in weights.items()}
    embedding = exact["model.embed_tokens.weight"]
    x: Array = embedding[np.asarray(tokens)]
    for number in range(shape.layers):
        prefix = f"model.layers.{number}."
        layer = {k.removeprefix(prefix): v for k, v in exact.items() if k.startswith(prefix)}
        normed = _rms_norm(x, layer["input_layernorm.weight"], shape.rms_eps)
        x = x + _attention(normed, layer, shape, rope_scale, prefix, observe)
        normed = _rms_norm(x, layer["post_attention_layernorm.weight"], shape.rms_eps)
        x = x + _feed_forward(normed, layer, prefix, observe)
    x = _rms_norm(x, exact["model.norm.weight"], shape.rms_eps)
    output: Array = x @ (embedding if shape.tied else exact["lm_head.weight"]).T
    return output


def _rms_norm(x: Array, gain: Array, eps: float) -> Array:
    scaled: Array = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    return scaled * gain


def _attention(
    x: Array,
    layer: Mapping[str, Array],
    shape: Shape,
    rope_scale: float,
    prefix: str,
    observe: Observe,
) -> Array:
    """Causal attention over x [tokens, hidden]; each key head serves a run of query heads."""

    def project(name: str, heads: int) -> Array:
        """One projection of x as [heads, tokens, head_size]."""
        observe(f"{prefix}self_attn.{name}_proj.weight", x)
        rows: Array = x @ layer[f"self_attn.{name}_proj.weight"].T
        return rows.reshape(len(x), heads, shape.head_size).swapaxes(0, 1)

    group = shape.heads // shape.kv_heads
    query = _rotate(project("q", shape.heads), shape.rope_theta, rope_scale)
    key = _rotate(project("k", shape.kv_heads), shape.rope_theta, rope_scale).repeat(group, axis=0)
    value = project("v", shape.kv_heads).repeat(group, axis=0)
    scores = query @ key.swapaxes(1, 2) / np.sqrt(shape.head_size)
    scores[:, ~np.tri(len(x), dtype=bool)] = -np.inf
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
    joined = mixed.swapaxes(0, 1).reshape(len(x), -1)
    observe(f"{prefix}self_attn.o_proj.weight", joined)
    output: Array = joined @ layer["self_attn.o_proj.weight"].T
    return output


def _rotate(x: Array, theta: float, scale: float) -> Array:
    """Rotary positions on [heads, tokens, size]: element i turns with element i + size / 2."""
    half = x.shape[-1] // 2
    frequencies = theta ** (-np.arange(half) / half)
    angles = np.outer(np.arange(x.shape[1]) / scale, frequencies)
    cos, sin = np.cos(angles), np.sin(angles)
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _feed_forward(x: Array, layer: Mapping[str, Array], prefix: str, observe: Observe) -> Array:
    """SwiGLU: the gate goes through x * sigmoid(x) and scales the up projection."""
    gate = x @ layer["mlp.gate_proj.weight"].T
    up = x @ layer["mlp.up_proj.weight"].T
    scaled = gate / (1 + np.exp(-gate)) * up
    for name, inputs in (("gate", x), ("up", x), ("down", scaled)):
        observe(f"{prefix}mlp.{name}_proj.weight", inputs)
    output: Array = scaled @ layer["mlp.down_proj.weight"].T
    return output
