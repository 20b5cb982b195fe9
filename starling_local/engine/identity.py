"""Whether a GGUF is a model of the Starling family, read from its header, before it is loaded."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starling_local.engine.gguf_checks import token_texts
from starling_local.engine.gguf_header import GgufHeader, Strings, Value
from starling_local.engine.vocabulary_checks import BOS, CONVERT_AGAIN, check_vocabulary
from starling_local.errors import BadFileError
from starling_local.prompt import CARD_VECTORS, CHAT_TEMPLATE, END_OF_TURN

_F32 = 0
# Tensor types that no matrix of a model has: Q8_1, Q8_K, I8, I16, I32, I64, F64.
_NOT_MULTIPLIED = frozenset((9, 15, 24, 25, 26, 27, 28))
_CHOOSE_ANOTHER = "choose a GGUF of Starling or OpenChat 3.5"
# Where Mistral's vocabulary has `▁Hello`, the first word of the card's first prompt.
_HELLO = CARD_VECTORS[0].ids[8]
_DEFAULT_BOS = 1
# Roles besides eos for whose tokens llama.cpp ends an answer.
_ENDING_ROLES = ("eot", "eom", "fim_pad", "fim_rep", "fim_sep")


@dataclass(frozen=True)
class Identity:
    """What the header says of the tokenizer, and what had to be corrected."""

    end_of_turn: int
    reserved: Mapping[int, str]
    """Id and text of the tokens that no text of a user may become."""
    has_mistral_vocabulary: bool
    corrections: Mapping[str, int]
    """Metadata with the values that llama.cpp is to take instead of the file's."""
    notes: tuple[str, ...]


def identify(header: GgufHeader, path: Path) -> Identity:
    """Check that the model can be spoken to with the Starling template.

    Wrong ids of begin and end are corrected, with notes; what cannot be corrected without guessing
    is refused. That goes for files whose `<|end_of_turn|>` is user-defined, as llama.cpp's old
    convert.py wrote them, too: llama.cpp finds such tokens in any text, and nothing can stop it
    from outside. Raises BadFileError.
    """
    metadata = header.metadata
    pieces = family_pieces(metadata, path)
    reserved = check_vocabulary(pieces, metadata, path)
    check_splitting(metadata, path)
    check_computable(header, path)
    is_mistral = len(pieces) > _HELLO and pieces[_HELLO] == "▁Hello".encode()
    corrections = _corrections(metadata, pieces, reserved)
    notes = (*_id_notes(metadata, corrections), *_other_notes(metadata))
    end_of_turn = pieces.index(END_OF_TURN.encode())
    return Identity(end_of_turn, reserved, is_mistral, corrections, notes)


def family_pieces(metadata: Mapping[str, Value], path: Path) -> list[bytes]:
    """The texts of the tokens, of a model that can be a Starling. Raises BadFileError if not."""
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise BadFileError(
            f"{path} is a model of the architecture {architecture!r}; the Starling models are "
            "'llama' in GGUF files",
            hint=_CHOOSE_ANOTHER,
        )
    if metadata.get("tokenizer.ggml.model") != "llama":
        raise BadFileError(
            f"{path} has no SentencePiece vocabulary, as the Starling models do",
            hint=_CHOOSE_ANOTHER,
        )
    tokens = metadata.get("tokenizer.ggml.tokens")
    pieces = token_texts(tokens) if isinstance(tokens, Strings) else []
    for needed in (END_OF_TURN.encode(), BOS):
        if needed not in pieces:
            raise BadFileError(
                f"{path} has no token {needed.decode()}: it does not speak the Starling template",
                hint=_CHOOSE_ANOTHER,
            )
    return pieces


