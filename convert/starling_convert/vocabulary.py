"""The vocabulary as llama.cpp stores it, from tokenizer.model and the JSON files beside it.

Source: `_create_vocab_sentencepiece` and `SpecialVocab` of llama.cpp's converter, with three
departures that Starling needs: added tokens that mark turns are always CONTROL (llama.cpp would
otherwise match them in what a user types), end-of-sequence is `<|end_of_turn|>` whenever the
vocabulary has it, and a separator token is never declared (it would be appended to every prompt).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starling_convert.files import is_there, read_bytes, read_json, read_optional_json, read_text
from starling_local.errors import BadFileError
from starling_local.prompt import CHAT_TEMPLATE, END_OF_TURN

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

TOKENIZER_NAME = "tokenizer.model"
ADDED_TOKENS_NAME = "added_tokens.json"
TOKENIZER_CONFIG_NAME = "tokenizer_config.json"
SPECIAL_TOKENS_NAME = "special_tokens_map.json"
TOKENIZER_JSON_NAME = "tokenizer.json"
# All that is read here, as long as it is there.
TOKENIZER_FILES = (
    TOKENIZER_NAME,
    ADDED_TOKENS_NAME,
    TOKENIZER_CONFIG_NAME,
    SPECIAL_TOKENS_NAME,
    TOKENIZER_JSON_NAME,
    "chat_template.jinja",
    "chat_template.json",
)

_DAMAGED = "download tokenizer.model again"
_ADDED_SCORE = -1000.0
_PADDING_SCORE = -10000.0
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


class TokenKind(IntEnum):
    """llama.cpp's `llama_token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Vocabulary:
    """One entry per row of the embedding, and the ids with a role ('bos', 'eos', 'unk', 'pad')."""

    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    kinds: tuple[TokenKind, ...]
    special_ids: Mapping[str, int]
    add_bos: bool | None
    add_eos: bool | None
    add_space_prefix: bool | None  # None leaves llama.cpp's default, which is to put a space
    chat_template: str | list[dict[str, str]] | None
    tokenizer_sha256: str
    processor: SentencePieceProcessor
    notes: tuple[str, ...]


def read_vocabulary(folder: Path, config: Mapping[str, Any], n_rows: int) -> Vocabulary:
    """Read the tokenizer files of `folder` for an embedding of `n_rows` rows.

    `config` is config.json, the last resort for the special ids.

    Raises:
        BadFileError: no tokenizer.model, an unreadable file, more pieces than rows, or a special
            token that nothing names.
    """
    path = folder / TOKENIZER_NAME
    processor, sha256 = _load_sentencepiece(path)
    if processor.vocab_size() > n_rows:
        raise BadFileError(
            f"{path} has {processor.vocab_size()} pieces, but the embedding has only {n_rows} rows",
            hint="tokenizer.model and weights must come from the same model",
        )
    tokenizer_config = read_optional_json(folder / TOKENIZER_CONFIG_NAME)
    try:
        table = _TokenTable(processor, n_rows)
    except UnicodeDecodeError as error:
        raise BadFileError(f"{path} has a piece that is no text", hint=_DAMAGED) from error
    for token_id, token, special in _added_tokens(folder, tokenizer_config):
        table.add(token_id, token, special)

    declared = {**read_optional_json(folder / SPECIAL_TOKENS_NAME), **tokenizer_config}
    special_ids, notes = _special_ids(table, declared, config, processor)
    for token_id in special_ids.values():
        if token_id >= processor.vocab_size():
            table.kinds[token_id] = TokenKind.CONTROL
    template, template_note = _chat_template(folder, tokenizer_config, END_OF_TURN in table.tokens)
    has_prefix, prefix_note = _space_prefix(processor, tokenizer_config)
    return Vocabulary(
        tokens=tuple(table.tokens),
        scores=tuple(table.scores),
        kinds=tuple(table.kinds),
        special_ids=special_ids,
        add_bos=_flag(tokenizer_config, "add_bos_token"),
        add_eos=_flag(tokenizer_config, "add_eos_token"),
        add_space_prefix=None if has_prefix else False,
        chat_template=template,
        tokenizer_sha256=sha256,
        processor=processor,
        notes=(*table.notes, *notes, *template_note, *prefix_note),
    )


