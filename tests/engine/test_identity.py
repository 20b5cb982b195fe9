"""Files that are no Starling, or that llama.cpp would take and then die of."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from starling_local.engine.gguf_header import GgufHeader, read_header
from starling_local.engine.identity import identify
from starling_local.errors import BadFileError

PATH = Path("model.gguf")


@pytest.fixture(scope="module")
def header(nano_file: Path) -> GgufHeader:
    return read_header(nano_file)


def with_metadata(header: GgufHeader, **values: Any) -> GgufHeader:
    """The header with other values; two underscores stand for a dot, None takes the key out."""
    changed = {name.replace("__", "."): value for name, value in values.items()}
    metadata = {**header.metadata, **changed}
    return replace(header, metadata={k: v for k, v in metadata.items() if v is not None})


def test_our_own_file_needs_no_correction(header: GgufHeader) -> None:
    assert identify(header, PATH).notes == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"general__architecture": "qwen2"}, "architecture 'qwen2'"),
        ({"tokenizer__ggml__model": "gpt2"}, "no SentencePiece vocabulary"),
        ({"tokenizer__ggml__model": "no_vocab"}, "no SentencePiece vocabulary"),
        ({"tokenizer__ggml__tokens": None}, "no token"),
        ({"tokenizer__ggml__token_type": None}, "control token"),
        ({"tokenizer__ggml__scores": None}, "scores"),
        ({"tokenizer__ggml__scores": array("f", [-1000.0] * 2818)}, "scores"),
        ({"tokenizer__ggml__add_space_prefix": False}, "add_space_prefix"),
        ({"llama__attention__layer_norm_rms_epsilon": -1.0}, "epsilon"),
        ({"llama__attention__layer_norm_rms_epsilon": float("nan")}, "epsilon"),
        ({"llama__attention__head_count": 0}, "heads"),
        ({"llama__attention__key_length": 128}, "heads have the sizes"),
        ({"llama__rope__dimension_count": 32}, "heads have the sizes"),
    ],
)
def test_what_is_refused(header: GgufHeader, values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadFileError, match=said):
        identify(with_metadata(header, **values), PATH)


def test_an_end_of_turn_that_users_could_type_is_refused(header: GgufHeader) -> None:
    stored = header.metadata["tokenizer.ggml.token_type"]
    assert isinstance(stored, array)
    types = array("i", map(int, stored))
    types[2816] = 4
    with pytest.raises(BadFileError, match="control token"):
        identify(with_metadata(header, tokenizer__ggml__token_type=types), PATH)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tokenizer__ggml__eos_token_id": 2}, "token 2 ends an answer"),
        ({"tokenizer__chat_template": "{{ messages }}"}, "chat template"),
        ({"tokenizer__ggml__add_sep_token": True}, "separator"),
    ],
)
def test_what_is_corrected_is_said(header: GgufHeader, values: dict[str, Any], said: str) -> None:
    [note] = identify(with_metadata(header, **values), PATH).notes
    assert said in note


@pytest.mark.parametrize(
    ("is_wanted", "type_id"),
    [
        (lambda tensor: tensor.name == "output_norm.weight", 1),
        (lambda tensor: tensor.name == "blk.0.attn_q.weight", 27),
        (lambda tensor: tensor.name == "token_embd.weight", 26),
    ],
)
def test_types_that_cannot_be_computed_with(
    header: GgufHeader, is_wanted: Callable[[Any], bool], type_id: int
) -> None:
    tensors = tuple(
        replace(tensor, type_id=type_id) if is_wanted(tensor) else tensor
        for tensor in header.tensors
    )
    with pytest.raises(BadFileError, match="has the type"):
        identify(replace(header, tensors=tensors), PATH)