def check_splitting(metadata: Mapping[str, Value], path: Path) -> None:
    """Raise BadFileError if texts would be split into other tokens than in training.

    Real scores differ; a converter without tokenizer.model writes the same one everywhere.
    """
    scores = metadata.get("tokenizer.ggml.scores")
    if not isinstance(scores, array) or len(set(scores[300:400])) < 2:
        raise BadFileError(
            f"{path} lacks the scores of its vocabulary, so texts would be split into the wrong "
            "tokens",
            hint=CONVERT_AGAIN,
        )
    if metadata.get("tokenizer.ggml.add_space_prefix", True) is not True:
        raise BadFileError(
            f"{path} turns off the space before each text (add_space_prefix), so the template's "
            "ids cannot come out right",
            hint=CONVERT_AGAIN,
        )


def check_computable(header: GgufHeader, path: Path) -> None:
    """Raise BadFileError for what llama.cpp loads without a word, and dies of when it computes."""
    metadata = header.metadata
    epsilon = metadata.get("llama.attention.layer_norm_rms_epsilon")
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise BadFileError(f"{path} is damaged: the epsilon of its norms is {epsilon}")
    width = metadata.get("llama.embedding_length")
    heads = metadata.get("llama.attention.head_count")
    if not isinstance(width, int) or not isinstance(heads, int) or heads < 1:
        raise BadFileError(f"{path} is damaged: {heads!r:.40} heads for a width of {width!r:.40}")
    kv_heads = one_for_all(metadata.get("llama.attention.head_count_kv", heads))
    if not isinstance(kv_heads, int) or kv_heads < 1 or heads % kv_heads:
        raise BadFileError(f"{path} is damaged: {kv_heads!r:.40} heads of keys for {heads} heads")
    sizes = [
        metadata.get(f"llama.{name}", width // heads)
        for name in ("attention.key_length", "attention.value_length", "rope.dimension_count")
    ]
    if any(not isinstance(size, int) or size != sizes[0] for size in sizes):
        found = ", ".join(f"{size!r:.40}" for size in sizes)
        raise BadFileError(f"{path} is damaged: its heads have the sizes {found}")
    for tensor in header.tensors:
        is_matrix = len(tensor.shape) > 1
        if tensor.type_id in _NOT_MULTIPLIED or (not is_matrix and tensor.type_id != _F32):
            raise BadFileError(
                f"{path} is damaged: the tensor {tensor.name} has the type {tensor.type_id}"
            )


def one_for_all(value: Value) -> Value:
    """A number that is given for each layer, if it is the same for all."""
    is_same = isinstance(value, array) and len(set(value)) == 1
    return value[0] if isinstance(value, array) and is_same else value


def _corrections(
    metadata: Mapping[str, Value], pieces: Sequence[bytes], reserved: Mapping[int, str]
) -> dict[str, int]:
    """The ids that the template needs, where the file has others."""
    bos, end_of_turn = pieces.index(BOS), pieces.index(END_OF_TURN.encode())
    found = {}
    if metadata.get("tokenizer.ggml.bos_token_id", _DEFAULT_BOS) != bos:
        found["tokenizer.ggml.bos_token_id"] = bos
    if metadata.get("tokenizer.ggml.eos_token_id") != end_of_turn:
        found["tokenizer.ggml.eos_token_id"] = end_of_turn
    for role in _ENDING_ROLES:
        key = f"tokenizer.ggml.{role}_token_id"
        token = metadata.get(key)
        if isinstance(token, int) and token < len(pieces) and token not in reserved:
            found[key] = end_of_turn
    return found


def _id_notes(metadata: Mapping[str, Value], corrections: Mapping[str, int]) -> list[str]:
    notes = []
    for key, token in corrections.items():
        does = "begins a prompt" if "bos" in key else "ends an answer"
        name = BOS.decode() if "bos" in key else END_OF_TURN
        given = metadata.get(key)
        notes.append(f"the file says that token {given!r:.40} {does}; {name} ({token}) does")
    return notes


def _other_notes(metadata: Mapping[str, Value]) -> list[str]:
    notes = []
    template = metadata.get("tokenizer.chat_template")
    if template is not None and template != CHAT_TEMPLATE:
        notes.append("the file's chat template is not Starling's; Starling's own is used")
    if metadata.get("tokenizer.ggml.add_sep_token"):
        notes.append("the file adds a separator to every prompt; it is left out")
    return notes
