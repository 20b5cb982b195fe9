"""Importance matrices: both formats read and one written, and conversions with them equal to
llama-quantize's in every byte.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from numpy.typing import NDArray

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.imatrix import ImportanceMatrix, read_imatrix
from starling_convert.imatrix_gguf import Activations, gguf_bytes
from starling_convert.plan import plan_conversion
from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from starling_convert.tensors import TensorSpec
from starling_local.errors import BadFileError, ExitCode
from tests import llama
from tests.checkpoints import Shape, write_checkpoint
from tests.convert.test_exactness import KERNELS, assert_same_tensors

Importance = Mapping[str, NDArray[np.float32]]

SHAPES = {
    # 8 layers, so that there is a first eighth of them.
    "grouped by four": Shape(layers=8, hidden=256, ffn=256, heads=8, kv_heads=2, vocab=514),
    "widths of whole 32s": Shape(layers=9, hidden=96, ffn=160, heads=3, kv_heads=1, vocab=515),
    "tied": Shape(layers=8, hidden=256, ffn=256, heads=4, kv_heads=4, vocab=514, tied=True),
}


def importance_of(specs: tuple[TensorSpec, ...], seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Like real ones: columns that differ by orders of magnitude, some never used."""
    values = np.random.default_rng(seed)
    found = {}
    for spec in specs:
        if len(spec.shape) == 2 and spec.layer is not None:
            columns = values.lognormal(0, 2, spec.shape[1])
            columns[values.random(len(columns)) < 0.02] = 0
            found[spec.name] = columns.astype(np.float32)
    first = min(found)
    found[first][:] = 0
    del found[max(found)]
    return found


def as_matrix(means: Importance) -> ImportanceMatrix:
    return ImportanceMatrix(means, "some.gguf", "a text", 7, len(means))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kernels", KERNELS, ids=lambda kind: kind.value)
def test_every_type_equals_llama_quantize(
    name: str, kernels: Kernels, tmp_path: Path, small_tokenizer: bytes
) -> None:
    write_checkpoint(tmp_path / "in", SHAPES[name], tokenizer=small_tokenizer)
    plan = plan_conversion(tmp_path / "in", tuple(FileType), tmp_path / "out")
    means = importance_of(plan.specs)
    run_conversion(
        plan.with_importance(as_matrix(means)), ConversionSettings(verify=False, kernels=kernels)
    )
    for file in plan.files:
        if file.file_type is FileType.BF16:
            continue
        source = tmp_path / "out" / "in-BF16.gguf"
        llama.quantise(source, tmp_path / "theirs.gguf", file.file_type, means)
        assert_same_tensors(file.path, tmp_path / "theirs.gguf")


def test_metadata_of_a_file(tmp_path: Path, small_tokenizer: bytes) -> None:
    # The keys and types of llama-quantize, and as many bytes of a text as it keeps.
    write_checkpoint(tmp_path / "in", Shape(vocab=514), tokenizer=small_tokenizer)
    plan = plan_conversion(tmp_path / "in", [FileType.Q8_0], tmp_path)
    matrix = ImportanceMatrix({}, "x" * 125 + "äöü", None, 0, 14)
    run_conversion(plan.with_importance(matrix), ConversionSettings(verify=False))
    fields = GGUFReader(plan.files[0].path).fields
    found = {name: field for name, field in fields.items() if name.startswith("quantize.")}
    assert {name: (field.types[0], field.contents()) for name, field in found.items()} == {
        "quantize.imatrix.file": (GGUFValueType.STRING, "x" * 125 + "ä"),
        "quantize.imatrix.entries_count": (GGUFValueType.UINT32, 14),
    }


def test_the_gguf_form_is_read_as_it_was_written(tmp_path: Path) -> None:
    sums = np.arange(5, dtype=np.float32)
    raw = gguf_bytes({"b": Activations(sums, 4), "a": Activations(sums, 0)}, "text.txt", 3, 512)
    (tmp_path / "m.gguf").write_bytes(raw)
    matrix = read_imatrix(tmp_path / "m.gguf")
    assert (matrix.dataset, matrix.chunks, matrix.entries) == ("text.txt", 3, 2)
    assert np.array_equal(matrix.means["b"], sums / np.float32(4))
    # Of what no token came by nothing is known.
    assert np.array_equal(matrix.means["a"], np.ones(5, np.float32))
    reader = GGUFReader(tmp_path / "m.gguf")
    assert [tensor.name for tensor in reader.tensors] == [
        "a.in_sum2", "a.counts", "b.in_sum2", "b.counts",
    ]  # fmt: skip


