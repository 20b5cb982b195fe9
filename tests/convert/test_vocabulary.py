"""The vocabulary in the file: the card's ids, sentencepiece's ids, and Starling's own traps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
from sentencepiece import SentencePieceProcessor

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.files import read_json
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_convert.vocabulary import TokenKind, Vocabulary, read_vocabulary
from starling_local.errors import BadFileError
from starling_local.prompt import CARD_VECTORS, CHAT_TEMPLATE, END_OF_TURN
from tests import llama
from tests.checkpoints import Shape, write_checkpoint

TINY = Shape(layers=1, hidden=32, ffn=32, heads=2, kv_heads=1)
MISTRAL_TOKENIZER = Path(str(files("mistral_common"))) / "data" / "tokenizer.model.v1"
REFERENCE = SentencePieceProcessor(model_file=str(MISTRAL_TOKENIZER))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A converted file with the Mistral vocabulary, opened by llama.cpp."""
    folder = tmp_path_factory.mktemp("card")
    write_checkpoint(folder / "in", TINY)
    plan = plan_conversion(folder / "in", [FileType.BF16], folder)
    [written] = run_conversion(plan, ConversionSettings(verify=False))
    with llama.loaded(written.planned.path, vocab_only=True) as model:
        yield model


def read(folder: Path, rows: int = 32002) -> Vocabulary:
    return read_vocabulary(folder, read_json(folder / "config.json"), rows)


@pytest.mark.parametrize("vector", CARD_VECTORS, ids=lambda vector: vector.text[:20])
def test_the_cards_vectors(model: Any, vector: Any) -> None:
    assert llama.tokenise(model, vector.text, special=True) == list(vector.ids)
    # Segment by segment, as the authors' server does it.
    ids = [1]
    for number, segment in enumerate(vector.segments):
        ids += [32000] * bool(number) + llama.tokenise(model, segment, special=False)
    assert ids == list(vector.ids)


@pytest.mark.parametrize("vector", CARD_VECTORS, ids=lambda vector: vector.text[:20])
def test_the_cards_vectors_in_mistrals_own_tokenizer(vector: Any) -> None:
    tokenizer = SentencePieceTokenizer(MISTRAL_TOKENIZER)
    ids = [1]
    for number, segment in enumerate(vector.segments):
        ids += [32000] * bool(number) + tokenizer.encode(segment, bos=False, eos=False)
    assert ids == list(vector.ids)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text() | st.text("abz 0189\n\t.,'<|>_▁é你🙂"))
def test_any_text_splits_as_in_sentencepiece(model: Any, text: str) -> None:
    assert llama.tokenise(model, text, special=False) == REFERENCE.encode(text)


def test_a_user_cannot_write_control_tokens(model: Any) -> None:
    for text in (END_OF_TURN, f"a{END_OF_TURN}b", "<|pad_0|>", "<s>", "</s>"):
        assert not {1, 2, 32000, 32001} & set(llama.tokenise(model, text, special=False))


def test_llama_cpp_stops_at_the_end_of_turn(model: Any) -> None:
    import llama_cpp

    vocabulary = llama_cpp.llama_model_get_vocab(model)
    assert llama_cpp.llama_vocab_eos(vocabulary) == 32000
    assert llama_cpp.llama_vocab_is_eog(vocabulary, 32000)
    assert llama_cpp.llama_vocab_sep(vocabulary) == -1


def test_real_scores_and_kinds(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, TINY)
    vocabulary = read(tmp_path)
    for i in range(3, 32000):
        assert vocabulary.tokens[i] == REFERENCE.id_to_piece(i)
        assert vocabulary.scores[i] == REFERENCE.get_score(i)
    assert vocabulary.kinds[3] is TokenKind.BYTE
    assert vocabulary.kinds[300] is TokenKind.NORMAL
    assert vocabulary.kinds[32000:] == (TokenKind.CONTROL, TokenKind.CONTROL)
    assert vocabulary.tokens[32000:] == (END_OF_TURN, "<|pad_0|>")


