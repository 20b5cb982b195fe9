"""Whether a GGUF's vocabulary can write every text, and keeps texts and control tokens apart.

Source: `llm_tokenizer_spm_session`, `tokenizer_st_partition` and `byte_to_token` in llama.cpp's
src/llama-vocab.cpp.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

from starling_local.engine.gguf_source import Value
from starling_local.errors import BadFileError
from starling_local.prompt import END_OF_TURN

CONVERT_AGAIN = "convert the published checkpoint yourself: starling convert CHECKPOINT"
BOS = b"<s>"
# LLAMA_TOKEN_TYPE_* of llama.cpp. Only the first three are never read from a plain text.
_UNKNOWN, _CONTROL, _UNUSED, _USER_DEFINED, _BYTE = 2, 3, 5, 4, 6
_BYTES = tuple(b"<0x%02X>" % byte for byte in range(256))
_SPACE = "▁".encode()
# Characters of all control tokens' names. Real ones have some thousand; what is done with them
# takes the square of the longest.
_MOST_RESERVED = 50_000


def check_vocabulary(
    pieces: Sequence[bytes], metadata: Mapping[str, Value], path: Path
) -> dict[int, str]:
    """Check the tokens' texts and types; returns id and text of those that no text may become.

    These are the control tokens, the unknown one, and all that look like them. Raises BadFileError.
    """
    types = metadata.get("tokenizer.ggml.token_type")
    if not isinstance(types, array) or types.typecode in "fd" or len(types) < len(pieces):
        raise BadFileError(
            f"{path} does not say for each token whether it is a control token",
            hint=CONVERT_AGAIN,
        )
    ids = {piece: token for token, piece in enumerate(pieces)}
    _check_spelling(ids, types, path)
    reserved = {
        token
        for token, (kind, piece) in enumerate(zip(types, pieces, strict=False))
        if kind in (_UNKNOWN, _CONTROL) or (piece.startswith(b"<|") and piece.endswith(b"|>"))
    }
    reserved.update(ids[piece] for piece in (BOS, b"<unk>") if piece in ids)
    for role in ("unknown", "padding"):
        token = metadata.get(f"tokenizer.ggml.{role}_token_id")
        if isinstance(token, int) and token < len(pieces):
            reserved.add(token)
    texts = {token: pieces[token].decode("utf-8", "replace") for token in sorted(reserved)}
    if (length := sum(map(len, texts.values()))) > _MOST_RESERVED:
        raise BadFileError(
            f"{path} is damaged: the names of its control tokens have {length:,} characters"
        )
    for token, text in texts.items():
        _check_reserved(text, int(types[token]), path)
        if _can_be_merged(text, ids):
            raise BadFileError(
                f"{path} has pieces that make up the control token {text!r:.80}: a text that "
                "contains it could become it",
                hint=CONVERT_AGAIN,
            )
    return texts


def _check_spelling(ids: Mapping[bytes, int], types: Sequence[float], path: Path) -> None:
    """Bytes and the space must have tokens: for a byte without, llama.cpp ends the process."""
    for name in (*_BYTES, _SPACE):
        token = ids.get(name)
        if token is None or (name is not _SPACE and types[token] != _BYTE):
            raise BadFileError(
                f"{path} has no token {name.decode()}: some texts cannot be written with its "
                "vocabulary",
                hint=CONVERT_AGAIN,
            )


def _check_reserved(text: str, kind: int, path: Path) -> None:
    must_be_control = text in (END_OF_TURN, BOS.decode())
    if kind == _CONTROL or (not must_be_control and kind in (_UNKNOWN, _UNUSED)):
        return
    why = " (but as user-defined, as old converters did)" if kind == _USER_DEFINED else ""
    raise BadFileError(
        f"{path} does not mark {text!r:.80} as a control token{why}: a user's text that contains "
        "it would become it",
        hint=CONVERT_AGAIN,
    )


def _can_be_merged(text: str, known: Mapping[bytes, int]) -> bool:
    """Whether some text can become this token, in whatever surroundings.

    llama.cpp joins two neighbours, characters at first, if a token of any type has their text.
    """
    return len(text) == 1 or any(
        (place == 1 or text[:place].encode() in known)
        and (place == len(text) - 1 or text[place:].encode() in known)
        for place in range(1, len(text))
    )
