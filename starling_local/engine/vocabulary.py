"""A loaded model's vocabulary: text to ids, ids to bytes, and the ids that end a turn."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp

LONGEST_PIECE = 256


class Vocabulary:
    """The tokenizer inside a GGUF, as llama.cpp has loaded it. It satisfies `prompt.Tokenizer`."""

    def __init__(self, model: Any, end_of_turn: int) -> None:
        self._vocabulary = llama_cpp.llama_model_get_vocab(model)
        self._end_of_turn = end_of_turn
        self._pieces: dict[int, bytes] = {}
        self.size: int = llama_cpp.llama_vocab_n_tokens(self._vocabulary)

    @property
    def bos(self) -> int:
        """The id that begins every prompt."""
        return int(llama_cpp.llama_vocab_bos(self._vocabulary))

    @property
    def end_of_turn(self) -> int:
        """The id of `<|end_of_turn|>`."""
        return self._end_of_turn

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer."""
        return self._vocabulary

    def ends_answer(self, token: int) -> bool:
        """Whether generation stops at this token: the end of turn, or one that llama.cpp knows."""
        return token == self._end_of_turn or bool(
            llama_cpp.llama_vocab_is_eog(self._vocabulary, token)
        )

    def tokenise(self, text: str) -> list[int]:
        """Ids of plain text, the space before it included; nothing in it is a control token."""
        raw = text.encode("utf-8", "replace")
        # SentencePiece never makes more tokens than bytes, but for the space put before the text.
        ids = (llama_cpp.llama_token * (len(raw) + 2))()
        count = llama_cpp.llama_tokenize(
            self._vocabulary, raw, len(raw), ids, len(ids), False, False
        )
        found: list[int] = ids[:count]
        return found

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for a control token. They may be part of a letter."""
        found = self._pieces.get(token)
        if found is None:
            buffer = ctypes.create_string_buffer(LONGEST_PIECE)
            size = llama_cpp.llama_token_to_piece(
                self._vocabulary, token, buffer, LONGEST_PIECE, 0, False
            )
            found = self._pieces[token] = buffer.raw[: max(size, 0)]
        return found

    def is_control(self, token: int) -> bool:
        """Whether the token is no text: the begin and the end of things, and unused ones."""
        return bool(llama_cpp.llama_vocab_is_control(self._vocabulary, token))

    def shown(self, token: int) -> str:
        """The token for people: its text in quotes, or the name of a control token."""
        if self.is_control(token):
            return str(llama_cpp.llama_vocab_get_text(self._vocabulary, token).decode())
        return repr(self.piece(token).decode("utf-8", "backslashreplace"))
