"""Whether a GGUF is a model of the Starling family, read from its header, before it is loaded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

from starling_local.engine.gguf_header import GgufHeader, Strings, Value
from starling_local.errors import BadFileError
from starling_local.prompt import CARD_VECTORS, CHAT_TEMPLATE, END_OF_TURN

_CONTROL = 3
_F32 = 0
# Tensor types that no matrix of a model has: Q8_1, Q8_K, I8, I16, I32, I64, F64.
_NOT_MULTIPLIED = frozenset((9, 15, 24, 25, 26, 27, 28))
_CONVERT_AGAIN = "convert the published checkpoint yourself: starling convert CHECKPOINT"
# Where Mistral's vocabulary has `▁Hello`, the first word of the card's first prompt.
_HELLO = CARD_VECTORS[0].ids[8]


@dataclass(frozen=True)
class Identity:
    """What the header says of the tokenizer, and what had to be corrected."""

    end_of_turn: int
    has_mistral_vocabulary: bool
    notes: tuple[str, ...]


def identify(header: GgufHeader, path: Path) -> Identity:
    """Check that the model can be spoken to with the Starling template.

    A wrong end of turn in the file is corrected here, with a note; what cannot be corrected
    without guessing is refused. Raises BadFileError.
    """
    metadata = header.metadata
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise BadFileError(
            f"{path} is a model of the architecture {architecture!r}; the Starling models are "
            "'llama' in GGUF files",
            hint="choose a GGUF of Starling or OpenChat 3.5",
        )
    if metadata.get("tokenizer.ggml.model") != "llama":
        raise BadFileError(
            f"{path} has no SentencePiece vocabulary, as the Starling models do",
            hint="choose a GGUF of Starling or OpenChat 3.5",
        )
    tokens = metadata.get("tokenizer.ggml.tokens")
    pieces = tokens.undecoded() if isinstance(tokens, Strings) else []
    if END_OF_TURN.encode() not in pieces:
        raise BadFileError(
            f"{path} has no token {END_OF_TURN}: it does not speak the Starling template",
            hint="choose a GGUF of Starling or OpenChat 3.5",
        )
    end_of_turn = pieces.index(END_OF_TURN.encode())
    _check_types(metadata.get("tokenizer.ggml.token_type"), end_of_turn, path)
    _check_scores(metadata.get("tokenizer.ggml.scores"), path)
    if metadata.get("tokenizer.ggml.add_space_prefix", True) is not True:
        raise BadFileError(
            f"{path} turns off the space before each text (add_space_prefix), so the template's "
            "ids cannot come out right",
            hint=_CONVERT_AGAIN,
        )
    _check_computable(header, path)
    is_mistral = len(pieces) > _HELLO and pieces[_HELLO].decode("utf-8", "replace") == "▁Hello"
    return Identity(end_of_turn, is_mistral, tuple(_notes(header, end_of_turn)))


def _check_types(types: Value | None, end_of_turn: int, path: Path) -> None:
    """The end of turn must be a control token, or a user's text could contain it."""
    if not isinstance(types, array) or types[end_of_turn] != _CONTROL:
        raise BadFileError(
            f"{path} does not mark {END_OF_TURN} as a control token: a text that contains it "
            "would end the user's turn",
            hint=_CONVERT_AGAIN,
        )


def _check_scores(scores: Value | None, path: Path) -> None:
    """Real scores differ; a converter without tokenizer.model writes the same one everywhere."""
    if not isinstance(scores, array) or len(set(scores[300:400])) < 2:
        raise BadFileError(
            f"{path} lacks the scores of its vocabulary, so texts would be split into the wrong "
            "tokens",
            hint=_CONVERT_AGAIN,
        )


def _check_computable(header: GgufHeader, path: Path) -> None:
    """What llama.cpp loads without a word, and ends the process for once it computes with it."""
    metadata = header.metadata
    epsilon = metadata.get("llama.attention.layer_norm_rms_epsilon")
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise BadFileError(f"{path} is damaged: the epsilon of its norms is {epsilon}")
    width, heads = (
        metadata.get("llama.embedding_length"),
        metadata.get("llama.attention.head_count"),
    )
    if not isinstance(width, int) or not isinstance(heads, int) or heads < 1:
        raise BadFileError(f"{path} is damaged: {heads} heads for a width of {width}")
    sizes = {
        metadata.get("llama.attention.key_length", width // heads),
        metadata.get("llama.attention.value_length", width // heads),
        metadata.get("llama.rope.dimension_count", width // heads),
    }
    if len(sizes) > 1:
        raise BadFileError(f"{path} is damaged: its heads have the sizes {sorted(map(str, sizes))}")
    for tensor in header.tensors:
        is_matrix = len(tensor.shape) > 1
        if tensor.type_id in _NOT_MULTIPLIED or (not is_matrix and tensor.type_id != _F32):
            raise BadFileError(
                f"{path} is damaged: the tensor {tensor.name} has the type {tensor.type_id}"
            )


def _notes(header: GgufHeader, end_of_turn: int) -> list[str]:
    metadata = header.metadata
    notes = []
    eos = metadata.get("tokenizer.ggml.eos_token_id")
    if eos != end_of_turn:
        notes.append(
            f"the file says that token {eos} ends an answer; {END_OF_TURN} ({end_of_turn}) does"
        )
    template = metadata.get("tokenizer.chat_template")
    if template is not None and template != CHAT_TEMPLATE:
        notes.append("the file's chat template is not Starling's; Starling's own is used")
    if metadata.get("tokenizer.ggml.add_sep_token"):
        notes.append("the file adds a separator to every prompt; it is left out")
    return notes
