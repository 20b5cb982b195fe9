"""Saved KV states: resumed as if nothing had been, or refused; and models' fingerprints."""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest

from starling_local.engine.context import Context
from starling_local.engine.fingerprint import fingerprint
from starling_local.engine.gguf_header import GgufHeader, TensorInfo, read_header
from starling_local.engine.model import Model
from starling_local.engine.state import PREFIX, StateMismatchError, load_state, save_state
from starling_local.errors import BadFileError, ConversionError, NotFoundError
from starling_local.prompt import Condition, Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, KvType


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


def made(
    model: Model, kv_type: KvType = KvType.F16, size: int = 512, sequences: int = 1
) -> Context:
    # One thread: no sum depends on how work is divided.
    return Context(model, ContextSettings(size, sequences=sequences, threads=1, kv_type=kv_type))


@pytest.fixture
def context(model: Model) -> Iterator[Context]:
    with made(model) as context:
        yield context


def prompt(model: Model, *texts: str) -> list[int]:
    roles = (Role.USER, Role.ASSISTANT)
    messages = [Message(roles[index % 2], text) for index, text in enumerate(texts)]
    return encode(prompt_segments(messages, Condition.CHAT), model.vocabulary)


def conversation(model: Model) -> list[int]:
    return prompt(model, "My name is Jorinde.", "Nice to meet you!", "Count from 1 to 9.")


def likeliest(context: Context) -> int:
    logits = llama_cpp.llama_get_logits_ith(context.handle, -1)
    return int(np.ctypeslib.as_array(logits, (context.model.vocabulary.size,)).argmax())


def continued(context: Context, tokens: list[int], sequence: int = 0) -> list[int]:
    """The tokens and the sixteen likeliest that follow."""
    context.prefill(tokens, sequence)
    found = [likeliest(context)]
    while len(found) < 16:
        context.decode_next(found[-1], sequence)
        found.append(likeliest(context))
    return [*tokens, *found]


@pytest.fixture
def saved(model: Model, context: Context, tmp_path: Path) -> Path:
    """The state of a conversation."""
    context.prefill(conversation(model))
    save_state(context, tmp_path / "saved.state")
    return tmp_path / "saved.state"


# Resuming.


@pytest.mark.parametrize("kv_type", KvType)
def test_resumed_as_if_nothing_had_been(model: Model, tmp_path: Path, kv_type: KvType) -> None:
    """The same tokens, also after dropping some; in a context of another size, another sequence."""
    path = tmp_path / "a.state"
    with made(model, kv_type) as context:
        tokens = continued(context, conversation(model))[:-1]
        save_state(context, path)
        asked = [*tokens, *prompt(model, "List the months of the year.")[1:]]
        expected = continued(context, asked)
        context.drop(1, 10)
        after_drop = continued(context, [*context.tokens(), *prompt(model, "Hello")[1:]])
    with made(model, kv_type, size=1024, sequences=2) as context:
        context.prefill(prompt(model, "What is 1 + 1?"), 0)
        assert load_state(context, path, 1) == tuple(tokens)
        assert context.tokens(1) == tuple(tokens)
        assert continued(context, asked, 1) == expected
        context.drop(1, 10, 1)
        again = continued(context, [*context.tokens(1), *prompt(model, "Hello")[1:]], 1)
        assert again == after_drop
        assert context.tokens(0) == tuple(prompt(model, "What is 1 + 1?"))


@pytest.mark.parametrize("kv_type", KvType)
def test_saved_and_loaded_are_the_same_bytes(model: Model, tmp_path: Path, kv_type: KvType) -> None:
    with made(model, kv_type) as context:
        context.prefill(conversation(model))
        save_state(context, tmp_path / "a.state")
        before = bytes(context.snapshot())
        context.prefill(prompt(model, "Hello"))
        load_state(context, tmp_path / "a.state")
        assert bytes(context.snapshot()) == before


