"""How likely tokens were, by the model itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from starling_local.engine.context import Context
from starling_local.engine.llama import llama_cpp


@dataclass(frozen=True)
class TokenLogprob:
    """How likely a token was in the model's own distribution, before any sampler.

    Natural logarithms. `top` has the likeliest tokens with theirs, the likeliest first, and of
    equal ones the one with the lower id.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]


def token_logprob(context: Context, row: int, token: int, top: int) -> TokenLogprob:
    """From the logits that the last decode left in a row, of this token and the likeliest ones."""
    found: Any = llama_cpp.llama_get_logits_ith(context.handle, row)
    size = context.model.vocabulary.size
    logits = np.ctypeslib.as_array(found, (size,)).astype(np.float64)
    logits -= logits.max()
    logits -= np.log(np.exp(logits).sum())
    likeliest = _likeliest(logits, min(top, size))
    return TokenLogprob(
        token,
        float(logits[token]),
        tuple((int(other), float(logits[other])) for other in likeliest),
    )


def _likeliest(logits: Any, count: int) -> Any:
    """The ids of the largest, in order; without a sort of all the others."""
    if count == 0:
        return ()
    least = np.partition(logits, -count)[-count]
    if np.isnan(least):
        return np.argsort(-logits, kind="stable")[:count]
    # Of those that equal the least, there may be more than are wanted: the later ones are left out.
    ids = np.flatnonzero(logits >= least)
    return ids[np.argsort(-logits[ids], kind="stable")][:count]
