"""`starling fit`, and the options of offload, as a user meets them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starling_convert.recipe import FileType
from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.engine.gguf_header import read_header
from starling_local.machine.asked import Use
from starling_local.machine.description import machine_description
from starling_local.machine.tuned import Tuned
from starling_local.machine.tuned_store import TunedStore
from starling_local.settings import KvType
from starling_local.store.manifests import all_manifests
from tests.conftest import Finished
from tests.machine.sparse import SEVEN, write_hollow, write_sparse

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 7B's checkpoint, its weights a hole."""
    return write_hollow(tmp_path_factory.mktemp("seven") / "Starling-LM-7B-alpha", SEVEN)


@pytest.fixture(scope="module")
def seven(folder: Path) -> Path:
    """The same in Q4_K_M."""
    return write_sparse(folder, FileType.Q4_K_M)


def test_it_fits(starling: Run, seven: Path) -> None:
    done = starling("fit", seven, "--memory", 8, "--for", "ask")
    assert (done.status, done.stderr) == (0, "")
    assert "7.24 billion weights of 4.37 GB, 33 layers with the output" in done.stdout
    assert "fits: 4096 tokens of context, KV cache f16, all layers on the CPU" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row for row in rows if row[:2] in (["layers", "33"], ["weights", "4.37"])] == [
        ["layers", "33"], ["weights", "4.37"],
    ]  # fmt: skip
    assert ["KV", "cache", "0.54"] in rows
    # None are repacked for one question.
    assert not [row for row in rows if row[:1] == ["repacked"]]
    # The file is not damaged by a name that would drive a terminal.
    assert "\x1b" not in done.stdout


def test_it_does_not_fit(starling: Run, seven: Path) -> None:
    done = starling("fit", seven, "--memory", 5, "--ctx", 8192)
    assert done.status == 5
    assert "does not fit: 8192 tokens of context, KV cache q8_0" in done.stdout
    assert "error: Starling-LM-7B-alpha-Q4_K_M.gguf does not fit in memory" in done.stderr
    assert f"hint: it fits so: starling chat -m {seven} --ctx " in done.stderr


def test_where_nothing_fits(starling: Run, seven: Path) -> None:
    """The hint is another command than this one."""
    done = starling("fit", seven, "--memory", 2)
    assert done.status == 5
    assert done.stderr.endswith("hint: close other programs, or choose a smaller model\n")


def test_narrow_terminals(seven: Path) -> None:
    stdout = io.StringIO()
    environment = Environment(io.StringIO(), stdout, io.StringIO(), {"COLUMNS": "50"})
    gpus = ("--gpu-memory", "3", "--gpu-memory", "1")
    assert main(["fit", str(seven), "--memory", "5", *gpus], environment) == 0
    tables = stdout.getvalue().partition("in GB")[2]
    assert "…" not in tables
    assert max(map(len, tables.splitlines())) <= 50


def test_what_was_tuned(nano_file: Path, tmp_path: Path) -> None:
    """It is what a run would use here, and says nothing of another machine."""
    TunedStore(tmp_path / "tuned").keep(
        Use.ASK, read_header(nano_file), machine_description(()),
        Tuned(batch=64, kv_type=KvType.Q8_0), {},
    )  # fmt: skip
    for words, is_tuned in (((), True), (("--memory", "8"), False), (("--for", "batch"), False)):
        environ = {"STARLING_DATA_DIR": str(tmp_path)}
        environment = Environment(io.StringIO(), io.StringIO(), io.StringIO(), environ)
        assert main(["fit", str(nano_file), "--for", "ask", *words, "--json"], environment) == 0
        assert isinstance(environment.stdout, io.StringIO)
        assert isinstance(environment.stderr, io.StringIO)
        kv_type = json.loads(environment.stdout.getvalue())["kv_type"]
        assert kv_type == ("q8_0" if is_tuned else "f16")
        assert ("tuned for ask: batches of 64" in environment.stderr.getvalue()) is is_tuned


@pytest.mark.parametrize("option", ["--memory", "--gpu-memory", "--ctx"])
def test_sizes_that_cannot_be(starling: Run, nano_file: Path, option: str) -> None:
    for value in ("inf", "nan", "1e300", "-1", "9" * 30):
        assert starling("fit", nano_file, option, value).status == 2


def test_json(starling: Run, seven: Path) -> None:
    """One object, whether or not it fits."""
    done = starling("fit", seven, "--memory", 6, "--gpu-memory", 6, "--json")
    assert (done.status, done.stderr) == (0, "")
    found: Any = done.json
    assert (found["fits"], found["gpu_layers"], found["context"]) == (True, 33, 4096)
    [card] = found["gpus"]
    parts = ("weights", "kv", "compute", "repacked", "base")
    assert card["total_bytes"] == sum(card[f"{part}_bytes"] for part in parts)
    assert card["total_bytes"] <= card["usable_bytes"] < card["free_bytes"] == 6 * 10**9
    assert found["memory"]["layers"] == 0
    gpus = ("--gpu-memory", 8, "--gpu-memory", 12)
    found = starling("fit", seven, "--memory", 6, *gpus, "--device", "GPU1,GPU0", "--json").json
    assert [card["name"] for card in found["gpus"]] == ["GPU1", "GPU0"]
    assert sum(card["layers"] for card in found["gpus"]) == 33
    assert {other["context"] for other in found["contexts"]} == {1024, 2048, 4096, 8192}
    done = starling("fit", seven, "--memory", 2, "--json")
    assert (done.status, done.stderr) == (5, "")
    assert done.json["fits"] is False
    assert done.json["shortage"].startswith("it takes 4.64 GB of memory, and 1.88 GB can be used")