def legacy_bytes(means: Importance, calls: int, end: bytes) -> bytes:
    raw = struct.pack("<i", len(means))
    for name, values in means.items():
        raw += struct.pack("<i", len(name)) + name.encode()
        raw += struct.pack("<ii", calls, len(values)) + (values * np.float32(calls)).tobytes()
    return raw + end


@pytest.mark.parametrize(
    ("end", "dataset", "chunks"),
    [
        (struct.pack("<ii", 9, 8) + b"text.txt", "text.txt", 9),
        (struct.pack("<ii", 9, 0), None, 9),
        (struct.pack("<i", 9), None, 9),
        (b"", None, 0),
    ],
)
def test_the_older_form(end: bytes, dataset: str | None, chunks: int, tmp_path: Path) -> None:
    values = np.array([1, 2, 0], np.float32)
    path = tmp_path / "m.dat"
    path.write_bytes(legacy_bytes({"blk.0.ffn_up.weight": values}, 4, end))
    matrix = read_imatrix(path)
    assert np.array_equal(matrix.means["blk.0.ffn_up.weight"], values)
    assert (matrix.dataset, matrix.chunks, matrix.file) == (dataset, chunks, str(path))


def test_damaged_files(tmp_path: Path) -> None:
    """Cut off anywhere, or with any byte changed: understood or refused, never a crash."""
    sums = np.arange(1, 6, dtype=np.float32)
    whole = gguf_bytes({"blk.0.ffn_up.weight": Activations(sums, 4)}, "text", 1, 512)
    legacy = legacy_bytes({"blk.0.ffn_up.weight": sums}, 4, struct.pack("<ii", 9, 2) + b"ab")
    path, chance = tmp_path / "m", random.Random(0)
    for raw in (whole, legacy):
        variants = [raw[:length] for length in range(len(raw))]
        for _ in range(500):
            changed = bytearray(raw)
            changed[chance.randrange(len(raw))] = chance.choice((0, 1, 127, 128, 255))
            variants.append(bytes(changed))
        refused = 0
        for variant in variants:
            path.write_bytes(variant)
            try:
                found = read_imatrix(path)
            except BadFileError as error:
                refused += str(path) in error.message
                continue
            assert all((values >= 0).all() for values in found.means.values())
        assert refused > len(raw) / 2


def gguf_of(tensors: Mapping[str, NDArray[Any]], path: Path, *, is_matrix: bool = True) -> None:
    writer = GGUFWriter(path, "llama")
    if is_matrix:
        writer.add_array("imatrix.datasets", ["text"])
        writer.add_uint32("imatrix.chunk_count", 1)
        writer.add_uint32("imatrix.chunk_size", 512)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


