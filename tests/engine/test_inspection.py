"""What is found in good, foreign, damaged and hostile files: always a report or a refusal."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gguf
import psutil
import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from starling_local.engine.examination import examine
from starling_local.engine.gguf_facts import kind_of, provenance, type_shares
from starling_local.engine.gguf_header import read_header, read_header_so_far
from starling_local.engine.gguf_types import FILE_TYPE_NAMES, TYPE_NAMES
from starling_local.engine.inspection import Inspection, Verdict, inspect_gguf
from starling_local.errors import BadFileError, NotFoundError
from starling_local.prompt import CARD_VECTORS, Segment
from tests.checkpoints import Shape, write_checkpoint
from tests.engine.test_gguf_header import SMALL, Mutants, entry, file, number, string, tensor, text

MIXED = Shape(layers=8, hidden=256, ffn=256, heads=4, kv_heads=2, vocab=514)
LITTLE = Shape(layers=1, hidden=32, ffn=64, heads=1, kv_heads=1)


def converted(folder: Path, shape: Shape, file_type: FileType, tokenizer: bytes | None) -> Path:
    write_checkpoint(folder / "model", shape, tokenizer=tokenizer or "mistral")
    plan = plan_conversion(folder / "model", [file_type], folder)
    (written,) = run_conversion(plan, ConversionSettings(verify=False, kernels=Kernels.GGML))
    return written.planned.path


@pytest.fixture(scope="module")
def small(small_tokenizer: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest model that llama.cpp loads."""
    return converted(tmp_path_factory.mktemp("small"), SMALL, FileType.Q8_0, small_tokenizer)


@pytest.fixture(scope="module")
def starling_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with Starling's own vocabulary."""
    return converted(tmp_path_factory.mktemp("starling"), LITTLE, FileType.Q8_0, None)


@pytest.fixture
def changed(small: Path, tmp_path: Path) -> Callable[..., Path]:
    """The small model with some bytes in place of others, which must be there once."""

    def change(*pairs: tuple[bytes, bytes]) -> Path:
        raw = small.read_bytes()
        for old, new in pairs:
            assert raw.count(old) == 1
            assert len(old) == len(new)
            raw = raw.replace(old, new)
        path = tmp_path / "changed.gguf"
        path.write_bytes(raw)
        return path

    return change


def verdicts(found: Inspection) -> dict[str, str]:
    return {check.name: check.verdict.value for check in found.checks}


def failures(found: Inspection) -> list[str]:
    return [check.said[0] for check in found.checks if check.verdict is Verdict.FAILS]


# Good files.


def test_a_sound_file(small: Path) -> None:
    found = inspect_gguf(small)
    assert found.is_sound
    assert set(verdicts(found).values()) == {"holds"}
    assert len(found.checks) == 9
    reference = gguf.GGUFReader(small)
    assert found.parameters == sum(int(one.n_elements) for one in reference.tensors)
    assert found.tensor_bytes == sum(int(one.n_bytes) for one in reference.tensors)
    shape = found.architecture
    assert (shape.layers, shape.hidden, shape.ffn, shape.heads, shape.kv_heads) == (1, 32, 64, 1, 1)
    assert (shape.head_size, shape.context, shape.rope_theta) == (32, 8192, 10000.0)
    assert shape.vocabulary == 514
    assert shape.kv_bytes_per_token(is_quantised=False) == 2 * 32 * 2
    assert shape.kv_bytes_per_token(is_quantised=True) == 2 * 34


def test_the_card_s_ids(starling_file: Path) -> None:
    found = examine(starling_file, "Hello", whole=True)
    assert [proof.ids for proof in found.card] == [vector.ids for vector in CARD_VECTORS]
    assert all(proof.holds and proof.reads_back and proof.expected for proof in found.card)
    assert (found.ids, found.pieces, found.control) == ((22557,), (" Hello",), frozenset())
    assert found.problem(starling_file) is None
    vector = CARD_VECTORS[0]
    segments = [Segment(vector.segments[0]), Segment(vector.segments[1], is_open=True)]
    prompt = examine(starling_file, segments)
    assert prompt.ids == vector.ids
    assert prompt.control == {1, 32000}
    assert prompt.pieces[9] == "<|end_of_turn|>"


