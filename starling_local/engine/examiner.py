"""What the child process of `examination` does: opens a file with llama.cpp and tries it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from starling_local.engine import library
from starling_local.engine.gguf_header import read_header
from starling_local.engine.identity import Identity, identify
from starling_local.engine.llama import llama_cpp
from starling_local.engine.model import metadata_overrides
from starling_local.engine.template_proof import card_proofs, forged_token
from starling_local.engine.vocabulary import Vocabulary
from starling_local.errors import BadFileError
from starling_local.prompt import Segment, encode


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Ids, pieces and proofs; raises as `examination.examine`.

    The request has the `path`, whether the tensors are looked at, too (`whole`), and what becomes
    tokens: `segments` of a prompt, or a bare `text`, or neither.
    """
    path = Path(request["path"])
    identity = identify(read_header(path), path)
    model = _load(path, identity, whole=request["whole"])
    try:
        with closing(Vocabulary(model, identity.end_of_turn)) as vocabulary:
            return _tried(vocabulary, identity, request)
    finally:
        llama_cpp.llama_model_free(model)


def _load(path: Path, identity: Identity, *, whole: bool) -> Any:
    """The model without its weights: with every tensor's name, shape and type, or without them."""
    library.start()
    params = llama_cpp.llama_model_default_params()
    # A list of devices that ends at once: nothing here needs a graphics card.
    devices = (ctypes.c_void_p * 1)(None)
    params.devices = ctypes.cast(devices, ctypes.c_void_p)
    params.n_gpu_layers = 0
    params.use_extra_bufts = False
    params.vocab_only = not whole
    # Tensors are made, and no memory for them; llama.cpp insists that the file is not mapped then.
    params.no_alloc = whole
    params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
    overrides = metadata_overrides(identity.corrections)
    params.kv_overrides = overrides
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise BadFileError(f"llama.cpp cannot load {path}: {library.log.reason('no reason')}")
    return model


def _tried(
    vocabulary: Vocabulary, identity: Identity, request: Mapping[str, Any]
) -> dict[str, Any]:
    if request["segments"] is not None:
        segments = [Segment(text, is_open) for text, is_open in request["segments"]]
        ids = encode(segments, vocabulary)
    else:
        ids = vocabulary.tokenise(request["text"] or "")
    return {
        "ids": ids,
        "pieces": [vocabulary.text(token) for token in ids],
        "control": [token for token in sorted(set(ids)) if vocabulary.is_control(token)],
        "card": [
            {
                "ids": proof.ids,
                "reads_back": proof.reads_back,
                "known": proof.expected is not None,
            }
            for proof in card_proofs(vocabulary, identity)
        ],
        "forged": forged_token(vocabulary, identity),
    }
