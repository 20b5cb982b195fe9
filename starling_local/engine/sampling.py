"""The chain of llama.cpp's samplers for one answer."""

from __future__ import annotations

import ctypes
import secrets
from types import TracebackType
from typing import Any

import llama_cpp

from starling_local.engine.vocabulary import Vocabulary
from starling_local.errors import UsageError
from starling_local.settings import Sampling

# What interrupts a repetition in the DRY sampler; the defaults of llama.cpp's common_params.
_DRY_BREAKERS = (b"\n", b":", b'"', b"*")


class Sampler:
    """Chooses tokens. Use it in a `with` statement: the chain is llama.cpp's memory.

    Raises UsageError if the grammar cannot be parsed.
    """

    def __init__(self, settings: Sampling, vocabulary: Vocabulary, trained_context: int) -> None:
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        params = llama_cpp.llama_sampler_chain_default_params()
        self._chain: Any = llama_cpp.llama_sampler_chain_init(params)
        try:
            for sampler in _samplers(settings, vocabulary, trained_context, self.seed):
                if not sampler:
                    raise UsageError("the grammar cannot be parsed: it must be GBNF with a root")
                llama_cpp.llama_sampler_chain_add(self._chain, sampler)
        except UsageError:
            self.close()
            raise

    def sample(self, context: Any, row: int = -1) -> int:
        """The next token from the logits of a row of the last decode, the last row by default."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context, row))

    def accept(self, tokens: list[int]) -> None:
        """Count tokens that were not sampled here, such as the prompt's, for the penalties."""
        for token in tokens:
            llama_cpp.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        """Free the chain."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None

    def __enter__(self) -> Sampler:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _samplers(
    settings: Sampling, vocabulary: Vocabulary, trained_context: int, seed: int
) -> list[Any]:
    """In the order of llama.cpp's `common_sampler_init`; what would do nothing is left out."""
    chain: list[Any] = []
    if settings.logit_bias:
        entries = [llama_cpp.llama_logit_bias(*entry) for entry in settings.logit_bias.items()]
        array = (llama_cpp.llama_logit_bias * len(entries))(*entries)
        chain.append(llama_cpp.llama_sampler_init_logit_bias(vocabulary.size, len(entries), array))
    if settings.grammar:
        grammar = settings.grammar.encode()
        chain.append(llama_cpp.llama_sampler_init_grammar(vocabulary.handle, grammar, b"root"))
    if settings.is_greedy:
        return [*chain, llama_cpp.llama_sampler_init_greedy()]
    chain += _penalties(settings, vocabulary, trained_context)
    if settings.mirostat:
        return [*chain, *_mirostat(settings, vocabulary, seed)]
    if settings.top_k > 0:
        chain.append(llama_cpp.llama_sampler_init_top_k(settings.top_k))
    if settings.typical < 1:
        chain.append(llama_cpp.llama_sampler_init_typical(settings.typical, 1))
    if settings.top_p < 1:
        chain.append(llama_cpp.llama_sampler_init_top_p(settings.top_p, 1))
    if settings.min_p > 0:
        chain.append(llama_cpp.llama_sampler_init_min_p(settings.min_p, 1))
    if settings.xtc_probability > 0:
        chain.append(
            llama_cpp.llama_sampler_init_xtc(
                settings.xtc_probability, settings.xtc_threshold, 1, seed
            )
        )
    chain.append(llama_cpp.llama_sampler_init_temp(settings.temperature))
    return [*chain, llama_cpp.llama_sampler_init_dist(seed)]


def _penalties(settings: Sampling, vocabulary: Vocabulary, trained_context: int) -> list[Any]:
    chain: list[Any] = []
    if (settings.repeat_penalty, settings.frequency_penalty, settings.presence_penalty) != (
        1,
        0,
        0,
    ):
        chain.append(
            llama_cpp.llama_sampler_init_penalties(
                vocabulary.size, settings.repeat_last, settings.repeat_penalty,
                settings.frequency_penalty, settings.presence_penalty,
            )
        )  # fmt: skip
    if settings.dry_multiplier > 0:
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        chain.append(
            llama_cpp.llama_sampler_init_dry(
                vocabulary.handle, settings.dry_multiplier, settings.dry_base,
                settings.dry_allowed_length,
                trained_context if settings.dry_last < 0 else settings.dry_last,
                breakers, len(_DRY_BREAKERS),
            )
        )  # fmt: skip
    return chain


def _mirostat(settings: Sampling, vocabulary: Vocabulary, seed: int) -> list[Any]:
    temperature = llama_cpp.llama_sampler_init_temp(settings.temperature)
    tau, eta = settings.mirostat_tau, settings.mirostat_eta
    if settings.mirostat == 1:
        # 100 candidates, as llama.cpp's `common_sampler_init` has it.
        mirostat = llama_cpp.llama_sampler_init_mirostat(vocabulary.size, seed, tau, eta, 100)
    else:
        mirostat = llama_cpp.llama_sampler_init_mirostat_v2(seed, tau, eta)
    return [temperature, mirostat]
