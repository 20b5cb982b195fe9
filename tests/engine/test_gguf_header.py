"""The reader of GGUF headers, held against real files, hand-made bytes and thousands of mutants."""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gguf
import numpy as np
import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from starling_local.engine.gguf_header import GgufHeader, Strings, Value, read_header
from starling_local.engine.gguf_source import MAX_HEADER_BYTES, MAX_STRINGS
from starling_local.engine.gguf_types import BLOCKS, SCALARS
from starling_local.errors import BadFileError, ExitCode, NotFoundError
from tests.checkpoints import Shape, write_checkpoint

Result = TypeVar("Result")

SMALL = Shape(layers=1, hidden=32, ffn=64, heads=1, kv_heads=1, vocab=514)
WIDE = Shape(layers=1, hidden=256, ffn=256, heads=4, kv_heads=2, vocab=514)
U8, U16, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 0, 2, 4, 5, 6, 7, 8, 9, 10


# Hand-made files: each function returns bytes as the format lays them out.


def text(content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str | bytes, value_type: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", value_type) + value


def number(key: str, value: int) -> bytes:
    return entry(key, U32, struct.pack("<I", value))


def string(key: str, value: str | bytes) -> bytes:
    return entry(key, STRING, text(value))


def items(key: str, item_type: int, count: int, content: bytes = b"") -> bytes:
    return entry(key, ARRAY, struct.pack("<IQ", item_type, count) + content)


def strings(key: str, values: Sequence[str | bytes]) -> bytes:
    return items(key, STRING, len(values), b"".join(map(text, values)))


def tensor(
    name: str | bytes = "a", shape: Sequence[int] = (32,), type_id: int = 0, offset: int = 0
) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", type_id, offset)


def file(
    *keys: bytes,
    tensors: Sequence[bytes] = (),
    data_bytes: int = 0,
    version: int = 3,
    n_keys: int | None = None,
    n_tensors: int | None = None,
) -> bytes:
    counts = (
        len(tensors) if n_tensors is None else n_tensors,
        len(keys) if n_keys is None else n_keys,
    )
    head = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join([*keys, *tensors])
    return head.ljust(-(-len(head) // 32) * 32, b"\0") + b"\1" * data_bytes


ONE = file(string("general.name", "one"), tensors=[tensor()], data_bytes=128)


def bounded(call: Callable[[], Result], *, megabytes: float, seconds: float) -> Result:
    """What `call` returns; its processor time and, in a second call, its memory are limited."""
    started = time.process_time()
    call()
    assert time.process_time() - started < seconds
    tracemalloc.start()
    try:
        result = call()
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()
    return result


def refusal(path: Path) -> BadFileError:
    with pytest.raises(BadFileError) as caught:
        read_header(path)
    error = caught.value
    assert error.exit_code == ExitCode.BAD_FILE
    assert str(path) in error.message
    assert error.hint
    assert f"{error.message}{error.hint}".isprintable()
    return error


# Real files.


@pytest.fixture(scope="module")
def converted(
    small_tokenizer: bytes, tmp_path_factory: pytest.TempPathFactory
) -> dict[FileType, Path]:
    folder = tmp_path_factory.mktemp("converted")
    write_checkpoint(folder / "model", WIDE, tokenizer=small_tokenizer)
    types = (FileType.F32, FileType.Q4_K_M, FileType.Q5_0)
    plan = plan_conversion(folder / "model", types, folder)
    settings = ConversionSettings(verify=False, kernels=Kernels.GGML)
    written = run_conversion(plan, settings)
    return {one.planned.file_type: one.planned.path for one in written}


@pytest.fixture(scope="module")
def good(small_tokenizer: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest model that llama.cpp loads: 57 kB."""
    folder = tmp_path_factory.mktemp("good")
    write_checkpoint(folder / "model", SMALL, tokenizer=small_tokenizer)
    plan = plan_conversion(folder / "model", [FileType.Q8_0], folder)
    (written,) = run_conversion(plan, ConversionSettings(verify=False, kernels=Kernels.GGML))
    return written.planned.path


def listed(value: Value) -> list[Any]:
    assert not isinstance(value, (int, float, str))
    return list(value)


def assert_agreement(path: Path) -> GgufHeader:
    """Everything is as gguf's own reader has it."""
    header = read_header(path)
    reference = gguf.GGUFReader(path)
    fields = {key: value for key, value in reference.fields.items() if key[:5] != "GGUF."}
    assert list(header.metadata) == list(fields)
    for key, field in fields.items():
        ours, theirs = header.metadata[key], field.contents()
        assert (listed(ours) if isinstance(theirs, list) else ours) == theirs, key
    assert header.version == reference.fields["GGUF.version"].contents()
    assert header.data_offset == reference.data_offset
    assert header.file_size_bytes == path.stat().st_size
    assert len(header.tensors) == len(reference.tensors)
    for found, expected in zip(header.tensors, reference.tensors, strict=True):
        assert found.name == expected.name
        assert list(found.shape) == expected.shape.tolist()
        assert found.type_id == expected.tensor_type
        assert header.data_offset + found.offset == expected.data_offset
        assert found.size_bytes == expected.n_bytes
    return header


@pytest.mark.parametrize("file_type", [FileType.F32, FileType.Q4_K_M, FileType.Q5_0])
def test_converted_files(converted: dict[FileType, Path], file_type: FileType) -> None:
    header = assert_agreement(converted[file_type])
    assert header.metadata["general.architecture"] == "llama"
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings)
    assert tokens[:3] == ("<unk>", "<s>", "</s>")
    assert tokens[-2] == "<|end_of_turn|>"
    assert len(tokens) == 514


def test_another_writer_and_every_type_of_value(tmp_path: Path) -> None:
    path = tmp_path / "all.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_custom_alignment(64)
    kinds = gguf.GGUFValueType
    extremes: dict[gguf.GGUFValueType, list[Any]] = {
        kinds.UINT8: [0, 255],
        kinds.INT8: [-128, 127],
        kinds.UINT16: [0, 65535],
        kinds.INT16: [-32768, 32767],
        kinds.UINT32: [0, 2**32 - 1],
        kinds.INT32: [-(2**31), 2**31 - 1],
        kinds.UINT64: [0, 2**64 - 1],
        kinds.INT64: [-(2**63), 2**63 - 1],
        kinds.FLOAT32: [-0.5, float("inf")],
        kinds.FLOAT64: [1e300, -1e-300],
        kinds.BOOL: [True, False],
        kinds.STRING: ["", "naïve ▁€ 🙂"],
    }
    for kind, values in extremes.items():
        for place, value in enumerate(values):
            writer.add_key_value(f"x.{kind.name}.{place}", value, kind)
        writer.add_key_value(f"x.{kind.name}.array", values, kinds.ARRAY, sub_type=kind)
    for place, shape in enumerate([(3,), (5, 2), (1, 1, 7), (2, 3, 4, 5)]):
        writer.add_tensor(f"tensor.{place}", np.ones(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = assert_agreement(path)
    assert header.tensors[1].shape == (2, 5)
    assert header.metadata["x.BOOL.0"] is True


def test_metadata_alone(tmp_path: Path) -> None:
    # As the vocabularies among llama.cpp's own tests are: no tensors, no padding.
    path = tmp_path / "vocabulary.gguf"
    raw = file(number("general.file_type", 1))
    path.write_bytes(raw.rstrip(b"\0").ljust(len(raw) - 7, b"\0"))
    header = read_header(path)
    assert not header.tensors
    assert header.data_offset <= header.file_size_bytes
    path.write_bytes(file(version=2))
    assert read_header(path).version == 2


def test_strings_are_a_sequence(tmp_path: Path) -> None:
    path = tmp_path / "strings.gguf"
    values: list[str | bytes] = ["", "a", "ä", b"\xff\xfe", "z" * 300]
    path.write_bytes(file(strings("x.list", values)))
    found = read_header(path).metadata["x.list"]
    assert isinstance(found, Strings)
    expected = ["", "a", "ä", "\ufffd\ufffd", "z" * 300]
    assert list(found) == expected
    assert [found[place] for place in range(-5, 5)] == expected * 2
    assert found[1:4] == tuple(expected[1:4])
    assert found[::-2] == tuple(expected[::-2])
    assert found.index("ä") == 2
    assert found.undecoded()[3] == b"\xff\xfe"
    with pytest.raises(IndexError):
        found[5]


def test_the_tables_are_those_of_the_gguf_library() -> None:
    assert {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()} == BLOCKS
    names = {"STRING": STRING, "ARRAY": ARRAY}
    scalars = {kind for kind in gguf.GGUFValueType if kind.name not in names}
    assert set(SCALARS) == {int(kind) for kind in scalars}
    for kind in scalars - {gguf.GGUFValueType.BOOL}:
        letters = {"U": "BHIQ", "I": "bhiq", "F": "fd"}[kind.name[0]]
        assert SCALARS[kind] in letters
        assert struct.calcsize(SCALARS[kind]) * 8 == int(re.sub(r"\D", "", kind.name))


def test_nothing_heavy_is_loaded() -> None:
    code = "import sys; import starling_local.engine.gguf_header; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "gguf", "llama_cpp", "typer", "mmap"} & set(done.stdout.split())


def test_the_vocabulary_of_starling_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "large.gguf"
    tokens = [f"▁token{place}" for place in range(32002)]
    path.write_bytes(
        file(
            strings("tokenizer.ggml.tokens", tokens),
            items("tokenizer.ggml.scores", F32, len(tokens), bytes(4 * len(tokens))),
            items("tokenizer.ggml.token_type", I32, len(tokens), bytes(4 * len(tokens))),
            tensors=[tensor(f"blk.{place}.weight", offset=128 * place) for place in range(291)],
            data_bytes=128 * 291,
        )
    )

    def seconds() -> float:
        started = time.process_time()
        read_header(path)
        return time.process_time() - started

    assert min(seconds() for _ in range(10)) < 0.03
    header = bounded(lambda: read_header(path), megabytes=10, seconds=1)
    assert listed(header.metadata["tokenizer.ggml.tokens"]) == tokens


# What is refused.


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is empty"),
        (b"GG", "this is a file that begins with b'GG', not a GGUF file"),
        (b"GGUF", "reaches to byte 8 of a file of 4 bytes"),
        (b"GGUF\3\0\0\0\1", "reaches to byte 24 of a file of 9 bytes"),
        (bytes(4096), "a file of zeros"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (struct.pack("<Q", 40) + b'{"__metadata__":{}}'.ljust(90), "a safetensors file"),
        (b"PK\3\4" + bytes(60), "a zip archive, as PyTorch saves"),
        (b"\x80\2}q\0", "a pickle, as PyTorch saves"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
        (b"<?xml version='1.0'?><Error>", "a web page"),
        (b"\x1f\x8b\x08\0", "a compressed file"),
        (b"tjgg\3\0\0\0", "a GGML file from before GGUF"),
        (b"\x1b[31mEvil\n", r"begins with b'\\x1b\[31'"),
        (b"Entry not found", "begins with b'Entr'"),
        (file(version=1), "GGUF version 1 is not supported"),
        (file(version=4), "GGUF version 4 is not supported"),
        (b"GGUF" + struct.pack(">IQQ", 3, 1, 1) + bytes(99), "big-endian"),
        (file(n_keys=2**60), f"{2**60} metadata keys in a file of 32 bytes"),
        (file(n_keys=2), "2 metadata keys in a file of 32 bytes"),
        (file(n_tensors=2**64 - 1), f"{2**64 - 1} tensors in a file of 32 bytes"),
        (file(n_tensors=2), "2 tensors in a file"),
        (
            file(struct.pack("<Q", 2**60) + bytes(50)),
            "metadata key 0: a name of 1152921504606846976",
        ),
        (file(struct.pack("<Q", 999) + bytes(50)), "metadata key 0: reaches to byte 1031"),
        (file(number("", 1), number("b", 1)), "metadata key 0: a name of 0 bytes"),
        (file(number("x" * 65536, 1)), "a name of 65536 bytes"),
        (file(entry(b"a\0b", U32, bytes(4))), r"the name b'a\\x00b' is no plain text"),
        (file(entry(b"a\xff", U32, bytes(4))), r"the name b'a\\xff' is no plain text"),
        (file(entry(b"a\x1b[0m", U32, bytes(4))), "is no plain text"),
        (file(number("a", 1), number("b", 1), number("a", 2)), "metadata a: is there twice"),
        (file(entry("a", 13, bytes(8))), "metadata a: unknown value type 13"),
        (file(entry("a", 2**32 - 1, bytes(8))), "metadata a: unknown value type 4294967295"),
        (
            file(entry("a", STRING, struct.pack("<Q", 2**63))),
            "metadata a: reaches to byte 92233720",
        ),
        (file(string("a", b"x\xffy")), "metadata a: the text is not UTF-8"),
        (file(string("a", b"x\0y")), "metadata a: a zero byte inside a text"),
        (file(items("a", ARRAY, 1, bytes(64))), "metadata a: an array of arrays"),
        (file(items("a", 99, 1, bytes(64))), "metadata a: an array of the unknown value type 99"),
        (file(items("a", U8, 2**60)), "metadata a: reaches to byte 1152921504606847"),
        (file(items("a", U64, 2**63)), "metadata a: reaches to byte 73786976294838206"),
        (file(items("a", STRING, 2**60)), f"metadata a: {2**60} strings; a header has at most"),
        (file(items("a", STRING, 500_000)), "metadata a: reaches to byte 40000"),
        (
            file(items("a", STRING, 2, text("ok") + struct.pack("<Q", 2**64 - 1))),
            "metadata a: reaches to byte 18446744073709551",
        ),
        (file(entry("general.alignment", U64, bytes(8))), "is not an unsigned 32-bit number"),
        *[
            (file(number("general.alignment", value)), f"general.alignment is {value}, not a power")
            for value in (0, 1, 8, 16, 33, 48, 2**31, 2**32 - 1)
        ],
        (file(entry("split.count", U16, b"\2\0")), "this file is one of 2 parts"),
        (file(tensors=[tensor(b"")], data_bytes=128), "tensor 0: a name of 0 bytes"),
        (file(tensors=[tensor("x" * 64)], data_bytes=128), "a name of 64 bytes; 1 to 63"),
        (file(tensors=[tensor(b"a\nb")], data_bytes=128), "tensor 0: the name"),
        (file(tensors=[tensor(), tensor(offset=128)], data_bytes=256), "tensor a: is there twice"),
        (file(tensors=[tensor(shape=()) + bytes(8)], data_bytes=128), "0 dimensions"),
        (file(tensors=[tensor(shape=(1,) * 5)], data_bytes=128), "5 dimensions; 1 to 4"),
        (file(tensors=[text("a") + b"\xff" * 64], data_bytes=128), "4294967295 dimensions"),
        (file(tensors=[tensor(shape=(32, 0))], data_bytes=128), r"the shape \(32, 0\)"),
        (file(tensors=[tensor(shape=(2**32, 2**31))]), r"the shape \(4294967296, 2147483648\)"),
        (file(tensors=[tensor(shape=(2**63,))]), "the shape"),
        (file(tensors=[tensor(shape=(2**62, 2**62, 4, 1))]), "the shape"),
        (file(tensors=[tensor(type_id=4)], data_bytes=128), "tensor a: unknown tensor type 4"),
        (file(tensors=[tensor(type_id=2**32 - 1)]), "unknown tensor type 4294967295"),
        (file(tensors=[tensor(shape=(33,), type_id=8)]), "rows of 33 weights, in blocks of 32"),
        (file(tensors=[tensor(shape=(128,), type_id=14)]), "rows of 128 weights, in blocks of 256"),
        (file(tensors=[tensor(offset=32)], data_bytes=256), "tensor a: is at offset 32; the"),
        (
            file(tensors=[tensor(), tensor("b", offset=96)], data_bytes=256),
            "tensor b: is at offset 96; the tensors before end at 128",
        ),
        (file(tensors=[tensor("rope_freqs.weight", (16,), 1)], data_bytes=32), "not of type F32"),
        (ONE[:-1], f"1 of {len(ONE)} bytes are missing; the download is incomplete"),
        (ONE[:-130], f"130 of {len(ONE)} bytes are missing; the download is incomplete"),
        (
            file(tensors=[tensor(shape=(2**40,))]),
            "4398046511104 of 4398046511168 bytes are missing",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_refused(raw: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad model.gguf"
    path.write_bytes(raw)
    error = bounded(lambda: refusal(path), megabytes=4, seconds=1)
    assert re.search(message, error.message), error.message


ARCHITECTURE = string("general.architecture", "llama")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([number("llama.block_count", 0)], "llama.block_count is 0; 1 to 512 are possible"),
        ([number("llama.block_count", 513)], "llama.block_count is 513"),
        (
            [number("llama.block_count", 2), number("llama.nextn_predict_layers", 3)],
            "llama.nextn_predict_layers is 3, of 2 layers",
        ),
        ([string("llama.rope.scaling.type", "odd")], "llama.rope.scaling.type 'odd' is unknown"),
        ([number("llama.expert_count", 8)], "the numbers of experts"),
        ([number("llama.expert_used_count", 2)], "the numbers of experts"),
        ([number("llama.expert_group_count", 2)], "the numbers of experts"),
        (
            [number("llama.expert_count", 1025), number("llama.expert_used_count", 2)],
            "the numbers of experts",
        ),
        (
            [
                number("llama.expert_count", 8),
                items("llama.expert_used_count", U32, 2, struct.pack("<2I", 2, 9)),
            ],
            "the numbers of experts",
        ),
        ([strings("tokenizer.ggml.tokens", ["a", "b", "a"])], "the token 'a' is there twice"),
        ([strings("tokenizer.ggml.tokens", ["a", "b", b"a\0b"])], "the token 'a' is there twice"),
        (
            [strings("tokenizer.ggml.tokens", ["x", "", "[EMPTY_1]"])],
            r"the token '\[EMPTY_1\]' is there twice",
        ),
        (
            [
                string("tokenizer.ggml.model", "bert"),
                items("tokenizer.ggml.token_type", I32, 2, struct.pack("<2i", 1, 6)),
            ],
            "a vocabulary of type bert has byte tokens",
        ),
    ],
)
def test_what_llama_cpp_would_end_the_process_for(
    keys: list[bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "asserted.gguf"
    path.write_bytes(file(ARCHITECTURE, *keys))
    assert re.search(message, refusal(path).message)


def test_values_that_look_alike_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "experts.gguf"
    keys = [
        number("llama.block_count", 512),
        number("llama.expert_count", 8),
        items("llama.expert_used_count", U32, 2, struct.pack("<2I", 2, 8)),
        string("llama.rope.scaling.type", "yarn"),
        strings("tokenizer.ggml.tokens", ["", "a", "A", "", b"\xff", b"\xfe"]),
        number("general.alignment", 4096),
        entry("split.count", U16, b"\1\0"),
        items("a.bool", BOOL, 4, b"\0\1\2\xff"),
        items("a.nothing", F32, 0),
        strings("a.no_strings", []),
    ]
    path.write_bytes(file(ARCHITECTURE, *keys))
    assert listed(read_header(path).metadata["a.bool"]) == [0, 1, 1, 1]
    assert listed(read_header(path).metadata["a.no_strings"]) == []


def test_the_most_strings(tmp_path: Path) -> None:
    path = tmp_path / "strings.gguf"
    path.write_bytes(file(items("a", STRING, MAX_STRINGS, bytes(8 * MAX_STRINGS))))
    started = time.process_time()
    assert len(listed(read_header(path).metadata["a"])) == MAX_STRINGS
    assert time.process_time() - started < 3
    path.write_bytes(file(items("a", STRING, MAX_STRINGS), strings("b", ["", ""])))
    assert "reaches to byte" in refusal(path).message


def test_every_truncation(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    for size in range(len(ONE)):
        path.write_bytes(ONE[:size])
        refusal(path)
    path.write_bytes(ONE)
    assert read_header(path).metadata == {"general.name": "one"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (file(n_keys=2**35), f"{2**35} metadata keys"),
        (file(n_keys=1)[:24] + items("a", U8, 2**39), "no header is larger than"),
        (file(n_keys=1)[:24] + items("a", STRING, 2**36), "strings; a header has at most"),
        (file(n_keys=2)[:24] + items("a", STRING, 100_000), "a name of 0 bytes"),
        (file(n_keys=2)[:24] + items("a", U8, MAX_HEADER_BYTES - 100), "a name of 0 bytes"),
    ],
    ids=["keys", "numbers", "strings", "empty strings", "as large as can be"],
)
def test_a_terabyte_of_zeros_is_not_read(raw: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "huge.gguf"
    path.write_bytes(raw)
    os.truncate(path, 2**40)
    limit = 3.1 * MAX_HEADER_BYTES / 1e6
    error = bounded(lambda: refusal(path), megabytes=limit, seconds=2)
    assert re.search(message, error.message), error.message


# What is not a file, or cannot be opened.


@pytest.mark.parametrize("name", ["nothing.gguf", "x.gguf/below", "long" * 100])
def test_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").touch()
    with pytest.raises(NotFoundError, match="no such file") as caught:
        read_header(tmp_path / name)
    assert caught.value.exit_code == ExitCode.NOT_FOUND
    assert caught.value.hint


def test_links(tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(NotFoundError):
        read_header(link)
    (tmp_path / "target").write_bytes(ONE)
    assert read_header(link).file_size_bytes == len(ONE)
    round_and_round = tmp_path / "round.gguf"
    round_and_round.symlink_to(round_and_round)
    refusal(round_and_round)


def test_no_regular_file(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path).message
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe or a device" in refusal(tmp_path / "pipe").message
    for device in ("/dev/zero", "/dev/null"):
        assert "is a pipe or a device" in refusal(Path(device)).message
    with socket.socket(socket.AF_UNIX) as listener:
        # Named from its folder: the whole path may be too long for a socket.
        here = Path.cwd()
        os.chdir(tmp_path)
        listener.bind("socket")
        os.chdir(here)
        assert "is a pipe or a device" in refusal(tmp_path / "socket").message


def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "locked.gguf"
    path.write_bytes(ONE)
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        error = refusal(path)
    finally:
        if is_root:
            os.seteuid(0)
    assert "Permission denied" in error.message


# Mutants.

NUMBERS = (0, 1, 3, 31, 33, 255, 512, 513, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32)
HUGE = (2**60, 2**63 - 1, 2**63, 2**64 - 1)

# Loads each file that stdin names; says before that it does, so a crash shows the culprit.
# What the whole guard accepts is also used: every byte is a text's, and a token is decoded.
LOADER = """
import ctypes, sys, llama_cpp
from pathlib import Path
from starling_local.engine import library
from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.errors import StarlingError
from starling_local.settings import ContextSettings

def use(path):
    with Model(path) as model:
        vocabulary = model.vocabulary
        for byte in range(256):
            vocabulary.tokenise(chr(byte) + chr(256 + 17 * byte))
        for token in range(vocabulary.size):
            vocabulary.shown(token)
        with Context(model, ContextSettings(context=64, threads=1)) as context:
            context.prefill([vocabulary.bos, 300])
            context.decode_next(vocabulary.end_of_turn)

library.start()
params = llama_cpp.llama_model_default_params()
params.n_gpu_layers = 0
params.use_extra_bufts = False
for line in sys.stdin:
    print(line.strip(), flush=True)
    model = llama_cpp.llama_model_load_from_file(line.strip().encode(), params)
    if model:
        llama_cpp.llama_model_free(model)
        print("loaded", flush=True)
    try:
        use(Path(line.strip()))
        print("used", flush=True)
    except StarlingError as error:
        assert error.message
"""


class Mutants:
    """Damaged copies of a file; most damage is where the header holds lengths, types and counts."""

    def __init__(self, path: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.original = path.read_bytes()
        header = read_header(path)
        self.header_bytes = header.data_offset
        self.spots = [4, 8, 16]
        for name in [*header.metadata, *(tensor.name for tensor in header.tensors)]:
            start = self.original.index(text(name))
            end = start + 8 + len(name)
            self.spots += [start, start + 8, *(end + more for more in (0, 4, 8, 12, 20, 24))]

    def next(self) -> bytes:
        raw = bytearray(self.original)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self._damage(raw, self._place())
        return bytes(raw)

    def _place(self) -> int:
        chosen = self.random.random()
        if chosen < 0.02:
            return self.random.randrange(len(self.original))
        if chosen < 0.3:
            return self.random.randrange(self.header_bytes)
        return self.random.choice(self.spots) + self.random.choice((0, 0, 0, 1, 4))

    def _damage(self, raw: bytearray, at: int) -> None:
        width = self.random.choice((4, 8))
        length = self.random.randrange(1, 64)
        kind = self.random.randrange(9)
        if kind == 0:
            raw[at : at + 1] = (
                bytes([raw[at : at + 1][0] ^ 1 << length % 8]) if at < len(raw) else b""
            )
        elif kind == 1:
            raw[at : at + 1] = self.random.randbytes(1)
        elif kind == 2:
            value = self.random.choice(NUMBERS + HUGE if width == 8 else NUMBERS)
            raw[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
        elif kind == 3:
            raw[at : at + 4] = self.random.randrange(600).to_bytes(4, "little")
        elif kind == 4:
            raw[at:at] = self.random.choice((self.random.randbytes(length), bytes(length)))
        elif kind == 5:
            del raw[at : at + length]
        elif kind == 6:
            start = self.random.randrange(self.header_bytes)
            copied = raw[start : start + 3 * length]
            raw[at : at + self.random.choice((0, len(copied)))] = copied
        elif kind == 7:
            other = self.random.choice(self.spots)
            raw[at : at + width], raw[other : other + width] = (
                raw[other : other + width],
                raw[at : at + width],
            )
        else:
            del raw[self.random.randrange(len(raw) + 1) :]


def survivors(mutants: Iterable[bytes], folder: Path) -> list[Path]:
    """The mutants that `read_header` accepts; all others it refuses, and never in another way."""
    accepted: list[Path] = []
    for serial, raw in enumerate(mutants):
        path = folder / f"{serial}.gguf"
        path.write_bytes(raw)
        try:
            header = read_header(path)
        except BadFileError:
            continue
        accepted.append(path)
        for value in header.metadata.values():
            if isinstance(value, Strings):
                assert len(list(value)) == len(value)
    return accepted


def load_all(paths: Sequence[Path]) -> tuple[int, int]:
    """Load and use each file in one child process, which must survive; count what went well."""
    done = subprocess.run(
        [sys.executable, "-c", LOADER],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]} ended llama.cpp: {done.stderr[-500:]}"
    return lines.count("loaded"), lines.count("used")


def test_mutants(good: Path, tmp_path: Path) -> None:
    source = Mutants(good, seed=0)
    mutants = [source.next() for _ in range(1000)]
    accepted = bounded(lambda: survivors(mutants, tmp_path), megabytes=4, seconds=5)
    assert 20 < len(accepted) < 500
    loaded, used = load_all([good, *accepted])
    assert 10 < used <= loaded
    assert loaded > 20


@pytest.mark.long
def test_many_mutants(good: Path, tmp_path: Path) -> None:
    for seed in range(1, 51):
        source = Mutants(good, seed)
        load_all(survivors((source.next() for _ in range(1000)), tmp_path))
