"""Every kind of bad checkpoint: a message that names the culprit, the right exit code, no file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from starling_local.errors import ExitCode
from tests.checkpoints import Shape, random_weights, write_checkpoint, write_safetensors

SHAPE = Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
MODEL = "model.safetensors"
INDEX = "model.safetensors.index.json"
Damage = Callable[[Path], None]


def edit_json(name: str, **changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / name
        content = json.loads(path.read_text())
        content.update(changes)
        path.write_text(json.dumps(content))

    return damage


def write(name: str, content: str | bytes) -> Damage:
    def damage(folder: Path) -> None:
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)

    return damage


def remove(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def only_bin(folder: Path) -> None:
    (folder / MODEL).rename(folder / "pytorch_model.bin")


def truncate(by: int) -> Damage:
    def damage(folder: Path) -> None:
        raw = (folder / MODEL).read_bytes()
        (folder / MODEL).write_bytes(raw[:-by])

    return damage


def append(folder: Path) -> None:
    with (folder / MODEL).open("ab") as file:
        file.write(b"\0" * 64)


def header_length(claimed: int) -> Damage:
    def damage(folder: Path) -> None:
        raw = (folder / MODEL).read_bytes()
        (folder / MODEL).write_bytes(claimed.to_bytes(8, "little") + raw[8:])

    return damage


def edit_header(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Rewrite the header of the shard; the data after it stays where the header expects it."""

    def damage(folder: Path) -> None:
        raw = (folder / MODEL).read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        changed = change(header)
        text = changed if isinstance(changed, bytes) else json.dumps(header).encode()
        (folder / MODEL).write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])

    return damage


NORM = "model.norm.weight"


def shift_offsets(by: int) -> Damage:
    def change(header: dict[str, Any]) -> None:
        begin, end = header[NORM]["data_offsets"]
        header[NORM]["data_offsets"] = [begin + by, end + by]

    return edit_header(change)


def set_entry(**changes: Any) -> Damage:
    return edit_header(lambda header: header[NORM].update(changes))


def weights(change: Callable[[dict[str, Any]], Any]) -> Damage:
    def damage(folder: Path) -> None:
        tensors = dict(random_weights(SHAPE))
        change(tensors)
        write_safetensors(folder / MODEL, tensors, "BF16")

    return damage


def poison(name: str, position: tuple[int, ...], value: float) -> Damage:
    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name][position] = value

    return weights(change)


def two_shards(**weight_map: str) -> Damage:
    """Store the model in two shards, with some entries of the index changed."""

    def damage(folder: Path) -> None:
        tensors = random_weights(SHAPE)
        names = sorted(tensors)
        halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
        for file, part in halves.items():
            write_safetensors(folder / file, {name: tensors[name] for name in part}, "BF16")
        index = {name: file for file, part in halves.items() for name in part} | weight_map
        (folder / INDEX).write_text(json.dumps({"weight_map": index}))

    return damage


def second_of_two_missing(folder: Path) -> None:
    (folder / MODEL).rename(folder / "model-00001-of-00002.safetensors")


def both(*damages: Damage) -> Damage:
    def damage(folder: Path) -> None:
        for one in damages:
            one(folder)

    return damage


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 << 30)