def test_the_logits_come_back_with_the_next_prefill(model: Model, saved: Path) -> None:
    """A state has none; the last token is decoded again, also if the prompt is the same."""
    expected = None
    for _ in range(2):
        with made(model) as context:
            tokens = list(load_state(context, saved)) if expected else conversation(model)
            decoded = context.prefill(tokens)
            first = likeliest(context)
            assert (decoded, first) == ((1, expected) if expected else (len(tokens), first))
            expected = first


def test_an_empty_sequence(model: Model, tmp_path: Path) -> None:
    with made(model) as context:
        save_state(context, tmp_path / "a.state")
        context.prefill(conversation(model))
        assert load_state(context, tmp_path / "a.state") == ()
        assert context.tokens() == ()
        assert continued(context, conversation(model))


def turned_on_the_next_decode(context: Context) -> bool:
    """Whether decoding a token changes the keys of those before it."""
    length = len(context.tokens())
    before = bytes(context.snapshot())
    context.decode_next(context.tokens()[0])
    context.keep(length)
    return bytes(context.snapshot()) != before


def test_moved_keys_are_turned_before_they_are_saved(model: Model, context: Context) -> None:
    """By `Context.drop`: llama.cpp saves keys for other positions than it says with them."""
    context.prefill(conversation(model))
    assert not turned_on_the_next_decode(context)
    context.drop(1, 10)
    assert not turned_on_the_next_decode(context)
    memory = llama_cpp.llama_get_memory(context.handle)
    llama_cpp.llama_memory_seq_rm(memory, 0, 1, 10)
    llama_cpp.llama_memory_seq_add(memory, 0, 10, -1, -9)
    context._tokens[0][1:10] = []
    assert turned_on_the_next_decode(context)


def test_resumed_after_dropping(model: Model, context: Context, tmp_path: Path) -> None:
    context.prefill(conversation(model))
    context.drop(1, 10)
    save_state(context, tmp_path / "a.state")
    asked = [*context.tokens(), *prompt(model, "List the months of the year.")[1:]]
    expected = continued(context, asked)
    with made(model) as other:
        load_state(other, tmp_path / "a.state")
        assert continued(other, asked) == expected


def test_one_of_several_sequences_that_share(model: Model, tmp_path: Path) -> None:
    tokens = conversation(model)
    with made(model, sequences=3) as context:
        context.prefill(tokens)
        context.copy(0, 1, len(tokens))
        save_state(context, tmp_path / "a.state", 1)
        context.prefill(prompt(model, "Hello"), 1)
        assert load_state(context, tmp_path / "a.state", 2) == tuple(tokens)
        load_state(context, tmp_path / "a.state", 1)
        assert context.tokens(0) == context.tokens(1) == context.tokens(2)
        # Loaded ones share nothing.
        context.drop(1, 10, 1)
        assert continued(context, tokens, 2) == continued(context, tokens, 0)


# What does not match.


def rewritten(path: Path, change: Callable[[dict[str, Any], bytes, bytes], bytes | None]) -> None:
    """Change header (in place) or content (what `change` returns), and have the checksum fit."""
    raw = path.read_bytes()
    magic, version, header_bytes, _ = PREFIX.unpack_from(raw)
    start = PREFIX.size + header_bytes
    header = json.loads(raw[PREFIX.size : start])
    tokens_end = start + 4 * header["tokens"]
    content = change(header, raw[start:tokens_end], raw[tokens_end:])
    encoded = json.dumps(header).encode()
    rest = encoded + (raw[start:] if content is None else content)
    path.write_bytes(PREFIX.pack(magic, version, len(encoded), sha256(rest).digest()) + rest)


