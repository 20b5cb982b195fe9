"""What can be set, in frozen dataclasses: the defaults live here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class KvType(Enum):
    """Element type of the KV cache, named as llama.cpp does."""

    F16 = "f16"
    Q8_0 = "q8_0"


# Positions are 32-bit numbers.
LONGEST_CONTEXT = 2**31 - 1


@dataclass(frozen=True)
class LoadSettings:
    """How a model is loaded.

    `repack` lets llama.cpp rewrite the weights for this CPU: faster after some hundred tokens, but
    slow to load and with a second copy in memory.

    `gpu_layers` are the last layers of the model, which GPUs hold; the output counts as one more
    after them, and any greater number means all. None means all there are room for. `devices` are
    the names of the GPUs to use, as `engine.devices` has them; empty for all. `tensor_split` has
    their shares of the layers, one number for each of them; empty for shares by free memory.
    `main_gpu` is the place in the list of the only one to use; None for all.
    """

    repack: bool = False
    gpu_layers: int | None = None
    devices: tuple[str, ...] = ()
    tensor_split: tuple[float, ...] = ()
    main_gpu: int | None = None


@dataclass(frozen=True)
class ContextSettings:
    """How a context is made. Sizes are in tokens; `threads` None means all usable cores.

    `prefill_threads` work where several tokens are decoded at once; None means `threads`, too.

    `flash_attention` None means where the device can; a KV cache of q8_0 needs it.
    """

    context: int = 4096
    batch: int = 512
    sequences: int = 1
    threads: int | None = None
    prefill_threads: int | None = None
    kv_type: KvType = KvType.F16
    flash_attention: bool | None = None


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: llama.cpp's samplers in the order of its `common_sampler_init`.

    That is logit_bias, the penalties (repeat, frequency, presence), DRY, top_n_sigma, top_k,
    typical, top_p, min_p, XTC, temperature. `mirostat` 1 or 2 takes the place of all of them but
    logit_bias and temperature. A grammar comes in only where it does not allow the token chosen.

    The default is the model card's advice: temperature 0, always the likeliest token. As with
    llama.cpp's own tools, the likeliest is meant after logit_bias, penalties, DRY, typical and XTC,
    which all work at temperature 0, too; top_n_sigma, top_k, top_p and min_p make no difference.

    Values that do nothing: 0 for top_k, min_p, xtc_probability, dry_multiplier, dynatemp_range,
    top_n_sigma and the frequency and presence penalties, 1 for top_p, typical and repeat_penalty.
    The penalties look at the last `repeat_last` tokens, DRY at `dry_last`, those of the prompt
    included; below 0 means the whole context. `dynatemp_range` lets the temperature vary by so much
    with the entropy, to the power of `dynatemp_exponent`. `seed` None means a different text each
    time; a seed is at most 2**32 - 2. A logit_bias of -inf bans a token.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    top_n_sigma: float = -1.0
    typical: float = 1.0
    repeat_penalty: float = 1.0
    repeat_last: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_last: int = 64
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: str = ""
    """A GBNF grammar with a rule `root`; empty for none. See `engine.json_schema` for JSON."""

    @property
    def is_greedy(self) -> bool:
        """Whether chance has no part in it: the same prompt always has the same answer."""
        return self.temperature <= 0 and self.dynatemp_range <= 0 and self.xtc_probability <= 0


@dataclass(frozen=True)
class Limits:
    """When an answer ends, apart from the model's own end of turn."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


class Overflow(Enum):
    """What a conversation does when the context is full.

    `SHIFT` forgets the oldest exchanges and moves the rest up, which costs nothing; what stays was
    computed while they were still there. `DROP` forgets them and reads the rest again, exactly as
    if they had never been. `FAIL` forgets nothing: the message is refused.
    """

    SHIFT = "shift"
    DROP = "drop"
    FAIL = "fail"