def test_a_mixture(small_tokenizer: bytes, tmp_path: Path) -> None:
    path = converted(tmp_path, MIXED, FileType.Q4_K_M, small_tokenizer)
    shares = type_shares(read_header(path).tensors)
    assert [share.name for share in shares] == ["Q4_K", "Q6_K", "F32"]
    by_kind = {
        share.name: {kind.kind: (kind.count, kind.of) for kind in share.kinds} for share in shares
    }
    assert by_kind["Q6_K"] == {"output": (1, 1), "attn_v": (4, 8), "ffn_down": (4, 8)}
    assert by_kind["F32"] == {"output_norm": (1, 1), "attn_norm": (8, 8), "ffn_norm": (8, 8)}
    assert [round(share.bits_per_weight, 4) for share in shares] == [4.5, 6.5625, 32]


def test_names_of_types_are_those_of_the_gguf_library() -> None:
    assert {int(kind): kind.name for kind in gguf.GGMLQuantizationType} == TYPE_NAMES
    known = {int(kind): kind.name for kind in gguf.LlamaFileType if kind.name != "GUESSED"}
    theirs = {
        kind: name.removeprefix("ALL_").removeprefix("MOSTLY_") for kind, name in known.items()
    }
    assert theirs == FILE_TYPE_NAMES


def test_kinds() -> None:
    assert kind_of("blk.12.attn_v.weight") == "attn_v"
    assert kind_of("output.weight") == "output"
    assert kind_of("odd") == "odd"


def test_where_a_file_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "tensors.gguf"
    path.write_bytes(
        file(
            string("general.name", "Some model"),
            string("general.license", "cc-by-nc-4.0"),
            string("quantize.imatrix.file", "calibration.dat"),
            number("quantize.imatrix.entries_count", 224),
            entry("general.source.url", 6, struct.pack("<f", 1)),
        )
    )
    assert provenance(read_header(path).metadata) == (
        ("name", "Some model"),
        ("licence", "cc-by-nc-4.0"),
        ("importance matrix", "calibration.dat"),
        ("its tensors", "224"),
    )


# Foreign and wrong files.


def test_another_family(changed: Callable[..., Path]) -> None:
    old, new = (string("general.architecture", name) for name in ("llama", "qwen2"))
    found = inspect_gguf(changed((old, new)))
    assert not found.is_sound
    assert found.architecture.name == "qwen2"
    assert found.parameters > 0
    assert list(verdicts(found).values()) == ["holds", "fails", *["untried"] * 7]
    assert "architecture 'qwen2'" in failures(found)[0]


def test_what_the_program_makes_up_for_is_noted(changed: Callable[..., Path]) -> None:
    key = "tokenizer.ggml.eos_token_id"
    found = inspect_gguf(changed((number(key, 512), number(key, 2))))
    assert found.is_sound
    [noted] = [check for check in found.checks if check.verdict is Verdict.NOTED]
    assert "token 2 ends an answer" in noted.said[0]


def test_a_tensor_that_is_missing(changed: Callable[..., Path]) -> None:
    """Only llama.cpp knows which ones a model needs."""
    found = inspect_gguf(changed((text("blk.0.attn_k.weight"), text("blk.0.attn_x.weight"))))
    assert verdicts(found)["llama.cpp finds every tensor"] == "fails"
    assert "'blk.0.attn_k.weight' not found" in failures(found)[0]
    assert [*verdicts(found).values()][-2:] == ["untried", "untried"]


def test_every_failure_is_found_not_only_the_first(changed: Callable[..., Path]) -> None:
    epsilon = "llama.attention.layer_norm_rms_epsilon"
    old = entry(epsilon, 6, struct.pack("<f", 1e-5))
    found = inspect_gguf(
        changed(
            (old, entry(epsilon, 6, struct.pack("<f", 2.0))),
            (text("<0x41>"), text("<0x4z>")),
        )
    )
    said = failures(found)
    assert len(said) == 2
    assert "no token <0x41>" in said[0]
    assert "epsilon" in said[1]