def refused(model: Model, path: Path, kind: type[BadFileError], match: str) -> None:
    """Loading raises; the sequence stays as it was, and works."""
    with made(model) as context:
        tokens = prompt(model, "Hello")
        expected = continued(context, tokens)
        with pytest.raises(kind, match=match) as caught:
            load_state(context, path)
        assert type(caught.value) is kind
        assert str(path) in caught.value.message
        assert list(context.tokens()) == expected[:-1]
        assert continued(context, tokens) == expected


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("model", "00ff" * 16, "the model was 00ff00ff00ff, and is [0-9a-f]{12} now"),
        ("kv_type", "q8_0", "type of the KV cache was q8_0, and is f16 now"),
        ("llama_cpp", "0.3.1", r"llama-cpp-python was 0\.3\.1, and is"),
    ],
)
def test_of_another_world(model: Model, saved: Path, field: str, value: str, match: str) -> None:
    rewritten(saved, lambda header, _tokens, _payload: header.update({field: value}))
    refused(model, saved, StateMismatchError, match)


def test_of_another_version(model: Model, saved: Path) -> None:
    with saved.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<I", 2))
    refused(model, saved, StateMismatchError, "version 2 of the format, this program's is 1")


def test_of_another_model(model: Model, saved: Path, nano_file: Path, tmp_path: Path) -> None:
    """Of one that differs in a single byte."""
    other_file = tmp_path / "other.gguf"
    shutil.copyfile(nano_file, other_file)
    with other_file.open("r+b") as file:
        file.seek(model.header.data_offset)
        first = file.read(1)[0]
        file.seek(model.header.data_offset)
        file.write(bytes([first ^ 1]))
    with Model(other_file) as other, made(other) as context:
        with pytest.raises(StateMismatchError, match="the model was"):
            load_state(context, saved)
        assert context.tokens() == ()


def test_of_another_kv_type(model: Model, saved: Path) -> None:
    with made(model, KvType.Q8_0) as context, pytest.raises(StateMismatchError, match="f16"):
        load_state(context, saved)


def test_too_long_for_the_context(model: Model, tmp_path: Path) -> None:
    tokens = prompt(model, "apples and pears " * 100)
    path = tmp_path / "a.state"
    with made(model, sequences=2) as context:
        context.prefill(tokens)
        save_state(context, path)
        # Of two sequences, the other one takes the room.
        with pytest.raises(StateMismatchError, match=f"{len(tokens)} of 512 are in use"):
            load_state(context, path, 1)
        assert context.tokens(1) == ()
        assert context.tokens(0) == tuple(tokens)
        context.keep(0)
        assert load_state(context, path, 1) == tuple(tokens)
    refused_by_size = f"has {len(tokens)} tokens; the context holds 256"
    with made(model, size=256) as context, pytest.raises(StateMismatchError, match=refused_by_size):
        load_state(context, path)


# What is damaged.


@pytest.mark.parametrize("place", [0, 7, 12, 20, 47, 60, 0.1, 0.5, 0.9, -1])
def test_a_single_wrong_bit(model: Model, saved: Path, place: float) -> None:
    raw = bytearray(saved.read_bytes())
    raw[int(place * len(raw)) if 0 < place < 1 else int(place)] ^= 1
    saved.write_bytes(raw)
    refused(model, saved, BadFileError, "damaged|no saved state")


def test_cut_short_or_too_long(model: Model, saved: Path) -> None:
    raw = saved.read_bytes()
    for content in (b"", raw[:20], raw[: PREFIX.size], raw[:300], raw[:-1], raw + b"\0"):
        saved.write_bytes(content)
        refused(model, saved, BadFileError, "damaged|cut short")


def test_files_of_other_kinds(model: Model, nano_file: Path, tmp_path: Path) -> None:
    refused(model, nano_file, BadFileError, "begins with b'GGUF'")
    refused(model, tmp_path, BadFileError, "not a file")
    os.mkfifo(tmp_path / "pipe")
    refused(model, tmp_path / "pipe", BadFileError, "not a file")
    with made(model) as context, pytest.raises(NotFoundError, match="no such file"):
        load_state(context, tmp_path / "none")


