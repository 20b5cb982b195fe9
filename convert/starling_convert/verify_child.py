"""What the child process of `verify` does: opens a file with llama.cpp and says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import llama_cpp
import numpy as np


def examine(path: str, expected: Sequence[Mapping[str, Any]], decode_threads: int) -> str | None:
    """The first thing that is wrong with the file at `path`, or None.

    `expected` are the fields of `verify.Expectation`s. With `decode_threads` 0 only the vocabulary
    is loaded; otherwise the whole model, on the CPU, and one token is decoded.
    """
    llama_cpp.llama_log_set(_log_callback, None)
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    params.use_extra_bufts = False  # one token does not repay repacking the weights
    params.vocab_only = decode_threads == 0
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        return f"llama.cpp cannot load it: {_log.last_line}"
    try:
        return _examine_model(model, expected, decode_threads)
    finally:
        llama_cpp.llama_model_free(model)


def _examine_model(
    model: Any, expected: Sequence[Mapping[str, Any]], decode_threads: int
) -> str | None:
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    for entry in expected:
        found = _tokenise(vocabulary, entry["text"], entry["special"])
        if found != entry["ids"]:
            return f"llama.cpp splits {entry['text']!r} into {found}, not {entry['ids']}"
    if decode_threads == 0:
        return None
    return _decode_one_token(model, vocabulary, decode_threads)


def _tokenise(vocabulary: Any, text: str, special: bool) -> list[int]:
    raw = text.encode("utf-8")
    ids = (llama_cpp.llama_token * (len(raw) + 8))()
    count = llama_cpp.llama_tokenize(vocabulary, raw, len(raw), ids, len(ids), special, special)
    return list(ids[:count])


def _decode_one_token(model: Any, vocabulary: Any, threads: int) -> str | None:
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = 32
    # Everything on the CPU: a GPU back end takes over large batches unless told not to.
    params.n_batch = params.n_ubatch = 8
    params.op_offload = False
    params.offload_kqv = False
    params.n_threads = params.n_threads_batch = threads
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        return f"llama.cpp cannot make a context: {_log.last_line}"
    try:
        return _decode(context, vocabulary)
    finally:
        llama_cpp.llama_free(context)


def _decode(context: Any, vocabulary: Any) -> str | None:
    token = (llama_cpp.llama_token * 1)(llama_cpp.llama_vocab_bos(vocabulary))
    if status := llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(token, 1)):
        return f"decoding one token failed with status {status}: {_log.last_line}"
    count = llama_cpp.llama_vocab_n_tokens(vocabulary)
    logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(context), (count,))
    return None if np.isfinite(logits).all() else "the logits of one decoded token are not finite"


class _LogTail:
    """llama.cpp's log callback; keeps the last line that says something."""

    def __init__(self) -> None:
        self.last_line = "no message"

    def __call__(self, _level: int, text: bytes, _user_data: object) -> None:
        line = text.decode("utf-8", "replace").strip(" .\n")
        if line:
            self.last_line = line


# Here, because llama.cpp may log until the process ends.
_log = _LogTail()
_log_callback = llama_cpp.llama_log_callback(_log)