def test_a_download_that_is_not_complete(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    raw = small.read_bytes()
    path.write_bytes(raw[:-1000])
    found = inspect_gguf(path)
    assert "1000 of" in failures(found)[0]
    assert found.parameters == inspect_gguf(small, tries_llama_cpp=False).parameters
    assert verdicts(found)["a model of the Starling family"] == "holds"
    assert verdicts(found)["llama.cpp finds every tensor"] == "untried"


def test_as_much_as_can_be_read_is_shown(small: Path, tmp_path: Path) -> None:
    raw, header = small.read_bytes(), read_header(small)
    path = tmp_path / "cut.gguf"
    path.write_bytes(raw[: raw.index(b"tokenizer.ggml.scores") + 100])
    found = read_header_so_far(path)
    assert found.problem
    assert not found.has_metadata
    assert 10 < len(found.header.metadata) < len(header.metadata)
    path.write_bytes(raw[: raw.index(b"blk.0.ffn_up.weight")])
    found = read_header_so_far(path)
    assert found.has_metadata
    assert not found.is_listed
    assert 5 < len(found.header.tensors) < len(header.tensors)


def test_one_part_of_several_is_shown_too(tmp_path: Path) -> None:
    path = tmp_path / "part.gguf"
    path.write_bytes(
        file(entry("split.count", 2, b"\2\0"), tensors=[tensor(shape=(32, 4))], data_bytes=512)
    )
    found = inspect_gguf(path)
    assert "one of 2 parts" in failures(found)[0]
    assert found.parameters == 128


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(BadFileError, match="a web page"):
        inspect_gguf(tmp_path / "page.gguf")
    with pytest.raises(NotFoundError):
        inspect_gguf(tmp_path / "nothing.gguf")
    with pytest.raises(NotFoundError):
        examine(tmp_path / "nothing.gguf")


def test_a_file_that_llama_cpp_dies_of(small: Path) -> None:
    """A signal ends the child while it works: the file is to blame, and not this process."""

    def shoot() -> bool:
        for child in psutil.Process().children():
            if child.status() != psutil.STATUS_ZOMBIE:
                child.send_signal(11)
                return True
        return False

    with ThreadPoolExecutor(1) as pool:
        inspecting = pool.submit(inspect_gguf, small)
        while not inspecting.done() and not shoot():
            pass
        found = inspecting.result()
    assert "is a bad file: llama.cpp crashed (signal 11, SIGSEGV)" in failures(found)[0]
    assert not found.is_sound


# Mutants.


def promising(mutants: Iterable[bytes], folder: Path) -> list[Path]:
    """Those that only llama.cpp could find fault with; all others are reported or refused."""
    kept: list[Path] = []
    for serial, raw in enumerate(mutants):
        path = folder / f"{serial}.gguf"
        path.write_bytes(raw)
        try:
            found = inspect_gguf(path, tries_llama_cpp=False)
        except BadFileError:
            continue
        assert found.architecture
        assert found.types or not found.header.tensors
        if found.is_sound:
            kept.append(path)
    return kept


def inspected(paths: Iterable[Path]) -> list[Inspection]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(inspect_gguf, paths))


def test_a_thousand_mutants(small: Path, tmp_path: Path) -> None:
    source = Mutants(small, seed=100)
    kept = promising((source.next() for _ in range(1000)), tmp_path)
    assert 30 < len(kept) < 200
    found = inspected(kept[::4])
    assert all(len(one.checks) == 9 for one in found)
    assert any(one.is_sound for one in found)


@pytest.mark.long
def test_many_mutants(small: Path, tmp_path: Path) -> None:
    for seed in range(101, 121):
        source = Mutants(small, seed)
        for one in inspected(promising((source.next() for _ in range(1000)), tmp_path)):
            assert len(one.checks) == 9
            assert not any("crashed" in said for check in one.checks for said in check.said)
