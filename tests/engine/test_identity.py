"""Files that are no Starling, or that llama.cpp would take and then die of."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from starling_local.engine.gguf_header import GgufHeader, Strings, read_header
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


def strings(values: Sequence[bytes]) -> Strings:
    raw = b"".join(struct.pack("<Q", len(value)) + value for value in values)
    ends = [*accumulate((len(value) + 8 for value in values), initial=0)]
    return Strings(raw, array("I", ends))


def with_tokens(header: GgufHeader, changed: dict[int, bytes]) -> GgufHeader:
    """The header with other texts of some tokens."""
    stored = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(stored, Strings)
    texts = [changed.get(token, text) for token, text in enumerate(stored.undecoded())]
    return with_metadata(header, tokenizer__ggml__tokens=strings(texts))


def with_types(header: GgufHeader, changed: dict[int, int]) -> GgufHeader:
    """The header with other types of some tokens."""
    stored = header.metadata["tokenizer.ggml.token_type"]
    assert isinstance(stored, array)
    types = array("i", (changed.get(token, int(kind)) for token, kind in enumerate(stored)))
    return with_metadata(header, tokenizer__ggml__token_type=types)


def test_our_own_file_needs_no_correction(header: GgufHeader) -> None:
    assert identify(header, PATH).notes == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"general__architecture": "qwen2"}, "architecture 'qwen2'"),
        ({"tokenizer__ggml__model": "gpt2"}, "no SentencePiece vocabulary"),
        ({"tokenizer__ggml__model": "no_vocab"}, "no SentencePiece vocabulary"),
        ({"tokenizer__ggml__tokens": None}, "no token"),
        ({"tokenizer__ggml__token_type": None}, "for each token"),
        ({"tokenizer__ggml__scores": None}, "scores"),
        ({"tokenizer__ggml__scores": array("f", [-1000.0] * 2818)}, "scores"),
        ({"tokenizer__ggml__add_space_prefix": False}, "add_space_prefix"),
        ({"llama__attention__layer_norm_rms_epsilon": -1.0}, "epsilon"),
        ({"llama__attention__layer_norm_rms_epsilon": float("nan")}, "epsilon"),
        ({"llama__attention__head_count": 0}, "heads"),
        ({"llama__attention__key_length": 128}, "heads have the sizes"),
        ({"llama__rope__dimension_count": 32}, "heads have the sizes"),
        ({"llama__attention__key_length": array("I", [64] * 4)}, "heads have the sizes"),
        ({"llama__attention__value_length": array("I", [64])}, "heads have the sizes"),
        ({"llama__rope__dimension_count": array("I")}, "heads have the sizes"),
        ({"llama__attention__head_count": array("I", [4] * 4)}, "heads"),
        ({"llama__attention__head_count_kv": array("I", [2, 2, 0, 2])}, "heads of keys"),
        ({"llama__attention__head_count_kv": 3}, "heads of keys"),
        ({"llama__attention__head_count_kv": 0}, "heads of keys"),
        ({"tokenizer__ggml__token_type": array("i", [1] * 100)}, "for each token"),
        ({"tokenizer__ggml__token_type": array("f", [1] * 2818)}, "for each token"),
    ],
)
def test_what_is_refused(header: GgufHeader, values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadFileError, match=said):
        identify(with_metadata(header, **values), PATH)


@pytest.mark.parametrize("kv_heads", [2, array("I", [2] * 4), None])
def test_heads_of_keys_as_llama_cpp_can_compute_them(header: GgufHeader, kv_heads: Any) -> None:
    identify(with_metadata(header, llama__attention__head_count_kv=kv_heads), PATH)


@pytest.mark.parametrize(
    ("token", "kind", "name"),
    [
        (2816, 4, r"<\|end_of_turn\|>"),
        (2816, 5, r"<\|end_of_turn\|>"),
        (2817, 4, r"<\|pad_0\|>"),
        (2817, 1, r"<\|pad_0\|>"),
        (1, 4, "<s>"),
        (1, 2, "<s>"),
        (0, 4, "<unk>"),
    ],
)
def test_control_tokens_that_users_could_type_are_refused(
    header: GgufHeader, token: int, kind: int, name: str
) -> None:
    with pytest.raises(BadFileError, match=f"{name}' as a control token") as caught:
        identify(with_types(header, {token: kind}), PATH)
    assert ("user-defined" in caught.value.message) == (kind == 4)
    assert "starling convert" in (caught.value.hint or "")


def test_an_unknown_token_of_its_own_type(header: GgufHeader) -> None:
    identify(with_types(header, {0: 2}), PATH)


def test_padding_counts_as_control_whatever_its_text(header: GgufHeader) -> None:
    renamed = with_tokens(header, {2817: b"[PAD]"})
    assert identify(renamed, PATH).reserved[2817] == "[PAD]"
    with pytest.raises(BadFileError, match="PAD"):
        identify(with_types(renamed, {2817: 4}), PATH)


@pytest.mark.parametrize("byte", [0, 0x0A, 0xE6, 0xFF])
def test_a_byte_without_a_token_is_refused(header: GgufHeader, byte: int) -> None:
    """llama.cpp would end the process for a text with it."""
    name = f"<0x{byte:02X}>"
    with pytest.raises(BadFileError, match=name):
        identify(with_tokens(header, {3 + byte: b"zzqq"}), PATH)
    with pytest.raises(BadFileError, match=name):
        identify(with_types(header, {3 + byte: 1}), PATH)


def test_a_vocabulary_without_a_space_or_a_begin_is_refused(header: GgufHeader) -> None:
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings)
    with pytest.raises(BadFileError, match="no token ▁"):
        identify(with_tokens(header, {tokens.index("▁"): b"zzqq"}), PATH)
    with pytest.raises(BadFileError, match="no token <s>"):
        identify(with_tokens(header, {1: b"<S>"}), PATH)


@pytest.mark.parametrize("pieces", [{700: b"<|pad_0|"}, {700: b"<|pad_", 701: b"0|>"}])
def test_a_control_token_that_pieces_make_up_is_refused(
    header: GgufHeader, pieces: dict[int, bytes]
) -> None:
    """llama.cpp would join them, whatever the type of what comes out."""
    with pytest.raises(BadFileError, match="make up the control token"):
        identify(with_tokens(header, pieces), PATH)


def with_control_token(header: GgufHeader, length: int) -> GgufHeader:
    name = b"<|" + b"x" * length + b"|>"
    return with_types(with_tokens(header, {700: name}), {700: 3})


def test_control_tokens_with_endless_names(header: GgufHeader) -> None:
    """Refused at once, or looked through in a time that a person waits."""
    assert len(identify(with_control_token(header, 40_000), PATH).reserved[700]) == 40_004
    with pytest.raises(BadFileError, match=r"have 1,00[0-9],[0-9]{3} characters"):
        identify(with_control_token(header, 1_000_000), PATH)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tokenizer__ggml__eos_token_id": 2}, "token 2 ends an answer"),
        ({"tokenizer__ggml__eot_token_id": 500}, "token 500 ends an answer"),
        ({"tokenizer__ggml__eom_token_id": 501}, "token 501 ends an answer"),
        ({"tokenizer__ggml__fim_pad_token_id": 502}, "token 502 ends an answer"),
        ({"tokenizer__ggml__bos_token_id": 2}, "token 2 begins a prompt"),
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
