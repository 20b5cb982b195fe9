"""llama.cpp itself, as the reference: its quantiser, tokeniser and forward pass."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from starling_convert.recipe import FileType

_silent = llama_cpp.llama_log_callback(lambda _level, _text, _data: None)
llama_cpp.llama_log_set(_silent, ctypes.c_void_p())
llama_cpp.llama_backend_init()


def quantise(
    source: Path,
    target: Path,
    file_type: FileType,
    importance: Mapping[str, NDArray[np.float32]] | None = None,
) -> None:
    """What llama-quantize does, on one thread, with an importance matrix if there is one."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = file_type.ftype_id
    params.nthread = 1
    if importance is not None:
        entries = (llama_cpp.llama_model_imatrix_data * (len(importance) + 1))()
        for entry, (name, values) in zip(entries, importance.items(), strict=False):
            entry.name, entry.size = name.encode(), values.size
            entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        params.imatrix = entries
    status = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(params)
    )
    assert status == 0, f"llama_model_quantize refused {source} as {file_type.name}"


@contextmanager
def loaded(path: Path, *, vocab_only: bool = False) -> Iterator[Any]:
    """A model on the CPU, its weights as they are in the file."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    params.use_extra_bufts = False
    params.vocab_only = vocab_only
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    assert model, f"llama.cpp cannot load {path}"
    yield model
    llama_cpp.llama_model_free(model)


def tokenise(model: Any, text: str, *, special: bool) -> list[int]:
    """Ids of `text`; with `special`, control tokens are recognised and BOS is put first."""
    raw = text.encode("utf-8")
    ids = (llama_cpp.llama_token * (len(raw) + 8))()
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    count = llama_cpp.llama_tokenize(vocabulary, raw, len(raw), ids, len(ids), special, special)
    return list(ids[:count])


def logits(model: Any, tokens: Sequence[int]) -> NDArray[np.float32]:
    """Logits [n_tokens, vocab] of one sequence from an empty context."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = 64
    params.n_threads = params.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model, params)
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.logits[i] = token, i, 1
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
    assert llama_cpp.llama_decode(context, batch) == 0
    n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = [
        np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, i), (n_vocab,)).copy()
        for i in range(len(tokens))
    ]
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    return np.stack(rows)


def greedy(model: Any, tokens: Sequence[int], *, limit: int) -> str:
    """The likeliest continuation, as text, up to the end of the turn or `limit` tokens."""
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    n_vocab = llama_cpp.llama_vocab_n_tokens(vocabulary)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = len(tokens) + limit
    params.n_threads = params.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model, params)
    raw = b""
    pending = list(tokens)
    for _ in range(limit):
        ids = (llama_cpp.llama_token * len(pending))(*pending)
        assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(ids, len(ids))) == 0
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, -1), (n_vocab,))
        token = int(logits.argmax())
        if llama_cpp.llama_vocab_is_eog(vocabulary, token):
            break
        piece = ctypes.create_string_buffer(64)
        size = llama_cpp.llama_token_to_piece(vocabulary, token, piece, len(piece), 0, False)
        raw += piece.raw[:size]
        pending = [token]
    llama_cpp.llama_free(context)
    return raw.decode("utf-8", "replace")
