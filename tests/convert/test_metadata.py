"""The key-value part: llama.cpp's keys, types and values, and where the file came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader, GGUFValueType

from starling_convert.metadata import Source, find_source
from starling_convert.model_card import read_model_card
from starling_convert.recipe import FileType
from starling_local import __version__
from starling_local.prompt import CHAT_TEMPLATE
from tests.checkpoints import Shape, write_checkpoint

REVISION = "0123456789abcdef0123456789abcdef01234567"
SHAPE = Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
Convert = Callable[..., dict[FileType, Path]]
GENERATION = {"temperature": 0.5, "top_k": 3, "repetition_penalty": 1.25, "eos_token_id": 2}
CARD = """---
license: cc-by-nc-4.0
language:
- en
tags:
- RLHF
datasets:
- berkeley-nest/Nectar
base_model: openchat/openchat_3.5
---
# Starling
"""


def pairs(path: Path) -> dict[str, Any]:
    """Key to value, and for scalars the GGUF type, as the gguf library reads them."""
    found: dict[str, Any] = {}
    for key, entry in GGUFReader(path).fields.items():
        kind = entry.types[0]
        value = entry.contents()
        is_text = kind in (GGUFValueType.STRING, GGUFValueType.ARRAY)
        found[key] = value if is_text else (kind.name, value)
    return found


def test_what_llama_cpp_writes(tmp_path: Path, small_tokenizer: bytes, convert: Convert) -> None:
    # Compared once with convert_hf_to_gguf.py on the same folder: equal, but for the unknown
    # token's id (llama.cpp's own default) and the keys under `starling`.
    folder = tmp_path / "Starling-LM-7B-alpha"
    write_checkpoint(
        folder,
        SHAPE,
        tokenizer=small_tokenizer,
        files={"README.md": CARD, "generation_config.json": GENERATION},
    )
    found = pairs(convert(folder, FileType.Q4_K_M)[FileType.Q4_K_M])
    tokens = found.pop("tokenizer.ggml.tokens")
    assert len(tokens) == len(found.pop("tokenizer.ggml.scores")) == 514
    assert tokens[512] == "<|end_of_turn|>"
    assert found.pop("tokenizer.ggml.token_type")[510:] == [1, 1, 3, 3]
    files, hashes = found.pop("starling.source.files"), found.pop("starling.source.sha256")
    for name, digest in zip(files, hashes, strict=True):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {"model.safetensors", "config.json", "tokenizer.model"} <= set(files)
    assert found == {
        "GGUF.version": ("UINT32", 3),
        "GGUF.tensor_count": ("UINT64", 21),
        "GGUF.kv_count": ("UINT64", len(found) + 5 - 3),
        "general.architecture": "llama",
        "general.type": "model",
        "general.sampling.top_k": ("INT32", 3),
        "general.sampling.temp": ("FLOAT32", 0.5),
        "general.sampling.penalty_repeat": ("FLOAT32", 1.25),
        "general.name": "Starling LM 7B Alpha",
        "general.finetune": "7b-alpha",
        "general.basename": "Starling-LM",
        "general.size_label": "128K",
        "general.license": "cc-by-nc-4.0",
        "general.base_model.count": ("UINT32", 1),
        "general.base_model.0.name": "Openchat_3.5",
        "general.base_model.0.organization": "Openchat",
        "general.base_model.0.repo_url": "https://huggingface.co/openchat/openchat_3.5",
        "general.dataset.count": ("UINT32", 1),
        "general.dataset.0.name": "Nectar",
        "general.dataset.0.organization": "Berkeley Nest",
        "general.dataset.0.repo_url": "https://huggingface.co/berkeley-nest/Nectar",
        "general.tags": ["RLHF"],
        "general.languages": ["en"],
        "general.file_type": ("UINT32", 15),
        "general.quantization_version": ("UINT32", 2),
        "llama.block_count": ("UINT32", 2),
        "llama.context_length": ("UINT32", 8192),
        "llama.embedding_length": ("UINT32", 64),
        "llama.feed_forward_length": ("UINT32", 96),
        "llama.attention.head_count": ("UINT32", 4),
        "llama.attention.head_count_kv": ("UINT32", 2),
        "llama.rope.freq_base": ("FLOAT32", 10000.0),
        "llama.attention.layer_norm_rms_epsilon": ("FLOAT32", 9.999999747378752e-06),
        "llama.attention.key_length": ("UINT32", 16),
        "llama.attention.value_length": ("UINT32", 16),
        "llama.vocab_size": ("UINT32", 514),
        "llama.rope.dimension_count": ("UINT32", 16),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.bos_token_id": ("UINT32", 1),
        "tokenizer.ggml.eos_token_id": ("UINT32", 512),
        "tokenizer.ggml.unknown_token_id": ("UINT32", 0),
        "tokenizer.ggml.add_bos_token": ("BOOL", True),
        "tokenizer.ggml.add_eos_token": ("BOOL", False),
        "tokenizer.chat_template": CHAT_TEMPLATE,
        "starling.convert.version": __version__,
    }


def test_the_hub_cache_tells_repository_and_revision(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--berkeley-nest--Starling-LM-7B-alpha" / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    repo = "berkeley-nest/Starling-LM-7B-alpha"
    assert find_source(snapshot, {}) == Source("Starling-LM-7B-alpha", repo, REVISION)


def test_a_downloaded_folder_tells_its_revision(tmp_path: Path) -> None:
    record = tmp_path / "my model" / ".cache/huggingface/download/config.json.metadata"
    record.parent.mkdir(parents=True)
    record.write_text(f"{REVISION}\netag\n1700000000.0\n")
    assert find_source(tmp_path / "my model", {}) == Source("my-model", None, REVISION)
    card = {"model_name": "Starling/7B"}
    assert find_source(tmp_path / "my model", card) == Source("Starling-7B", None, REVISION)


def test_provenance_is_in_the_file(
    tmp_path: Path, small_tokenizer: bytes, convert: Convert
) -> None:
    snapshot = tmp_path / "models--berkeley-nest--Starling-LM-7B-alpha" / "snapshots" / REVISION
    write_checkpoint(snapshot, SHAPE, tokenizer=small_tokenizer, shards=3)
    file = convert(snapshot, FileType.Q8_0)[FileType.Q8_0]
    assert file.name == "Starling-LM-7B-alpha-Q8_0.gguf"
    found = pairs(file)
    assert found["starling.source.repo"] == "berkeley-nest/Starling-LM-7B-alpha"
    assert found["starling.source.revision"] == REVISION
    assert found["general.organization"] == "Berkeley Nest"
    shards = [name for name in found["starling.source.files"] if name.endswith(".safetensors")]
    assert len(shards) == 3
    assert "0" * 64 not in found["starling.source.sha256"]


BOMB = "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 12))


@pytest.mark.parametrize(
    "front_matter",
    ["license: [", "date: 2024-99-99", "x: !!int zz", "[" * 5000, f"a0: &a0 [x]\n{BOMB}tags: *a11"],
    ids=["cut short", "no date", "no number", "deep", "bomb"],
)
def test_a_broken_model_card_is_no_obstacle(
    front_matter: str, tmp_path: Path, small_tokenizer: bytes, starling: Callable[..., Any]
) -> None:
    write_checkpoint(
        tmp_path / "in",
        SHAPE,
        tokenizer=small_tokenizer,
        files={"README.md": f"---\n{front_matter}\n---\n"},
    )
    done = starling("convert", tmp_path / "in", "--dry-run", "--json")
    assert done.status == 0
    assert any("README.md" in note for note in done.json["notes"])


def test_card_fields_of_other_kinds_are_left_out(tmp_path: Path) -> None:
    text = "---\nlicense: [[a]]\nversion: 1.0\ntags: [a, 1]\nlanguage: en\n---\n"
    (tmp_path / "README.md").write_text(text)
    assert read_model_card(tmp_path) == ({"language": "en"}, ())
