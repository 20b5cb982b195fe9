"""How the next token is chosen: llama.cpp's samplers, put together as its own tools do it.

The source is `common_sampler` in llama.cpp's common/sampling.cpp: with the same logits, settings
and seed the tokens are the same. It is C++ and not in the library, so it is written again here.
"""

from __future__ import annotations

import ctypes
import math
import secrets
from array import array
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from starling_local.engine import library
from starling_local.engine.gbnf import check_grammar
from starling_local.engine.likeliest import Likeliest
from starling_local.engine.llama import llama_cpp
from starling_local.engine.vocabulary import Vocabulary
from starling_local.errors import UsageError
from starling_local.settings import Sampling

# What interrupts a repetition in the DRY sampler; the defaults of llama.cpp's common_params.
_DRY_BREAKERS = (b"\n", b":", b'"', b"*")
# LLAMA_DEFAULT_SEED, for which llama.cpp draws a seed that it does not tell.
_UNTOLD_SEED = 0xFFFFFFFF


class Sampler:
    """Chooses the tokens of one answer. To be closed: the samplers are llama.cpp's memory.

    `context_size` is in tokens; the penalties look back no further. `seed` is the one that is used.

    Raises UsageError if a setting is not possible, or the grammar cannot be used.
    """

    def __init__(self, settings: Sampling, vocabulary: Vocabulary, context_size: int) -> None:
        _check(settings, vocabulary)
        self._vocabulary = vocabulary
        self._grammar = _Grammar(settings.grammar, vocabulary) if settings.grammar else None
        self.seed = secrets.randbelow(_UNTOLD_SEED) if settings.seed is None else settings.seed
        self._chain: Any = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        penalties_last, dry_last = _look_back(settings, context_size)
        self._look_back = max(penalties_last, dry_last)
        bias = _all_biases(settings, vocabulary)
        self._likeliest: Likeliest | None = None
        if _takes_the_likeliest(settings) and not self._look_back:
            # What the others come to: none of them takes out the likeliest token.
            samplers = [llama_cpp.llama_sampler_init_greedy()]
            if self._grammar is None and all(value <= 0 for _, value in bias):
                self._likeliest = Likeliest(vocabulary.size, frozenset(token for token, _ in bias))
        else:
            samplers = _samplers(settings, vocabulary, self.seed, penalties_last, dry_last)
        for sampler in (*_logit_bias(bias, vocabulary), *samplers):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def accept_prompt(self, tokens: Sequence[int]) -> None:
        """Let the penalties count the tokens before the answer. The grammar does not see them."""
        if self._look_back:
            for token in tokens[-self._look_back :]:
                llama_cpp.llama_sampler_accept(self._chain, token)

    def sample(self, context: Any, row: int = -1) -> int | None:
        """The next token from the logits of a row of the last decode, the last row by default.

        It counts as chosen. None if the grammar leaves none: then the answer is at its end.
        """
        if self._likeliest is not None:
            likeliest = self._likeliest.find(context, row)
            if likeliest is not None:
                return likeliest
        if self._grammar is None:
            return int(llama_cpp.llama_sampler_sample(self._chain, context, row))
        token = self._grammar.sample(self._chain, llama_cpp.llama_get_logits_ith(context, row))
        if token is not None and token not in self._vocabulary.ends:
            self._grammar.accept(token)
            llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        """Free the samplers."""
        chain, self._chain = self._chain, None
        if chain:
            llama_cpp.llama_sampler_free(chain)
        if self._grammar:
            self._grammar.close()