class _TokenTable:
    """The entries while they are gathered: pieces first, then added tokens over the rest."""

    def __init__(self, processor: SentencePieceProcessor, n_rows: int) -> None:
        self.tokens = [f"[PAD{i}]" for i in range(n_rows)]
        self.scores = [_PADDING_SCORE] * n_rows
        self.kinds = [TokenKind.UNUSED] * n_rows
        self.notes: list[str] = []
        for i in range(processor.vocab_size()):
            self.tokens[i] = processor.id_to_piece(i)
            self.scores[i] = processor.get_score(i)
            self.kinds[i] = _piece_kind(processor, i)

    def add(self, token_id: int, token: str, special: bool | None) -> None:
        if token_id >= len(self.tokens):
            self.notes.append(
                f"token {token!r} is left out: its id {token_id} is beyond "
                f"the {len(self.tokens)} rows of the embedding"
            )
            return
        if special is None and self.tokens[token_id] == token:
            return  # added_tokens.json of some early downloads repeats pieces of tokenizer.model
        if self.kinds[token_id] is TokenKind.BYTE and self.tokens[token_id] != token:
            raise BadFileError(
                f"added token {token!r} takes id {token_id} from the byte "
                f"{self.tokens[token_id]}, which the tokenizer cannot do without",
                hint="the added tokens belong to another tokenizer.model",
            )
        control = bool(special) or _looks_special(token)
        # llama.cpp matches user-defined tokens against plain text, where spaces are spaces.
        self.tokens[token_id] = token if control else token.replace(_SPACE, " ")
        self.kinds[token_id] = TokenKind.CONTROL if control else TokenKind.USER_DEFINED
        self.scores[token_id] = _ADDED_SCORE


def _load_sentencepiece(path: Path) -> tuple[SentencePieceProcessor, str]:
    from sentencepiece import SentencePieceProcessor

    if not is_there(path):
        raise BadFileError(
            f"{path} is missing: it holds the pieces and their scores, without which the text "
            "cannot be split as the model was trained to read it",
            hint="download tokenizer.model from the model's repository",
        )
    raw = read_bytes(path)
    processor = SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(raw)
    except (RuntimeError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} is not a SentencePiece model", hint=_DAMAGED) from error
    return processor, hashlib.sha256(raw).hexdigest()


def _piece_kind(processor: SentencePieceProcessor, i: int) -> TokenKind:
    if processor.is_unknown(i):
        return TokenKind.UNKNOWN
    if processor.is_control(i):
        return TokenKind.CONTROL
    if processor.is_unused(i):
        return TokenKind.UNUSED
    if processor.is_byte(i):
        return TokenKind.BYTE
    return TokenKind.NORMAL


def _looks_special(token: str) -> bool:
    """`does_token_look_special` of llama.cpp's converter, the forms this family can have."""
    return token == "<pad>" or (token.startswith("<|") and token.endswith("|>"))


def _added_tokens(
    folder: Path, tokenizer_config: Mapping[str, Any]
) -> list[tuple[int, str, bool | None]]:
    """(id, text, special) of the added tokens; None where no file says whether it is special."""
    found: list[tuple[int, str, bool | None]] = []
    path = folder / ADDED_TOKENS_NAME
    for token, token_id in read_optional_json(path).items():
        found.append((_token_id(token_id, path), token, None))

    path = folder / TOKENIZER_CONFIG_NAME
    decoder = tokenizer_config.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict):
        raise BadFileError(f"{path}: added_tokens_decoder is not an object")
    for key, entry in decoder.items():
        found.append((_token_id(key, path), *_added_token(entry, path)))

    path = folder / TOKENIZER_JSON_NAME
    if not found and is_there(path):
        # Newer downloads may carry their added tokens only here.
        listed = read_json(path).get("added_tokens") or []
        if not isinstance(listed, list):
            raise BadFileError(f"{path}: added_tokens is not a list")
        for entry in listed:
            token_id = entry.get("id") if isinstance(entry, dict) else None
            found.append((_token_id(token_id, path), *_added_token(entry, path)))
    return found


