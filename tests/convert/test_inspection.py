"""What is found in good, incomplete and damaged checkpoints."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from starling_convert.inspection import CheckpointInspection, inspect_checkpoint
from starling_local.errors import NotFoundError
from tests.checkpoints import Shape, write_checkpoint

SMALL = Shape(layers=2, hidden=32, ffn=64, heads=1, kv_heads=1, vocab=514)
LITTLE = Shape(layers=1, hidden=32, ffn=64, heads=1, kv_heads=1)


def problems(found: CheckpointInspection) -> list[str]:
    return [step.problem.message for step in found.steps if step.problem]


def untried(found: CheckpointInspection) -> int:
    return sum(not step.was_tried for step in found.steps)


@pytest.fixture
def folder(tmp_path: Path, small_tokenizer: bytes) -> Path:
    write_checkpoint(tmp_path / "model", SMALL, tokenizer=small_tokenizer, shards=2)
    return tmp_path / "model"


def test_a_sound_checkpoint(folder: Path) -> None:
    found = inspect_checkpoint(folder)
    assert not problems(found)
    assert not untried(found)
    [share] = found.dtypes
    assert (share.dtype, share.tensors) == ("BF16", 2 * 9 + 3)
    assert share.size_bytes == 2 * share.weights
    assert not found.has_mistral_tokenizer
    assert [file.file_type.name for file in found.files] == ["Q4_K_M", "Q5_K_M", "Q8_0"]


def test_starling_s_own_tokenizer(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", LITTLE)
    found = inspect_checkpoint(tmp_path / "model")
    assert found.has_mistral_tokenizer
    assert found.added_tokens == {32000: "<|end_of_turn|>", 32001: "<|pad_0|>"}
    assert "the model card's prompts have the card's ids" in {step.name for step in found.steps}


def test_a_shard_that_is_missing(folder: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").unlink()
    found = inspect_checkpoint(folder)
    assert "lacks model-00002-of-00002.safetensors" in problems(found)[0]
    assert untried(found) == 2
    assert found.config
    assert found.vocabulary
    assert found.files == ()


def test_one_that_does_not_speak_the_template(tmp_path: Path, small_tokenizer: bytes) -> None:
    files = {"added_tokens.json": None, "tokenizer_config.json": {"eos_token": "</s>"}}
    write_checkpoint(tmp_path / "model", SMALL, tokenizer=small_tokenizer, files=files)
    assert "no token <|end_of_turn|>" in problems(inspect_checkpoint(tmp_path / "model"))[0]


def test_another_architecture(tmp_path: Path, small_tokenizer: bytes) -> None:
    config = {"architectures": ["GemmaForCausalLM"]}
    write_checkpoint(tmp_path / "model", SMALL, tokenizer=small_tokenizer, config=config)
    found = inspect_checkpoint(tmp_path / "model")
    assert "GemmaForCausalLM" in problems(found)[0]
    assert found.dtypes


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        inspect_checkpoint(tmp_path / "nothing")


def test_damaged_checkpoints(folder: Path, tmp_path: Path) -> None:
    """Each is reported as bad, or was damaged where it does not matter."""
    source = random.Random(0)
    names = sorted(path.name for path in folder.iterdir())
    bad = 0
    for serial in range(200):
        work = tmp_path / str(serial)
        shutil.copytree(folder, work)
        path = work / source.choice(names)
        raw = bytearray(path.read_bytes())
        at = source.randrange(min(len(raw), 2000))
        length = source.randrange(1, 30)
        pieces = (source.randbytes(length), b"9" * length, b"null", b"-1", b'"', b"{", b"NaN")
        raw[at : at + source.choice((0, 1, length))] = source.choice(pieces)
        path.write_bytes(raw)
        found = inspect_checkpoint(work)
        bad += bool(problems(found))
        shutil.rmtree(work)
    assert bad > 100