class _Grammar:
    """llama.cpp's grammar sampler, used beside the chain as `common_sampler_sample` does.

    llama.cpp reads the names of control tokens as text. Here they are none, so such a token is
    never allowed, unless it ends an answer: where the grammar is at an end, all of those are.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        check_grammar(text)
        self._vocabulary = vocabulary
        # One that llama.cpp itself takes for an end, as it may not do with the model's end of turn.
        self._end = int(llama_cpp.llama_vocab_eos(vocabulary.handle))
        self._ends = vocabulary.ends
        self._never = vocabulary.without_text - vocabulary.ends
        self._candidates, self._single = _Candidates(vocabulary.size), _Candidates(1)
        self._sampler: Any = llama_cpp.llama_sampler_init_grammar(
            vocabulary.handle, text.encode(), b"root"
        )
        if not self._sampler:
            raise UsageError(f"llama.cpp cannot use the grammar: {library.log.last('no reason')}")

    def sample(self, chain: Any, logits: Any) -> int | None:
        """What the chain chooses, and if that is not allowed, what it chooses of what is.

        None if nothing is.
        """
        self._candidates.fill(logits)
        token = self._candidates.choose(chain)
        if self._allows(token):
            return token
        self._candidates.fill(logits)
        self._restrict(self._candidates)
        token = self._candidates.choose(chain)
        return token if self._allows(token) else None

    def accept(self, token: int) -> None:
        """Go on after a token with text. It must be allowed: llama.cpp ends the process if not."""
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        sampler, self._sampler = self._sampler, None
        if sampler:
            llama_cpp.llama_sampler_free(sampler)

    def _allows(self, token: int) -> bool:
        if token in self._never:
            return False
        single = self._single
        single.tokens[0] = self._end if token in self._ends else token
        single.logits[0] = 1.0
        single.apply(self._sampler)
        return bool(single.logits[0] != -math.inf)

    def _restrict(self, candidates: _Candidates) -> None:
        """Take out what is not allowed."""
        ends = [(token, candidates.logits[token]) for token in self._ends]
        may_end = self._allows(self._end)
        candidates.apply(self._sampler)
        for token in self._never:
            candidates.logits[token] = -math.inf
        for token, logit in ends:
            candidates.logits[token] = logit if may_end else -math.inf


class _Candidates:
    """Tokens and their logits, as samplers take them: a `llama_token_data_array`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries = (llama_cpp.llama_token_data * size)()
        numbers = memoryview(self._entries).cast("B")
        # An entry has a token, its logit, its probability: four bytes each.
        self.tokens, self.logits = numbers.cast("i")[::3], numbers.cast("f")[1::3]
        self._all = memoryview(array("i", range(size)))
        self._array = self._unsorted()

    def fill(self, logits: Any) -> None:
        """Take all tokens, in order, with logits from llama.cpp's memory."""
        row = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float * self._size)).contents
        self.tokens[:] = self._all
        self.logits[:] = memoryview(row).cast("B").cast("f")
        self._array = self._unsorted()

    def apply(self, sampler: Any) -> None:
        """Let a sampler change the logits, the order, and which one is selected."""
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(self._array))

    def choose(self, chain: Any) -> int:
        """The token that a chain selects."""
        self.apply(chain)
        return int(self._array.data[self._array.selected].id)

    def _unsorted(self) -> Any:
        return llama_cpp.llama_token_data_array(self._entries, self._size, -1, False)


def _samplers(
    settings: Sampling, vocabulary: Vocabulary, seed: int, penalties_last: int, dry_last: int
) -> list[Any]:
    """In the order of `common_sampler_init`; llama.cpp passes over those that would do nothing."""
    if settings.mirostat:
        return _mirostat(settings, vocabulary, seed)
    breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
    # The last argument of three of them is how many tokens they leave at least.
    return [
        llama_cpp.llama_sampler_init_penalties(
            vocabulary.size, penalties_last, settings.repeat_penalty,
            settings.frequency_penalty, settings.presence_penalty,
        ),
        llama_cpp.llama_sampler_init_dry(
            vocabulary.handle, settings.dry_multiplier, settings.dry_base,
            settings.dry_allowed_length, dry_last, breakers, len(_DRY_BREAKERS),
        ),
        llama_cpp.llama_sampler_init_top_n_sigma(settings.top_n_sigma),
        llama_cpp.llama_sampler_init_top_k(min(settings.top_k, vocabulary.size)),
        llama_cpp.llama_sampler_init_typical(settings.typical, 0),
        llama_cpp.llama_sampler_init_top_p(settings.top_p, 0),
        llama_cpp.llama_sampler_init_min_p(settings.min_p, 0),
        llama_cpp.llama_sampler_init_xtc(
            settings.xtc_probability, settings.xtc_threshold, 0, seed
        ),
        llama_cpp.llama_sampler_init_temp_ext(
            settings.temperature, settings.dynatemp_range, settings.dynatemp_exponent
        ),
        llama_cpp.llama_sampler_init_dist(seed),
    ]  # fmt: skip


