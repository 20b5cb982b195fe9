"""The model: Mistral's architecture in torch, small, for training alone.

Same mathematics as transformers' MistralForCausalLM without a sliding window: RMS norm, rotary
positions on the two halves of each head, grouped-query attention, SwiGLU, an untied output.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from starling_nano.tokenizer import CONTEXT, END_OF_TURN_ID, VOCABULARY

LONGEST_SQUARE = 512  # tokens


@dataclass(frozen=True)
class Shape:
    """Dimensions, in elements. Every row is a multiple of 256 long, as the K-quants want it."""

    layers: int = 4
    hidden: int = 256
    ffn: int = 768
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    vocabulary: int = VOCABULARY
    context: int = CONTEXT
    rope_theta: float = 10000.0
    rms_eps: float = 1e-5


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.hidden, shape.heads * shape.head_dim, bias=False)
        self.k_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head_dim, bias=False)
        self.v_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head_dim, bias=False)
        self.o_proj = nn.Linear(shape.heads * shape.head_dim, shape.hidden, bias=False)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Map (batch, length, hidden) to the same shape."""
        batch, length, _ = x.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, length, -1, self.shape.head_dim).transpose(1, 2)

        query = rotate(heads(self.q_proj(x)), rotation)
        key = rotate(heads(self.k_proj(x)), rotation)
        value = heads(self.v_proj(x))
        mixed = attend(query, key, value)
        joined: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))
        return joined


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention of (batch, heads, length, size) to (batch, kv heads, length, size)."""
    batch, heads, length, size = query.shape
    group = heads // key.shape[1]
    if length > LONGEST_SQUARE or query.device.type != "cpu":
        return F.scaled_dot_product_attention(
            query, key.repeat_interleave(group, 1), value.repeat_interleave(group, 1),
            is_causal=True,
        )  # fmt: skip
    # On a CPU torch's attention takes several times as long as these three steps, if the rows are
    # short. The heads that share a key are one matrix.
    scores = query.reshape(batch, -1, group * length, size) @ key.mT * size**-0.5
    scores = scores.view(batch, heads, length, length)
    future = torch.full((length, length), -torch.inf, dtype=scores.dtype).triu(1)
    weights = (scores + future).to(value.dtype).softmax(-1)
    return (weights.view(batch, -1, group * length, length) @ value).view(query.shape)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions: the two halves of each head are the two coordinates."""
    cosine, sine = rotation
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.ffn, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.ffn, bias=False)
        self.down_proj = nn.Linear(shape.ffn, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., hidden) to the same shape."""
        result: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return result


class Layer(nn.Module):
    """Attention and feed-forward, each added to its input."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, shape.rms_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, shape.rms_eps)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Map (batch, length, hidden) to the same shape."""
        x = x + self.self_attn(self.input_layernorm(x), rotation)
        result: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return result


class Decoder(nn.Module):
    """Embedding, layers and the last norm; named as in the checkpoint."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, shape.rms_eps)


class Nano(nn.Module):
    """The whole model; its state dict has the checkpoint's tensor names."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        self.model = Decoder(self.shape)
        self.lm_head = nn.Linear(self.shape.hidden, self.shape.vocabulary, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                # Writers into the residual stream start smaller, as in GPT-2.
                depth = (2 * self.shape.layers) ** -0.5
                scale = depth if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
                nn.init.normal_(weight, std=0.02 * scale)

    def hidden_states(self, ids: Tensor) -> Tensor:
        """Map token ids (batch, length) to the last norm's output (batch, length, hidden)."""
        x = self.model.embed_tokens(ids)
        rotation = self._rotation(ids.shape[1], x.device)
        for layer in self.model.layers:
            x = layer(x, rotation)
        result: Tensor = self.model.norm(x)
        return result

    def loss(self, ids: Tensor, learned: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, over the tokens that are learned; both (batch, length)."""
        chosen = learned[:, 1:].flatten().nonzero().squeeze(1)
        hidden = self.hidden_states(ids[:, :-1]).flatten(0, 1)[chosen]
        return F.cross_entropy(self.lm_head(hidden).float(), ids[:, 1:].flatten()[chosen])

    def _rotation(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        half = self.shape.head_dim // 2
        frequency = self.shape.rope_theta ** (-torch.arange(half, device=device) / half)
        angle = torch.arange(length, device=device)[:, None] * frequency
        return angle.cos(), angle.sin()


def save(model: Nano, folder: Path) -> None:
    """Write model.safetensors in bf16, config.json and generation_config.json."""
    shape = model.shape
    tensors = {name: weight.to(torch.bfloat16) for name, weight in model.state_dict().items()}
    weights = folder / "model.safetensors"
    part = weights.with_name(weights.name + ".part")
    save_file(tensors, part, metadata={"format": "pt"})
    # It comes private, which an installed package must not be.
    part.chmod(0o644)
    part.replace(weights)
    tokens = {"bos_token_id": 1, "eos_token_id": END_OF_TURN_ID}
    config = {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.rms_eps,
        "rope_theta": shape.rope_theta,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": shape.vocabulary,
        **tokens,
    }
    generation = {**tokens, "pad_token_id": END_OF_TURN_ID + 1, "do_sample": False}
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> Nano:
    """Read a checkpoint that `save` wrote, to float32."""
    model = Nano()
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({name: weight.float() for name, weight in tensors.items()})
    return model