def with_header(raw: bytes, encoded: bytes) -> bytes:
    """A file whose header is other bytes, with a fitting checksum."""
    magic, version, header_bytes, _ = PREFIX.unpack_from(raw)
    rest = encoded + raw[PREFIX.size + header_bytes :]
    return PREFIX.pack(magic, version, len(encoded), sha256(rest).digest()) + rest


@pytest.mark.parametrize(
    "encoded",
    [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 60_000, b" " * 70_000, b'{"tokens": 1e999}'],
)
def test_a_header_of_nonsense(model: Model, saved: Path, encoded: bytes) -> None:
    saved.write_bytes(with_header(saved.read_bytes(), encoded))
    refused(model, saved, BadFileError, "damaged")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tokens", -1), ("tokens", 1 << 70), ("tokens", True), ("tokens", "3"), ("tokens", 1.0),
        ("payload_bytes", 0), ("payload_bytes", None), ("model", 7), ("kv_type", None),
    ],
)  # fmt: skip
def test_a_header_with_wrong_values(model: Model, saved: Path, field: str, value: Any) -> None:
    rewritten(saved, lambda header, _tokens, _payload: header.update({field: value}))
    refused(model, saved, BadFileError, "damaged")


@pytest.mark.parametrize("token", [-1, 1 << 30])
def test_tokens_that_the_model_does_not_know(model: Model, saved: Path, token: int) -> None:
    rewritten(saved, lambda _header, ids, payload: ids[:-4] + struct.pack("<i", token) + payload)
    refused(model, saved, BadFileError, "tokens that the model does not know")


def of_other_positions(payload: bytes) -> bytes:
    """The first cell far behind the last. A cell is position, 1, sequence."""
    assert struct.unpack_from("<3i", payload, 16) == (0, 1, 0)
    return payload[:16] + struct.pack("<i", 1000) + payload[20:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda payload: bytes(len(payload)),
        lambda payload: b"\xff" * len(payload),
        lambda payload: payload[:8] + struct.pack("<I", 2) + payload[12:],
        lambda payload: payload[:12] + struct.pack("<I", 1 << 31) + payload[16:],
        lambda payload: payload[:12] + struct.pack("<I", 20) + payload[16:],
        of_other_positions,
        lambda payload: payload[:-1],
        lambda payload: payload + b"\0",
    ],
    ids=["zeros", "ones", "streams", "more cells", "fewer cells", "positions", "short", "long"],
)
def test_what_llama_cpp_refuses(model: Model, saved: Path, spoil: Callable[[bytes], bytes]) -> None:
    """Of a file that someone made on purpose: the sequence is empty, and works."""

    def spoiled(header: dict[str, Any], ids: bytes, payload: bytes) -> bytes:
        changed = spoil(payload)
        header["payload_bytes"] = len(changed)
        return ids + changed

    rewritten(saved, spoiled)
    with made(model) as context:
        expected = continued(context, conversation(model))
        with pytest.raises(StateMismatchError, match=r"llama\.cpp does not take"):
            load_state(context, saved)
        assert context.tokens() == ()
        assert continued(context, conversation(model)) == expected


# Writing.