def _mirostat(settings: Sampling, vocabulary: Vocabulary, seed: int) -> list[Any]:
    temperature = llama_cpp.llama_sampler_init_temp(settings.temperature)
    tau, eta = settings.mirostat_tau, settings.mirostat_eta
    if settings.mirostat == 1:
        # 100 candidates, as `common_sampler_init` has it.
        mirostat = llama_cpp.llama_sampler_init_mirostat(vocabulary.size, seed, tau, eta, 100)
    else:
        mirostat = llama_cpp.llama_sampler_init_mirostat_v2(seed, tau, eta)
    return [temperature, mirostat]


def _takes_the_likeliest(settings: Sampling) -> bool:
    """Whether the token is the likeliest that biases and penalties leave."""
    return settings.is_greedy and settings.typical >= 1


def _all_biases(settings: Sampling, vocabulary: Vocabulary) -> list[tuple[int, float]]:
    """The user's, and the tokens that the model's file says are never to be generated."""
    count = ctypes.c_int32()
    never = llama_cpp.llama_vocab_get_suppress_tokens(vocabulary.handle, ctypes.byref(count))
    return [*settings.logit_bias.items(), *((never[i], -math.inf) for i in range(count.value))]


def _logit_bias(biases: Sequence[tuple[int, float]], vocabulary: Vocabulary) -> list[Any]:
    if not biases:
        return []
    entries = (llama_cpp.llama_logit_bias * len(biases))(*biases)
    return [llama_cpp.llama_sampler_init_logit_bias(vocabulary.size, len(biases), entries)]


def _look_back(settings: Sampling, context_size: int) -> tuple[int, int]:
    """How many tokens the repeat penalties and DRY look at; 0 if they are not used."""
    penalties = (settings.repeat_penalty, settings.frequency_penalty, settings.presence_penalty)
    uses_penalties = penalties != (1, 0, 0) and not settings.mirostat
    uses_dry = settings.dry_multiplier != 0 and settings.dry_base >= 1 and not settings.mirostat

    def bounded(last: int) -> int:
        # llama.cpp takes the memory for all of them at once.
        return context_size if last < 0 else min(last, context_size)

    return (
        bounded(settings.repeat_last) if uses_penalties else 0,
        bounded(settings.dry_last) if uses_dry else 0,
    )


def _check(settings: Sampling, vocabulary: Vocabulary) -> None:
    """Refuse what llama.cpp would refuse, what would end its process, or give no known answer."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, float) and not math.isfinite(ctypes.c_float(value).value):
            raise UsageError(f"{field.name} must be a number, and not as large as {value}")
        if isinstance(value, int) and field.name != "seed" and not -(2**31) <= value < 2**31:
            raise UsageError(f"{field.name} is too large: {value}")
    if settings.repeat_penalty < 1e-30:
        raise UsageError(f"repeat_penalty must be above 0, not {settings.repeat_penalty}")
    if settings.mirostat not in (0, 1, 2):
        raise UsageError(f"mirostat must be 0, 1 or 2, not {settings.mirostat}")
    if settings.seed is not None and not 0 <= settings.seed < _UNTOLD_SEED:
        raise UsageError(f"seed must be from 0 to {_UNTOLD_SEED - 1}, not {settings.seed}")
    for token, bias in settings.logit_bias.items():
        if not 0 <= token < vocabulary.size:
            raise UsageError(f"logit_bias has {token}, which is not the id of a token")
        if not bias < 1e30:
            raise UsageError(f"logit_bias for {token} must be a number or -inf, not {bias}")