def test_a_checkpoint(starling: Run, folder: Path, tmp_path: Path) -> None:
    """Each type that it can be converted to."""
    found: Any = starling("fit", folder, "--memory", 7, "--json").json
    assert found["model"] == "Starling-LM-7B-alpha as Q4_K_M"
    fits = {one["name"]: one["fits"] for one in found["candidates"]}
    assert fits == {
        "Q4_0": True, "Q4_K_M": True, "Q5_K_M": True, "Q6_K": True, "Q8_0": False, "BF16": False,
    }  # fmt: skip
    assert starling("fit", folder, "--memory", 2).status == 5
    done = starling("fit", tmp_path)
    assert done.status == 3
    assert "there is no config.json" in done.stderr


def test_before_it_is_here(starling: Run) -> None:
    """A name that can be pulled; nothing is downloaded."""
    for manifest in all_manifests():
        found: Any = starling("fit", manifest.name, "--memory", 64, "--for", "ask", "--json").json
        # Without the norms.
        assert 0 < manifest.parameters - found["parameters"] < 10**6
        sizes = {one["name"]: one["weights_bytes"] for one in found["candidates"]}
        assert 1.9 * manifest.parameters < sizes["BF16"] < 2.1 * manifest.parameters
    assert starling("fit", "starling-7b-alpha", "--memory", 2).status == 5
    # What to choose: most bits that GPUs hold whole, though BF16 fits, too; else the usual type.
    for gpu_memory, best in ((24, "Q8_0"), (7.5, "Q6_K"), (4, "Q4_K_M")):
        words = ("--memory", 32, "--gpu-memory", gpu_memory, "--json")
        found = starling("fit", "starling-7b-alpha", *words).json
        assert found["model"] == f"starling-7b-alpha as {best}"
    # Or what is named.
    done = starling("fit", "Starling-7b-alpha:q8_0", "--memory", 7)
    assert done.status == 5
    assert done.stdout.startswith("starling-7b-alpha as Q8_0\n")
    assert done.stderr.endswith("hint: it fits as Q4_0, Q4_K_M, Q5_K_M, Q6_K\n")
    assert starling("fit", "no such model").status == 3


def test_files_beside_it(starling: Run, nano_file: Path, tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        (tmp_path / name).write_bytes(nano_file.read_bytes())
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    found: Any = starling("fit", tmp_path / "one.gguf", "--json").json
    assert [one["name"] for one in found["candidates"]] == ["two.gguf"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpu-layers", "some"), "--gpu-layers 'some' is not auto, all or a number"),
        (("--gpu-layers", "-1"), "--gpu-layers '-1' is not auto, all or a number"),
        (("--gpu-layers", "9" * 30), "is not auto, all or a number"),
        (("--device", "CUDA0,,CUDA1"), "is not a list of different names"),
        (("--device", "CUDA0"), "no GPU is called CUDA0: llama.cpp finds no GPU"),
        (("--tensor-split", "3;1"), "--tensor-split '3;1' is not a list of numbers"),
        (("--tensor-split", "0,0"), "--tensor-split '0,0' is not a list of numbers"),
        (("--tensor-split", "nan"), "--tensor-split 'nan' is not a list of numbers"),
        (("--main-gpu", "0", "--tensor-split", "1,1"), "--main-gpu takes one GPU"),
        (("--kv-type", "q8_0", "--flash-attn", "off"), "a KV cache of q8_0 needs flash attention"),
    ],
)
def test_what_cannot_be(
    starling: Run, nano_file: Path, options: tuple[str, ...], message: str
) -> None:
    done = starling("ask", "-m", nano_file, "--no-stdin", *options, "Hello")
    assert done.status == 2
    assert message in done.stderr


def test_options_of_offload_without_a_gpu(starling: Run, nano_file: Path) -> None:
    """They change nothing but for a note, and the same answer comes."""
    ask = ("ask", "-m", nano_file, "--no-stdin", "--max-tokens", 4, "Hello")
    usual = starling(*ask)
    assert (usual.status, usual.stderr) == (0, "")
    for options in (
        ("--gpu-layers", "auto"), ("--gpu-layers", "0"), ("--flash-attn", "on"),
        ("--kv-type", "f16", "--flash-attn", "off", "--repack"), ("--no-fit",),
    ):  # fmt: skip
        done = starling(*ask, *options)
        assert (done.status, done.stderr) == (0, "")
        assert done.stdout == usual.stdout
    done = starling(*ask, "--gpu-layers", "all")
    assert done.stdout == usual.stdout
    assert done.stderr.startswith("note: llama.cpp finds no GPU here")