ONE, SIX = np.ones(1, np.float32), np.ones(6, np.float32)
UP = "blk.0.ffn_up.weight"
BAD: dict[str, tuple[Mapping[str, NDArray[Any]], str]] = {
    "NaN": ({f"{UP}.in_sum2": SIX * np.nan, f"{UP}.counts": ONE}, UP),
    "infinite": ({f"{UP}.in_sum2": SIX * np.inf, f"{UP}.counts": ONE}, UP),
    "negative": ({f"{UP}.in_sum2": -SIX, f"{UP}.counts": ONE}, UP),
    "NaN count": ({f"{UP}.in_sum2": SIX, f"{UP}.counts": ONE * np.nan}, UP),
    "negative count": ({f"{UP}.in_sum2": SIX, f"{UP}.counts": -ONE}, UP),
    "no counts": ({f"{UP}.in_sum2": SIX}, UP),
    "no sums": ({f"{UP}.in_sum2": SIX, f"{UP}.counts": ONE, "x.counts": ONE}, "x has"),
    "experts": ({f"{UP}.in_sum2": SIX, f"{UP}.counts": np.ones(3, np.float32)}, "3 counts"),
    "half precision": ({f"{UP}.in_sum2": SIX.astype(np.float16), f"{UP}.counts": ONE}, "not F32"),
    "nothing": ({"x": ONE}, "no entries"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_numbers(name: str, tmp_path: Path) -> None:
    tensors, named = BAD[name]
    gguf_of(tensors, tmp_path / "m.gguf")
    with pytest.raises(BadFileError, match=named):
        read_imatrix(tmp_path / "m.gguf")


@pytest.mark.parametrize("chunks", [-1, 1 << 32])
def test_impossible_chunks(chunks: int, tmp_path: Path) -> None:
    raw = gguf_bytes({UP: Activations(SIX, 1)}, "text", 77, 512)
    key = b"imatrix.chunk_count"
    # As a number of 64 bits.
    old, new = struct.pack("<II", 4, 77), struct.pack("<Iq", 11, chunks)
    (tmp_path / "m.gguf").write_bytes(raw.replace(key + old, key + new))
    with pytest.raises(BadFileError, match=f"chunk_count is {chunks}"):
        read_imatrix(tmp_path / "m.gguf")


def test_tensors_that_share_their_bytes(tmp_path: Path) -> None:
    """Or a small file would take any amount of memory."""
    raw = gguf_bytes({name: Activations(np.ones(900, np.float32), 1) for name in "ab"}, "t", 1, 512)
    cut = raw[: -900 * 4]
    at = cut.index(b"b.in_sum2") + len("b.in_sum2") + struct.calcsize("<IQI")
    (tmp_path / "m.gguf").write_bytes(cut[:at] + bytes(8) + cut[at + 8 :])
    with pytest.raises(BadFileError, match=r"b\.in_sum2 is larger than what is left"):
        read_imatrix(tmp_path / "m.gguf")


@pytest.fixture
def checkpoint(tmp_path: Path, small_tokenizer: bytes) -> Path:
    shape = Shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, vocab=514)
    write_checkpoint(tmp_path / "model", shape, tokenizer=small_tokenizer)
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("tensor", "columns", "message"),
    [
        ("blk.0.ffn_up.weight", 65, "65 columns for blk.0.ffn_up.weight, the model 64"),
        ("blk.2.ffn_up.weight", 64, "blk.2.ffn_up.weight, which the model has not"),
    ],
)
def test_another_model(
    tensor: str,
    columns: int,
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    starling: Callable[..., Any],
) -> None:
    raw = gguf_bytes({tensor: Activations(np.ones(columns, np.float32), 1)}, "text", 1, 512)
    (tmp_path / "m.gguf").write_bytes(raw)
    done = starling("convert", checkpoint, "-o", tmp_path, "--imatrix", tmp_path / "m.gguf")
    assert done.status == ExitCode.BAD_FILE
    assert message in done.stderr
    assert not list(tmp_path.glob("model-*"))


def test_a_model_is_no_matrix(tmp_path: Path, nano_file: Path) -> None:
    with pytest.raises(BadFileError, match="not F32"):
        read_imatrix(nano_file)
    gguf_of({"x": ONE}, tmp_path / "m.gguf", is_matrix=False)
    with pytest.raises(BadFileError, match="is it a model"):
        read_imatrix(tmp_path / "m.gguf")


def test_from_the_command_line(
    checkpoint: Path, tmp_path: Path, starling: Callable[..., Any]
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf_bytes({UP: Activations(np.ones(64, np.float32), 1)}, "text", 2, 512))
    arguments = ("convert", checkpoint, "-q", "q4", "-o", tmp_path, "--imatrix", path, "--json")
    planned = starling(*arguments, "--dry-run")
    done = starling(*arguments)
    assert "note: " in done.stderr
    assert "has nothing for blk.0.attn_k.weight and 12 more tensors" in done.stderr
    matrix = {"file": str(path), "dataset": "text", "chunks": 2, "tensors": 1}
    assert planned.json["importance"] == done.json["importance"] == matrix
    (file,) = done.json["files"]
    assert file["size_bytes"] == Path(file["file"]).stat().st_size
    assert planned.json["files"][0]["size_bytes"] == file["size_bytes"]
    assert starling(*arguments[:-2], tmp_path / "none").status == ExitCode.NOT_FOUND
