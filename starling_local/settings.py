"""What can be set, in frozen dataclasses: the defaults live here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class KvType(Enum):
    """Element type of the KV cache, named as llama.cpp does."""

    F16 = "f16"
    Q8_0 = "q8_0"


@dataclass(frozen=True)
class LoadSettings:
    """How a model is loaded.

    `repack` lets llama.cpp rewrite the weights for this CPU: faster after some hundred tokens, but
    slow to load and with a second copy in memory. `gpu_layers` None means all that fit.
    """

    repack: bool = False
    gpu_layers: int | None = None


@dataclass(frozen=True)
class ContextSettings:
    """How a context is made. Sizes are in tokens; `threads` None means all usable cores."""

    context: int = 4096
    batch: int = 512
    sequences: int = 1
    threads: int | None = None
    kv_type: KvType = KvType.F16


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen, in llama.cpp's standard order of samplers.

    The default is the model card's advice: temperature 0, always the likeliest token; nothing but
    `logit_bias` and a grammar matters then. Values that do nothing are llama.cpp's: 0 for top_k,
    1 for top_p, typical and repeat_penalty, 0 for min_p, xtc_probability and dry_multiplier.
    `seed` None means a different text each time. `mirostat` 1 or 2 replaces the samplers that cut.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical: float = 1.0
    repeat_penalty: float = 1.0
    repeat_last: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_last: int = -1
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: str = ""
    """A GBNF grammar whose root is named `root`; empty for none."""

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is always taken."""
        return self.temperature <= 0


@dataclass(frozen=True)
class Limits:
    """When an answer ends, apart from the model's own end of turn."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