Q = "model.layers.1.self_attn.q_proj.weight"
BAD: dict[str, tuple[Damage, list[str]]] = {
    "only pickled weights": (only_bin, ["pickled", "never loaded", "safetensors"]),
    "no weights": (remove(MODEL), ["holds no model.safetensors"]),
    "a shard missing, no index": (second_of_two_missing, ["1 of 2"]),
    "a shard missing, with index": (
        both(two_shards(), remove("b.safetensors")),
        ["lacks b.safetensors"],
    ),
    "truncated shard": (truncate(100), [MODEL, "cut short"]),
    "truncated in the header": (write(MODEL, b"\x40\0\0\0\0\0\0\0{"), ["header claims 64 bytes"]),
    "empty shard": (write(MODEL, b""), ["too short"]),
    "bytes after the last tensor": (append, ["64 bytes after the last tensor"]),
    "header longer than the file": (header_length(10_000_000), ["header claims 10000000 bytes"]),
    "header absurdly long": (header_length(2**63), ["header claims 9223372036854775808", "most"]),
    "header is no JSON": (edit_header(lambda _: b"{nonsense"), ["not readable JSON"]),
    "header is no UTF-8": (edit_header(lambda _: b"\xff\xfe"), ["not readable JSON"]),
    "header nested too deep": (edit_header(lambda _: b"[" * 200_000), ["not readable JSON"]),
    "header is a list": (edit_header(lambda _: b"[]"), ["not a JSON object"]),
    "a tensor twice": (edit_header(lambda _: b'{"a": {}, "a": {}}'), ["occurs twice"]),
    "overlapping offsets": (shift_offsets(-2), [NORM, "overlaps"]),
    "a gap between tensors": (shift_offsets(2), ["gap", NORM]),
    "offsets out of range": (shift_offsets(10**12), [NORM, "cut short"]),
    "negative offset": (set_entry(data_offsets=[-2, 126]), [NORM, "not sizes"]),
    "offsets backwards": (set_entry(data_offsets=[128, 0]), [NORM, "-128 bytes stored"]),
    "offsets of another kind": (set_entry(data_offsets="ab"), [NORM, "not sizes"]),
    "entry malformed": (set_entry(data_offsets=None), [NORM, "malformed"]),
    "huge shape": (set_entry(shape=[2**62, 2**62]), [NORM, "bytes stored"]),
    "shape of many dimensions": (set_entry(shape=[2**40] * 100_000), [NORM, "at most 8 sizes"]),
    "unknown dtype": (set_entry(dtype="Q3"), [NORM, "unknown dtype 'Q3'"]),
    "dtype of another kind": (set_entry(dtype=["F32"]), [NORM, "unknown dtype ['F32']"]),
    "integer weights": (set_entry(dtype="I16"), [NORM, "I16"]),
    "a tensor of another shape": (
        weights(lambda t: t.update({Q: t[Q][:, :32]})),
        [Q, "[64, 32]", "[64, 64]"],
    ),
    "a tensor missing": (weights(lambda t: t.pop(Q)), ["lacks", Q]),
    "a tensor too many": (weights(lambda t: t.update(strange=t[NORM])), ["strange"]),
    "a bias": (
        weights(lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": t[NORM]})),
        ["q_proj.bias"],
    ),
    "untied, but no output": (weights(lambda t: t.pop("lm_head.weight")), ["lm_head.weight"]),
    "NaN": (poison(Q, (37, 5), np.nan), [Q, "NaN or infinity at [37, 5]"]),
    "infinity": (poison("lm_head.weight", (500, 63), -np.inf), ["lm_head.weight", "[500, 63]"]),
    "NaN in a norm": (poison(NORM, (7,), np.nan), [NORM, "[7]"]),
    "index reaching outside": (
        two_shards(**{NORM: "../elsewhere/a.safetensors"}),
        [INDEX, NORM, "not the name"],
    ),
    "index with an absolute path": (two_shards(**{NORM: "/etc/passwd"}), [NORM, "not the name"]),
    "index with a name too long": (two_shards(**{NORM: "x" * 300 + ".safetensors"}), ["too long"]),
    "index that disagrees": (two_shards(**{NORM: "b.safetensors"}), [NORM, "b.safetensors"]),
    "index naming what is not there": (two_shards(ghost="a.safetensors"), ["ghost", "none"]),
    "index without a map": (write(INDEX, "{}"), ["weight_map"]),
    "no config.json": (remove("config.json"), ["no config.json"]),
    "config.json cut short": (write("config.json", '{"hidden'), ["config.json", "JSON"]),
    "config.json is a list": (write("config.json", "[]"), ["config.json", "list"]),
    "unknown architecture": (
        edit_json("config.json", architectures=["FalconForCausalLM"]),
        ["FalconForCausalLM", "MistralForCausalLM"],
    ),
    "no tokenizer.model": (remove("tokenizer.model"), ["tokenizer.model is missing", "scores"]),
    "tokenizer.model is something else": (write("tokenizer.model", "hi"), ["not a SentencePiece"]),
    "added_tokens.json broken": (write("added_tokens.json", "{"), ["added_tokens.json"]),
    "an id that is none": (write("added_tokens.json", '{"<x>": "a"}'), ["'a' is not a token id"]),
    "nothing names the end of turn": (
        both(
            remove("added_tokens.json"),
            remove("tokenizer_config.json"),
            remove("special_tokens_map.json"),
        ),
        ["eos is token 512, which no file names"],
    ),
    "a template that is no text": (
        both(
            edit_json("tokenizer_config.json", chat_template=None),
            write("chat_template.jinja", b"\xff"),
        ),
        ["chat_template.jinja is not UTF-8"],
    ),
    "a template without a name": (
        edit_json("tokenizer_config.json", chat_template=[{"name": None, "template": ""}]),
        ["chat_template"],
    ),
    "a template that cannot be written": (
        write("tokenizer_config.json", '{"chat_template": "\\ud800"}'),
        ["tokenizer.chat_template cannot hold"],
    ),
    "an added token on a byte": (
        write("added_tokens.json", '{"<|end_of_turn|>": 5}'),
        ["<|end_of_turn|>", "from the byte <0x02>"],
    ),
    "settings that are none": (
        write("generation_config.json", '{"temperature": 1e308}'),
        ["generation_config.json", "temperature"],
    ),
    "settings of another kind": (
        write("generation_config.json", '{"top_k": [1]}'),
        ["generation_config.json", "top_k"],
    ),
    "settings that are a list": (write("generation_config.json", "[]"), ["generation_config.json"]),
    "a link that leads nowhere": (
        both(remove("added_tokens.json"), lambda f: (f / "added_tokens.json").symlink_to("x")),
        ["added_tokens.json", "leads nowhere"],
    ),
    "a folder in place of a file": (
        both(remove("tokenizer.model"), lambda f: (f / "tokenizer.model").mkdir()),
        ["tokenizer.model", "no regular file"],
    ),
    "a pipe in place of a file": (
        both(remove("config.json"), lambda f: os.mkfifo(f / "config.json")),
        ["config.json", "no regular file"],
    ),
    "a file that never ends": (
        both(remove("added_tokens.json"), lambda f: sparse(f / "added_tokens.json")),
        ["added_tokens.json is larger than"],
    ),
    "a template of another kind": (
        edit_json("tokenizer_config.json", chat_template=7),
        ["chat_template"],
    ),
}

CONFIG: dict[str, dict[str, Any]] = {
    "hidden_act": {"hidden_act": "gelu"},
    "attention_bias": {"attention_bias": True},
    "mlp_bias": {"mlp_bias": True},
    "rope_scaling": {"rope_scaling": {"type": "yarn", "factor": 2.0}},
    "rope_parameters": {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}},
    "partial_rotary_factor": {"partial_rotary_factor": 0.5},
    "quantization_config": {"quantization_config": {}},
    "model_type": {"model_type": "mixtral"},
    "num_key_value_heads": {"num_key_value_heads": 3},
    "num_attention_heads": {"num_attention_heads": 0},
    "hidden_size": {"hidden_size": "64"},
    "rope_scaling beside rope_parameters": {
        "rope_parameters": {"rope_type": "default"},
        "rope_scaling": {"type": "linear", "factor": 4.0},
    },
    "head_dim": {"head_dim": 15},
    "rms_norm_eps": {"rms_norm_eps": -1},
    "tie_word_embeddings": {"tie_word_embeddings": "yes"},
    "num_hidden_layers": {"num_hidden_layers": 513},
    "vocab_size": {"vocab_size": 2**30},
    "logit_softcap": {"logit_softcap": 30.0},
    "use_rope": {"use_rope": False},
    "logit_scale": {"logit_scale": 0},
    "is_causal": {"is_causal": False},
    "is_encoder_decoder": {"is_encoder_decoder": 0},
    "rope_theta": {"rope_theta": 1e-60},
    "intermediate_size": {"intermediate_size": None},
}


