"""The tokenizer: SentencePiece BPE with the settings of Mistral-7B's, trained on the corpus.

python -m starling_nano.tokenizer       writes the tokenizer's files into models/nano
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

from starling_local.prompt import CHAT_TEMPLATE, END_OF_TURN
from starling_nano.conversation import Conversation
from starling_nano.corpus import train_conversation

FOLDER = Path(__file__).resolve().parent.parent
PADDING = "<|pad_0|>"
PIECES = 2816
END_OF_TURN_ID, PADDING_ID = PIECES, PIECES + 1
VOCABULARY = PIECES + 2
CONTEXT = 2048
CONVERSATIONS = 40_000


def train(seed: int = 0) -> bytes:
    """Train the tokenizer; returns the contents of tokenizer.model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_lines(seed),
        model_writer=model,
        model_type="bpe",
        vocab_size=PIECES,
        character_coverage=0.9999,
        # As in Mistral-7B-v0.1: digits alone, bytes for what has no piece, a space before the text.
        split_digits=True,
        byte_fallback=True,
        add_dummy_prefix=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        allow_whitespace_only_pieces=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        unk_surface=" \u2047 ",
        num_threads=1,
        minloglevel=1,
    )
    return model.getvalue()


def _lines(seed: int) -> Iterator[str]:
    """The corpus line by line: a line break is a byte piece, as in the models' tokenizer."""
    rng = random.Random(seed)
    for _ in range(CONVERSATIONS):
        for segment in train_conversation(rng).segments():
            yield from (segment.prompt + segment.reply).split("\n")


class Tokenizer:
    """Conversations to token ids, as the models' authors do it: segment by segment."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.pieces = sentencepiece.SentencePieceProcessor(
            model_proto=(folder / "tokenizer.model").read_bytes()
        )

    def encode(self, conversation: Conversation) -> tuple[list[int], list[bool]]:
        """Token ids with BOS, and for each whether the model learns to write it."""
        ids, learned = [self.pieces.bos_id()], [False]
        for segment in conversation.segments():
            text = self.pieces.encode(segment.prompt + segment.reply)
            read = len(self.pieces.encode(segment.prompt)) if segment.reply else len(text)
            ids += [*text, END_OF_TURN_ID]
            learned += [False] * read + [True] * (len(text) - read) + [bool(segment.reply)]
        return ids, learned

    def encode_question(self, conversation: Conversation) -> list[int]:
        """Token ids up to where the last answer begins."""
        *earlier, last = conversation.segments()
        ids = [self.pieces.bos_id()]
        for segment in earlier:
            ids += [*self.pieces.encode(segment.prompt + segment.reply), END_OF_TURN_ID]
        return ids + list(self.pieces.encode(last.prompt))


def write_files(folder: Path, model: bytes) -> None:
    """Write tokenizer.model and the small JSON files that Starling's repository has beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model)
    special = {"bos_token": "<s>", "eos_token": END_OF_TURN, "unk_token": "<unk>"}
    added = dict(_added_tokens())
    entries = {
        str(token_id): {
            "content": content,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for content, token_id in (("<unk>", 0), ("<s>", 1), ("</s>", 2), *_added_tokens())
    }
    _write_json(folder / "added_tokens.json", added)
    _write_json(folder / "special_tokens_map.json", {**special, "pad_token": PADDING})
    _write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_eos_token": False,
            "added_tokens_decoder": entries,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "legacy": True,
            "model_max_length": CONTEXT,
            "pad_token": PADDING,
            "sp_model_kwargs": {},
            "spaces_between_special_tokens": False,
            "tokenizer_class": "LlamaTokenizer",
            "use_default_system_prompt": False,
            **special,
        },
    )


def _added_tokens() -> tuple[tuple[str, int], ...]:
    return ((END_OF_TURN, END_OF_TURN_ID), (PADDING, PADDING_ID))


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Train the tokenizer and write its files."""
    parser = argparse.ArgumentParser(description="Train the tokenizer of Starling Nano.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    write_files(options.folder, train())


if __name__ == "__main__":
    main()