def test_only_the_owner_may_read_it(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert list(saved.parent.iterdir()) == [saved]


def test_a_full_disk(model: Model, context: Context, saved: Path) -> None:
    """The old file stays, and nothing else is left."""
    before = saved.read_bytes()
    context.prefill(prompt(model, "Hello"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to let a file grow beyond this, as a full disk would.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ConversionError, match=r"cannot write .*saved\.state: File too large"):
            save_state(context, saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    save_state(context, saved)
    assert load_state(context, saved) == tuple(prompt(model, "Hello"))


def test_places_that_cannot_be_written(context: Context, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "a", tmp_path / "folder", tmp_path / ("a" * 300)):
        with pytest.raises(ConversionError, match="cannot write"):
            save_state(context, path)
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


SAVER = """
import sys
from pathlib import Path
from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.engine.state import save_state
from starling_local.settings import ContextSettings

with Model(Path(sys.argv[1])) as model, Context(model, ContextSettings(512, threads=1)) as context:
    context.prefill([1, *[int(sys.argv[3])] * int(sys.argv[4])])
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(40):
        save_state(context, Path(sys.argv[2]))
"""


def test_two_processes_save_to_one_path(model: Model, nano_file: Path, tmp_path: Path) -> None:
    """At any moment there is the one's file or the other's."""
    path = tmp_path / "a.state"
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVER, nano_file, path, str(token), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for token, count in ((300, 100), (400, 400))
    ]
    for saver in savers:
        assert saver.stdout is not None
        assert saver.stdout.readline() == b"ready\n"
    for saver in savers:
        assert saver.stdin is not None
        saver.stdin.write(b"\n")
        saver.stdin.flush()
    found = set()
    with made(model) as context:
        while any(saver.poll() is None for saver in savers):
            if path.exists():
                found.add(load_state(context, path))
    for saver in savers:
        saver.communicate()
        assert saver.returncode == 0
    assert found <= {(1, *[300] * 100), (1, *[400] * 400)}
    assert found
    assert list(tmp_path.iterdir()) == [path]


# Fingerprints.


def test_the_fingerprint_of_a_file(model: Model, nano_file: Path, tmp_path: Path) -> None:
    """It tells changes in the header, at a tensor's ends, and of size; not within a tensor."""
    copy = tmp_path / "copy.gguf"

    def changed(place: int) -> str:
        raw = bytearray(nano_file.read_bytes())
        raw[place] ^= 1
        copy.write_bytes(raw)
        return fingerprint(model.header, copy)

    assert model.fingerprint == fingerprint(read_header(nano_file), nano_file)
    assert len(bytes.fromhex(model.fingerprint)) == 32
    largest = max(model.header.tensors, key=lambda tensor: tensor.size_bytes)
    start = model.header.data_offset + largest.offset
    end = start + largest.size_bytes
    ends = [start, start + 4095, end - 4096, end - 1]
    found = {changed(place) for place in (100, model.header.data_offset - 1, *ends)}
    assert len(found | {model.fingerprint}) == 7
    assert changed((start + end) // 2) == model.fingerprint
    longer = copy.write_bytes(nano_file.read_bytes() + b"\0")
    assert longer == read_header(copy).file_size_bytes
    assert fingerprint(read_header(copy), copy) != model.fingerprint
    with pytest.raises(BadFileError, match="was changed"):
        fingerprint(model.header, copy)
    with pytest.raises(BadFileError, match="cannot read"):
        fingerprint(model.header, tmp_path / "none")


def test_the_fingerprint_of_a_file_that_was_replaced(nano_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    shutil.copyfile(nano_file, copy)
    with Model(copy) as model, Model(copy) as early:
        before = early.fingerprint
        os.utime(copy, ns=(1, 1))
        with pytest.raises(BadFileError, match="changed or removed"):
            _ = model.fingerprint
        copy.unlink()
        with pytest.raises(BadFileError, match="changed or removed"):
            _ = model.fingerprint
        assert early.fingerprint == before


def test_the_fingerprint_of_a_large_file_takes_no_time(tmp_path: Path) -> None:
    """300 tensors, 4.5 GB, a header of 2 MB."""
    size, data_offset = 15 << 20, 2 << 20
    tensors = [TensorInfo(str(n), (size // 4,), 0, n * size, size) for n in range(300)]
    path = tmp_path / "large.gguf"
    with path.open("wb") as file:
        file.truncate(data_offset + 300 * size)
    header = GgufHeader(3, {}, tuple(tensors), data_offset, path.stat().st_size)
    took = []
    for _ in range(5):
        started = time.process_time()
        fingerprint(header, path)
        took.append(time.process_time() - started)
    assert min(took) < 0.05