@pytest.fixture
def checkpoint(tmp_path: Path, small_tokenizer: bytes) -> Path:
    write_checkpoint(tmp_path / "in", SHAPE, tokenizer=small_tokenizer)
    return tmp_path / "in"


def refused(starling: Callable[..., Any], folder: Path, out: Path, *fragments: str) -> None:
    done = starling("convert", folder, "-q", "q8", "-q", "q4", "-o", out, "--json")
    assert done.status == ExitCode.BAD_FILE, done.stderr
    assert done.json["error"]["code"] == "bad_file"
    message = done.json["error"]["message"]
    for fragment in fragments:
        assert fragment in message + (done.json["error"]["hint"] or "")
    assert f"error: {message}" in done.stderr
    assert not out.exists() or not any(out.iterdir())


@pytest.mark.parametrize("kind", BAD)
def test_bad_checkpoint(
    kind: str, checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    damage, fragments = BAD[kind]
    damage(checkpoint)
    refused(starling, checkpoint, tmp_path / "out", *fragments)


@pytest.mark.parametrize("field", CONFIG)
def test_config_field_that_cannot_be_honoured(
    field: str, checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    edit_json("config.json", **CONFIG[field])(checkpoint)
    refused(starling, checkpoint, tmp_path / "out", field.split(" ")[0])


@pytest.mark.parametrize("byte", range(0, 2000, 25))
def test_damaged_tokenizer(
    byte: int, checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    path = checkpoint / "tokenizer.model"
    raw = bytearray(path.read_bytes())
    raw[byte] ^= 0x95
    path.write_bytes(raw)
    done = starling("convert", checkpoint, "-q", "q8", "-o", tmp_path / "out", "--no-verify")
    assert done.status in (ExitCode.DONE, ExitCode.BAD_FILE)


def test_vocabulary_larger_than_the_embedding(
    tmp_path: Path, small_tokenizer: bytes, starling: Callable[..., Any]
) -> None:
    small = Shape(layers=1, hidden=32, ffn=32, heads=2, kv_heads=2, vocab=500)
    write_checkpoint(tmp_path / "in", small, tokenizer=small_tokenizer)
    refused(starling, tmp_path / "in", tmp_path / "out", "512 pieces", "500 rows")


def test_no_such_folder(tmp_path: Path, starling: Callable[..., Any]) -> None:
    done = starling("convert", tmp_path / "nowhere", "-o", tmp_path)
    assert done.status == ExitCode.NOT_FOUND
    assert "no such folder" in done.stderr
    assert done.stdout == ""


def test_a_file_instead_of_a_folder(tmp_path: Path, starling: Callable[..., Any]) -> None:
    (tmp_path / "model.gguf").touch()
    done = starling("convert", tmp_path / "model.gguf")
    assert done.status == ExitCode.BAD_FILE


def test_weights_that_a_type_cannot_hold(
    tmp_path: Path, small_tokenizer: bytes, starling: Callable[..., Any]
) -> None:
    # llama-quantize refuses such a file too: half precision ends at 65504.
    tensors = {name: values * 1e6 for name, values in random_weights(SHAPE).items()}
    write_checkpoint(tmp_path / "in", SHAPE, tokenizer=small_tokenizer, weights=tensors)
    done = starling("convert", tmp_path / "in", "-q", "Q4_1", "-o", tmp_path / "out")
    assert done.status == ExitCode.CONVERSION_FAILED
    assert "Q4_1 cannot hold its weights" in done.stderr
    assert "tensor " in done.stderr
    assert not any((tmp_path / "out").iterdir())
