"""How a context is asked of llama.cpp, with what it would die of refused."""

from __future__ import annotations

import os
from typing import Any

from starling_local.engine.llama import llama_cpp
from starling_local.errors import DoesNotFitError, UsageError
from starling_local.settings import LONGEST_CONTEXT, ContextSettings, KvType

_KV_TYPES = {KvType.F16: llama_cpp.GGML_TYPE_F16, KvType.Q8_0: llama_cpp.GGML_TYPE_Q8_0}
_FLASH_ATTENTION = {
    None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
# LLAMA_MAX_SEQ and GGML_MAX_N_THREADS of llama.cpp.
_MOST_SEQUENCES, _MOST_THREADS = 256, 512
# What `llama_kv_cells` keeps of each cell besides: its position, shift and set of sequences.
_MANY_CELLS, _CELL_BYTES = 2**22, 48


def context_params(settings: ContextSettings) -> Any:
    """llama.cpp's parameters.

    Raises UsageError for settings that are not possible, DoesNotFitError for an absurd length.
    """
    for name, value, most in (
        ("the length of the context", settings.context, LONGEST_CONTEXT),
        ("the size of a batch", settings.batch, LONGEST_CONTEXT),
        ("the number of sequences", settings.sequences, _MOST_SEQUENCES),
        ("the number of threads", settings.threads, _MOST_THREADS),
        ("the number of threads for prefill", settings.prefill_threads, _MOST_THREADS),
    ):
        if value is not None and not 1 <= value <= most:
            raise UsageError(f"{name} must be from 1 to {most}, not {value}")
    check_flash_attention(settings)
    _check_cells(settings.context)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = settings.context
    # A token of each sequence must fit into one batch, see `Context.decode_together`.
    batch_size = max(min(settings.batch, settings.context), settings.sequences)
    params.n_batch = params.n_ubatch = batch_size
    params.n_seq_max = settings.sequences
    # One pool of cells, so that sequences can share some.
    params.kv_unified = True
    threads = settings.threads or min(usable_cores(), _MOST_THREADS)
    params.n_threads, params.n_threads_batch = threads, settings.prefill_threads or threads
    params.type_k = params.type_v = _KV_TYPES[settings.kv_type]
    params.flash_attn_type = _FLASH_ATTENTION[settings.flash_attention]
    return params


def check_flash_attention(settings: ContextSettings) -> None:
    """Raise UsageError for what `llama_init_from_model` refuses: a V cache of q8_0 without it."""
    if settings.kv_type is KvType.Q8_0 and settings.flash_attention is False:
        raise UsageError(
            "a KV cache of q8_0 needs flash attention",
            hint="leave --flash-attn off out, or --kv-type q8_0",
        )


def _check_cells(count: int) -> None:
    """Refuse what would fill the memory before llama.cpp asks for that of the keys and values."""
    if count < _MANY_CELLS:
        return
    import psutil

    if count * _CELL_BYTES > psutil.virtual_memory().available:
        raise DoesNotFitError(
            f"a context of {count} tokens does not fit in memory",
            hint="choose a shorter one with --ctx",
        )


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