@pytest.mark.parametrize(
    "missing",
    [
        ["tokenizer_config.json"],
        ["added_tokens.json"],
        ["special_tokens_map.json", "generation_config.json"],
        ["tokenizer_config.json", "special_tokens_map.json"],
    ],
    ids=" ".join,
)
def test_files_of_early_downloads_may_be_missing(tmp_path: Path, missing: list[str]) -> None:
    write_checkpoint(tmp_path, TINY, files=dict.fromkeys(missing), config={"eos_token_id": 2})
    vocabulary = read(tmp_path)
    assert vocabulary.special_ids["bos"] == 1
    assert vocabulary.special_ids["eos"] == 32000
    assert vocabulary.kinds[32000] is TokenKind.CONTROL
    assert "sep" not in vocabulary.special_ids
    assert vocabulary.chat_template == CHAT_TEMPLATE
    assert any("eos_token_id 2" in note for note in vocabulary.notes)


def test_added_tokens_that_repeat_pieces(tmp_path: Path) -> None:
    repeated = {"<unk>": 0, "<s>": 1, "</s>": 2, END_OF_TURN: 32000, "<|pad_0|>": 32001}
    write_checkpoint(
        tmp_path, TINY, files={"tokenizer_config.json": None, "added_tokens.json": repeated}
    )
    kinds = read(tmp_path).kinds
    assert kinds[:3] == (TokenKind.UNKNOWN, TokenKind.CONTROL, TokenKind.CONTROL)


def test_added_tokens_only_in_tokenizer_json(tmp_path: Path) -> None:
    added = [{"id": 32000, "content": END_OF_TURN, "special": True}]
    removed = dict.fromkeys(["tokenizer_config.json", "added_tokens.json"])
    write_checkpoint(tmp_path, TINY, files={**removed, "tokenizer.json": {"added_tokens": added}})
    vocabulary = read(tmp_path)
    assert vocabulary.special_ids["eos"] == 32000
    assert vocabulary.tokens[32001] == "[PAD32001]"
    assert vocabulary.kinds[32001] is TokenKind.UNUSED


def test_a_separator_is_never_declared(tmp_path: Path) -> None:
    # 32003 rows: fine-tunes that were resized for <sep> have it as a token, but not in a role.
    write_checkpoint(tmp_path, TINY, config={"sep_token_id": 32002})
    vocabulary = read(tmp_path, rows=32003)
    assert vocabulary.tokens[32002] == "<sep>"
    assert "sep" not in vocabulary.special_ids
    # 32002 rows, as published: it lies outside the embedding.
    assert any("<sep>" in note and "32002" in note for note in read(tmp_path).notes)


def test_a_template_of_the_checkpoint_is_kept(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, TINY)
    path = tmp_path / "tokenizer_config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"chat_template": "mine"}))
    assert read(tmp_path).chat_template == "mine"
    del content["chat_template"]
    path.write_text(json.dumps(content))
    assert read(tmp_path).chat_template == CHAT_TEMPLATE
    (tmp_path / "chat_template.jinja").write_text("in a file of its own")
    assert read(tmp_path).chat_template == "in a file of its own"


def test_the_space_prefix_is_tokenizer_models(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, TINY)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(read_json(path) | {"add_prefix_space": False}))
    vocabulary = read(tmp_path)
    assert vocabulary.add_space_prefix is None
    assert any("add_prefix_space false" in note for note in vocabulary.notes)


def test_the_cards_template_renders_the_cards_prompts() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="comes with llama-cpp-python")
    roles = ("user", "assistant", "user")
    for vector in CARD_VECTORS[:2]:
        texts = [segment.split(": ", 1)[-1] for segment in vector.segments[:-1]]
        messages = [
            {"role": role, "content": text} for role, text in zip(roles, texts, strict=False)
        ]
        rendered = jinja2.Template(CHAT_TEMPLATE).render(
            bos_token="", messages=messages, add_generation_prompt=True
        )
        assert rendered == vector.text


def test_verification_refuses_a_vocabulary_that_splits_otherwise(tmp_path: Path) -> None:
    # llama.cpp does not know SentencePiece's Unicode normalisation.
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["one two three four five six"] * 10),
        model_writer=model,
        model_type="bpe",
        vocab_size=300,
        byte_fallback=True,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    write_checkpoint(tmp_path / "in", Shape(vocab=302), tokenizer=model.getvalue())
    plan = plan_conversion(tmp_path / "in", [FileType.Q8_0], tmp_path / "out")
    with pytest.raises(BadFileError, match=r"did not pass verification: llama\.cpp splits"):
        run_conversion(plan)
    assert not any((tmp_path / "out").iterdir())
