"""The shipped checkpoint: its shape, its tokenizer, and what it says of the program."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer.main
from safetensors import safe_open

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import parse_file_type
from starling_local.cli.app import application
from starling_local.store.nano import nano_checkpoint
from starling_nano.corpus import evaluation
from starling_nano.program_answers import ANSWERS
from starling_nano.program_answers.tables import COMMANDS
from starling_nano.tokenizer import END_OF_TURN_ID, PADDING_ID, Tokenizer
from tests import llama

CHECKPOINT = nano_checkpoint()
MEGABYTE = 10**6
# What the model names already and the commands do not have yet.
PLANNED_OPTIONS: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(CHECKPOINT)


def test_the_files_of_a_hugging_face_repository() -> None:
    names = {path.name for path in CHECKPOINT.iterdir() if path.is_file()}
    assert names == {
        "README.md",
        "added_tokens.json",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }
    size = (CHECKPOINT / "model.safetensors").stat().st_size
    assert 6 * MEGABYTE < size < 16 * MEGABYTE


def test_the_shape_suits_every_type() -> None:
    config = json.loads((CHECKPOINT / "config.json").read_text())
    assert config["architectures"] == ["MistralForCausalLM"]
    assert config["num_attention_heads"] > config["num_key_value_heads"] > 1
    assert config["max_position_embeddings"] >= 1024
    assert config["tie_word_embeddings"] is False
    with safe_open(CHECKPOINT / "model.safetensors", "numpy") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        dtypes = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    assert dtypes == {"BF16"}
    assert {shape[1] % 256 for shape in shapes.values() if len(shape) == 2} == {0}
    assert shapes["lm_head.weight"][0] == config["vocab_size"] == PADDING_ID + 1


def test_the_tokenizer_behaves_as_mistral_s(tokenizer: Tokenizer) -> None:
    pieces = tokenizer.pieces
    assert 2000 <= pieces.get_piece_size() <= 4000
    assert pieces.encode("GPT4 Correct User: Hello", out_type=str)[0].startswith("▁")
    assert pieces.encode("1947", out_type=str) == ["▁", "1", "9", "4", "7"]
    assert pieces.encode("\n\n", out_type=str) == ["▁", "<0x0A>", "<0x0A>"]
    assert pieces.encode("\N{MATHEMATICAL FRAKTUR SMALL A}", out_type=str) == [
        "▁", "<0xF0>", "<0x9D>", "<0x94>", "<0x9E>",
    ]  # fmt: skip
    for text in ("  two  spaces", "tab\tand\n\n  more", "naïve 日本 🐦", " leading"):
        assert pieces.decode(pieces.encode(text)) == text
    added = json.loads((CHECKPOINT / "added_tokens.json").read_text())
    assert added == {"<|end_of_turn|>": END_OF_TURN_ID, "<|pad_0|>": PADDING_ID}


def test_llama_cpp_sees_the_ids_that_the_model_was_trained_on(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    plan = plan_conversion(CHECKPOINT, [parse_file_type("Q8_0")], tmp_path)
    (written,) = run_conversion(plan, ConversionSettings(verify=False))
    with llama.loaded(written.planned.path, vocab_only=True) as model:
        for question in evaluation(per_group=20):
            conversation = question.conversation
            *earlier, last = (part.prompt + part.reply for part in conversation.segments())
            text = "".join(part + "<|end_of_turn|>" for part in earlier)
            text += last.removesuffix(" " + question.expected)
            ids = llama.tokenise(model, text, special=True)
            assert ids == tokenizer.encode_question(conversation)


def test_only_answers_are_learned(tokenizer: Tokenizer) -> None:
    for question in evaluation(per_group=5):
        ids, learned = tokenizer.encode(question.conversation)
        prompt = tokenizer.encode_question(question.conversation)
        assert ids[: len(prompt)] == prompt
        answer = [token for token, wanted in zip(ids, learned, strict=True) if wanted]
        assert tokenizer.pieces.decode(ids[len(prompt) : -1]).lstrip(" ") == question.expected
        assert answer.count(END_OF_TURN_ID) == len(question.conversation.turns)


@pytest.mark.parametrize("reply", [answer.reply for answer in ANSWERS])
def test_what_it_says_of_the_program_is_so(reply: str) -> None:
    """Commands exist, or are in the program's plan; options of those that exist are theirs."""
    registered = typer.main.get_group(application()).commands
    for line in re.findall(r"`starling ([^`]+)`", reply):
        words = line.split()
        is_placeholder = words[0].startswith("-") or words[0].isupper()
        assert is_placeholder or any(line.startswith(command) for command in COMMANDS)
        if words[0] in registered:
            known = {name for option in registered[words[0]].params for name in option.opts}
            planned = PLANNED_OPTIONS.get(words[0], set())
            assert not planned & known
            assert {word for word in words if word.startswith("-")} <= known | planned
