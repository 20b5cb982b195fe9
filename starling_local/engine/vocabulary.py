"""A loaded model's vocabulary: text to ids, ids to bytes, and the ids that end a turn."""

from __future__ import annotations

import ctypes
from functools import cached_property
from typing import Any

from starling_local.engine.llama import llama_cpp

LONGEST_PIECE = 256
# What stands for no text, in words of `llama_token_to_piece`.
_WITHOUT_TEXT = llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN | llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
_WITH_TEXT = (
    llama_cpp.LLAMA_TOKEN_ATTR_NORMAL
    | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
    | llama_cpp.LLAMA_TOKEN_ATTR_BYTE
)


class Vocabulary:
    """The tokenizer inside a GGUF, as llama.cpp has loaded it. It satisfies `prompt.Tokenizer`.

    It is the model's, and closed with it: RuntimeError is raised if it is used afterwards.
    """

    def __init__(self, model: Any, end_of_turn: int) -> None:
        self._vocabulary = llama_cpp.llama_model_get_vocab(model)
        self._end_of_turn = end_of_turn
        self._pieces: dict[int, bytes] = {}
        self.bos = int(llama_cpp.llama_vocab_bos(self._vocabulary))
        """The id that begins every prompt."""
        self.size: int = llama_cpp.llama_vocab_n_tokens(self._vocabulary)

    @property
    def end_of_turn(self) -> int:
        """The id of `<|end_of_turn|>`."""
        return self._end_of_turn

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer."""
        if self._vocabulary is None:
            raise RuntimeError("the vocabulary is used after its model was closed")
        return self._vocabulary

    @cached_property
    def without_text(self) -> frozenset[int]:
        """The ids that stand for no text: control tokens, the unknown one, and unused ones."""
        handle, attributes = self.handle, llama_cpp.llama_vocab_get_attr
        kinds = enumerate(attributes(handle, token) for token in range(self.size))
        return frozenset(
            token for token, kind in kinds if kind & _WITHOUT_TEXT or not kind & _WITH_TEXT
        )

    @cached_property
    def ends(self) -> frozenset[int]:
        """The ids at which generation stops: the end of turn, and control tokens like `</s>`.

        A file can name others, of texts; see `Identity.corrections`.
        """
        known = {
            token
            for token in self.without_text
            if self.is_control(token) and llama_cpp.llama_vocab_is_eog(self.handle, token)
        }
        return frozenset(known | {self._end_of_turn})

    def tokenise(self, text: str) -> list[int]:
        """Ids of plain text, the space before it included; nothing in it is a control token."""
        raw = text.encode("utf-8", "replace")
        # SentencePiece never makes more tokens than bytes, but for the space put before the text.
        ids = (llama_cpp.llama_token * (len(raw) + 4))()
        count = llama_cpp.llama_tokenize(self.handle, raw, len(raw), ids, len(ids), False, False)
        if count < 0:
            raise RuntimeError(f"llama_tokenize makes {-count} tokens of {len(raw)} bytes")
        found: list[int] = ids[:count]
        return found

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for a control token. They may be part of a letter."""
        found = self._pieces.get(token)
        if found is None:
            found = self._pieces[token] = self._read_piece(token, LONGEST_PIECE)
        return found

    def _read_piece(self, token: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        length = llama_cpp.llama_token_to_piece(self.handle, token, buffer, size, 0, False)
        return buffer.raw[:length] if length >= 0 else self._read_piece(token, -length)

    def is_control(self, token: int) -> bool:
        """Whether the token is no text: the begin and the end of things, and unused ones."""
        return bool(llama_cpp.llama_vocab_is_control(self.handle, token))

    def shown(self, token: int) -> str:
        """The token for people: its text in quotes, or the name of a control token."""
        if self.is_control(token):
            name: bytes = llama_cpp.llama_vocab_get_text(self.handle, token)
            return name.decode("utf-8", "backslashreplace")
        return repr(self.piece(token).decode("utf-8", "backslashreplace"))

    def text(self, token: int) -> str:
        """The token's text, or the name of a control token; parts of a letter are escaped bytes."""
        if self.is_control(token):
            return self.shown(token)
        return self.piece(token).decode("utf-8", "backslashreplace")

    def close(self) -> None:
        """The model's memory is about to be freed."""
        self._vocabulary = None