def _token_id(value: Any, path: Path) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not text.isascii() or len(text) > 9:
        raise BadFileError(f"{path}: {value!r} is not a token id")
    return int(text)


def _added_token(entry: Any, path: Path) -> tuple[str, bool]:
    if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
        raise BadFileError(f"{path}: an added token has no content")
    return entry["content"], entry.get("special") is True


def _special_ids(
    table: _TokenTable,
    declared: Mapping[str, Any],
    config: Mapping[str, Any],
    processor: SentencePieceProcessor,
) -> tuple[dict[str, int], list[str]]:
    """Ids by role. The tokenizer's own files go before config.json, which is often stale."""
    ids: dict[str, int] = {}
    notes: list[str] = []
    by_text = {token: i for i, token in enumerate(table.tokens)}
    for role in ("bos", "eos", "unk", "pad"):
        entry = declared.get(f"{role}_token")
        text = entry.get("content") if isinstance(entry, dict) else entry
        in_config = config.get(f"{role}_token_id")
        if isinstance(in_config, list) and in_config:
            in_config = in_config[0]
        if isinstance(text, str) and text in by_text:
            ids[role] = by_text[text]
        elif type(in_config) is int and 0 <= in_config < len(table.tokens):
            ids[role] = in_config
        elif (own := getattr(processor, f"{role}_id")()) >= 0:
            ids[role] = own
    if END_OF_TURN in by_text:
        ids["eos"] = by_text[END_OF_TURN]
    if (stale := config.get("eos_token_id")) not in (None, ids.get("eos")):
        notes.append(f"eos_token_id {stale} of config.json is stale: eos is {ids.get('eos')}")
    for role in ("bos", "eos"):
        if role not in ids:
            raise BadFileError(f"no file says which token is {role}", hint=_MISSING_NAMES)
        if table.kinds[ids[role]] is TokenKind.UNUSED:
            raise BadFileError(
                f"{role} is token {ids[role]}, which no file names", hint=_MISSING_NAMES
            )
    return ids, notes


_MISSING_NAMES = f"download {TOKENIZER_CONFIG_NAME} and {ADDED_TOKENS_NAME} of the model"


def _chat_template(
    folder: Path, tokenizer_config: Mapping[str, Any], has_end_of_turn: bool
) -> tuple[str | list[dict[str, str]] | None, tuple[str, ...]]:
    template = tokenizer_config.get("chat_template")
    if template is None and is_there(path := folder / "chat_template.jinja"):
        template = read_text(path)
    if template is None:
        template = read_optional_json(folder / "chat_template.json").get("chat_template")
    if isinstance(template, str):
        return template, ()
    if isinstance(template, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("template"), str)
        and isinstance(entry.get("name"), str)
        for entry in template
    ):
        return template, ()
    if template is not None:
        raise BadFileError(f"{folder}: chat_template is neither a text nor a list of templates")
    if has_end_of_turn:
        return CHAT_TEMPLATE, ("the checkpoint has no chat template: the model card's is written",)
    return None, ("the checkpoint has no chat template",)


def _space_prefix(
    processor: SentencePieceProcessor, tokenizer_config: Mapping[str, Any]
) -> tuple[bool, tuple[str, ...]]:
    """Whether tokenizer.model puts a space before text, as llama.cpp does unless told otherwise.

    llama.cpp's converter follows `add_prefix_space` of tokenizer_config.json instead. The model was
    trained with tokenizer.model, and the card's ids need the space.
    """
    has_prefix = processor.encode("a", out_type=str)[0].startswith(_SPACE)
    declared = _flag(tokenizer_config, "add_prefix_space")
    if declared is None or declared == has_prefix:
        return has_prefix, ()
    return has_prefix, (
        f"add_prefix_space {str(declared).lower()} of {TOKENIZER_CONFIG_NAME} is not followed: "
        "tokenizer.model does otherwise",
    )


def _flag(fields: Mapping[str, Any], name: str) -> bool | None:
    value = fields.get(name)
    return value if isinstance(value, bool) else None
