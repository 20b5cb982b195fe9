"""Names of models: from files to names, and from what is typed to files; the user's choices."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest

from starling_local.errors import BadFileError, NotFoundError, UsageError
from starling_local.store.changes import add_folder, choose_default, removable
from starling_local.store.hub import HubFile, Repository
from starling_local.store.hub_cache import fetch_into_cache, snapshot_folder
from starling_local.store.library import find_models, models_folder, one_model, stored_models
from starling_local.store.manifests import all_manifests
from starling_local.store.models import find_model
from starling_local.store.names import name_of_file, parse_name
from starling_local.store.preferences import Preferences, change_preferences, read_preferences
from starling_local.store.reference import Reference, parse_reference
from starling_local.store.selection import select_checkpoint, select_gguf
from starling_local.store.transfer import TransferEvents


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "STARLING_DATA_DIR": str(tmp_path / "data"),
        "STARLING_CACHE_DIR": str(tmp_path / "cache"),
    }


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"GGUF")


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("Starling-LM-7B-alpha-Q4_K_M", "starling-7b-alpha:Q4_K_M"),
        ("starling-lm-7b-alpha.Q4_K_M", "starling-7b-alpha:Q4_K_M"),
        ("Starling-LM-11B-alpha-q8_0", "starling-11b-alpha:Q8_0"),
        ("Starling-LM-7B-beta-IQ4_XS", "starling-7b-beta:IQ4_XS"),
        ("openchat_3.5-BF16", "openchat-3.5:BF16"),
        ("openchat_3.5.Q5_K_S", "openchat-3.5:Q5_K_S"),
        ("model", "model"),
        ("my model (2)", "my-model-2"),
        ("Elmo-Q6_K", "elmo:Q6_K"),
    ],
)
def test_the_name_of_a_file(stem: str, name: str) -> None:
    assert str(name_of_file(stem)) == name
    # What is shown can be typed.
    assert parse_name(name) == name_of_file(stem)
    assert parse_name(f"{stem}.gguf") == name_of_file(stem)


def test_the_manifests_are_whole() -> None:
    manifests = {manifest.name: manifest for manifest in all_manifests()}
    assert set(manifests) == {
        "openchat-3.5", "starling-11b-alpha", "starling-7b-alpha", "starling-7b-beta"
    }  # fmt: skip
    for name, manifest in manifests.items():
        # Pulled by this name, the converted file is found by this name.
        assert name_of_file(manifest.repo.split("/")[1] + "-Q4_K_M").base == name
        assert all(len(value) == 64 for value in manifest.sha256.values())
        assert set(manifest.sha256) <= {*manifest.weights, "tokenizer.model"}
        assert manifest.non_commercial == ("nc" in manifest.licence)


@pytest.mark.parametrize(
    ("text", "repo", "revision", "file"),
    [
        ("starling-7b-alpha", "berkeley-nest/Starling-LM-7B-alpha", "main", None),
        ("Starling-LM-7B-alpha", "berkeley-nest/Starling-LM-7B-alpha", "main", None),
        ("a/b", "a/b", "main", None),
        ("a/b/c.gguf", "a/b", "main", "c.gguf"),
        ("a/b/q4/c.gguf", "a/b", "main", "q4/c.gguf"),
        ("https://huggingface.co/a/b", "a/b", "main", None),
        ("https://huggingface.co/a/b/tree/v2", "a/b", "v2", None),
        ("https://huggingface.co/a/b/tree/refs%2Fpr%2F3", "a/b", "refs/pr/3", None),
        ("https://huggingface.co/a/b/blob/main/q4/c.gguf", "a/b", "main", "q4/c.gguf"),
        ("https://hf.co/a/b/resolve/refs/pr/1/c.gguf?download=true", "a/b", "refs/pr/1", "c.gguf"),
    ],
)
def test_what_pull_is_asked_for(text: str, repo: str, revision: str, file: str | None) -> None:
    found = parse_reference(text, None)
    assert (found.repo, found.revision, found.file) == (repo, revision, file)


def test_what_pull_cannot_be_asked_for() -> None:
    for text in ("a/b/model.safetensors", "../etc", "a/b/../c.gguf", "/etc/passwd", "a//b", "a/"):
        with pytest.raises(UsageError):
            parse_reference(text, None)
    with pytest.raises(UsageError, match="no revision"):
        parse_reference("a/b", "../../main")
    with pytest.raises(UsageError, match="names the revision"):
        parse_reference("https://huggingface.co/a/b/tree/v2", "v3")
    with pytest.raises(NotFoundError, match="starling-7b-alpha"):
        parse_reference("starling-7b-alfa", None)
    with pytest.raises(UsageError, match="built in"):
        parse_reference("nano", None)
    mirror = "https://mirror.example/a/b"
    with pytest.raises(UsageError, match="is not the hub"):
        parse_reference(mirror, None)
    assert parse_reference(mirror, None, {"HF_ENDPOINT": "https://mirror.example"}).repo == "a/b"
    assert parse_reference("a/b", "v3") == Reference("a/b", "v3")


def repository(**sizes: int) -> Repository:
    files = {name: HubFile(name, size, "0" * 64, "0" * 64) for name, size in sizes.items()}
    return Repository("a/b", "0" * 40, files, None)


def test_which_files_of_a_repository_can_be_models() -> None:
    names = ("q/x.Q4_K_M.gguf", "q/.x.Q8_0.gguf", "mmproj-x-F16.gguf", "\x1b[2Jx.Q5_0.gguf")
    held = repository(**dict.fromkeys(names, 1))
    assert [file.name for file in select_gguf(held, None, ())] == [names[0]]
    for kind in ("Q8_0", "F16", "Q5_0"):
        with pytest.raises(NotFoundError, match=r"it has q/x\.Q4_K_M\.gguf$"):
            select_gguf(held, None, [kind])
    sizes = {"config.json": 10**9, "tokenizer.model": 1, "model.safetensors": 1}
    with pytest.raises(BadFileError, match=r"1\.00 GB"):
        select_checkpoint(repository(**sizes))


def test_the_store_is_one_folder_wherever_it_is_named(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert models_folder({"STARLING_DATA_DIR": "data"}) == models_folder(environ)


def test_which_file_a_name_means(environ: dict[str, str], tmp_path: Path) -> None:
    ours = models_folder(environ)
    put(ours, "Starling-LM-7B-alpha-Q8_0.gguf", "Starling-LM-7B-alpha-Q5_K_M.gguf",
        "Starling-LM-7B-alpha-F16.gguf", "x.gguf.part", ".y.gguf.download",
        "below/z.gguf")  # fmt: skip
    other = tmp_path / "lm studio"
    put(other, "Starling-LM-7B-alpha-F16.gguf")
    put(other, "TheBloke/S-GGUF/starling-lm-7b-alpha.Q4_K_M.gguf", "mmproj-x.gguf",
        "TheBloke/S-GGUF/starling-lm-7b-alpha.Q8_0.gguf", "a/b/c/d/deep.gguf")  # fmt: skip
    add_folder(other, environ)
    models = stored_models(environ)
    assert [model.name for model in models] == [
        "starling-7b-alpha:F16",
        "starling-7b-alpha:Q5_K_M",
        "starling-7b-alpha:Q8_0",
        # The name is taken by the store's own file, and so is the file's.
        str(other / "Starling-LM-7B-alpha-F16.gguf"),
        "starling-7b-alpha:Q4_K_M",
        "starling-lm-7b-alpha.Q8_0.gguf",
    ]

    def meant(name: str) -> str:
        return find_model(name, environ, pytest.fail).name

    # The store's own comes first, then the preferred type.
    assert meant("starling-7b-alpha") == "Starling-LM-7B-alpha-Q5_K_M.gguf"
    assert meant("Starling-7B-Alpha:q8_0") == "Starling-LM-7B-alpha-Q8_0.gguf"
    assert meant("starling-7b-alpha-Q8_0") == "Starling-LM-7B-alpha-Q8_0.gguf"
    assert meant("starling-7b-alpha:Q4_K_M") == "starling-lm-7b-alpha.Q4_K_M.gguf"
    for model in models:
        assert find_models(model.name, models) == [model]
    with pytest.raises(UsageError, match="several"):
        one_model("starling-7b-alpha", models)
    with pytest.raises(UsageError, match="left alone"):
        removable("starling-7b-alpha:Q4_K_M", environ)
    with pytest.raises(UsageError, match="built in"):
        removable("nano", environ)


def test_names_that_mean_nothing_lead_on(environ: dict[str, str]) -> None:
    put(models_folder(environ), "Starling-LM-7B-beta-Q4_K_M.gguf")
    for name, hint in (
        ("starling-7b-alpha", "starling pull starling-7b-alpha -q Q4_K_M"),
        ("starling-7b-alpha:Q8_0", "starling pull starling-7b-alpha -q Q8_0"),
        ("starling-7b-betta:Q4_K_M", "-m starling-7b-beta:Q4_K_M"),
        ("somewhere/else.gguf", "starling models list"),
        ("long" * 1000, "starling models list"),
        ("zero\0", "starling models list"),
    ):
        with pytest.raises(NotFoundError) as raised:
            find_model(name, environ, pytest.fail)
        assert hint in (raised.value.hint or "")


def test_a_file_counts_more_than_a_name(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(models_folder(environ), "Elmo-Q4_K_M.gguf")
    put(tmp_path, "elmo")
    monkeypatch.chdir(tmp_path)
    assert find_model("elmo", environ, pytest.fail) == Path("elmo")
    # A folder, though, is no model.
    (tmp_path / "elmo").unlink()
    (tmp_path / "elmo").mkdir()
    assert find_model("elmo", environ, pytest.fail).name == "Elmo-Q4_K_M.gguf"


def test_the_default(environ: dict[str, str]) -> None:
    notes: list[str] = []
    put(models_folder(environ), "Elmo-Q4_K_M.gguf", "Bert-Q4_K_M.gguf")
    assert choose_default("elmo", environ) == "elmo:Q4_K_M"
    assert find_model(None, environ, notes.append).name == "Elmo-Q4_K_M.gguf"
    assert notes == ["using the model elmo:Q4_K_M (the default); choose another with -m"]
    (models_folder(environ) / "Elmo-Q4_K_M.gguf").unlink()
    with pytest.raises(NotFoundError) as raised:
        find_model(None, environ, notes.append)
    assert raised.value.hint == "choose another: starling models default nano"
    of_variable = {**environ, "STARLING_MODEL": "bert"}
    assert find_model(None, of_variable, notes.append).name == "Bert-Q4_K_M.gguf"
    assert choose_default("nano", environ) == "nano"
    assert read_preferences(environ) == Preferences()


@pytest.mark.parametrize(
    "stored", ["", "[]", '{"default": 1, "folders": []}', '{"default": null, "folders": "/"}', "\0"]
)
def test_damaged_choices(stored: str, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models.json").write_text(stored)
    with pytest.raises(BadFileError, match=r"models\.json"):
        read_preferences(environ)


def add_many(environ: dict[str, str], first: int) -> None:
    for number in range(first, first + 20):
        change_preferences(
            environ,
            lambda before, number=number: Preferences(  # type: ignore[misc]
                before.default, (*before.folders, Path(f"/{number}"))
            ),
        )


def test_two_processes_do_not_undo_each_other(environ: dict[str, str]) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=add_many, args=(environ, first)) for first in (0, 100)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(set(read_preferences(environ).folders)) == 40


@pytest.mark.parametrize("has_blob", [False, True])
def test_a_cache_without_links_or_that_may_only_be_read(
    has_blob: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is whole in it is used; nothing is asked, and nothing written."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    content = b"{}"
    blob = hashlib.sha256(content).hexdigest()
    held = Repository("a/b", "0" * 40, {}, None)
    named = snapshot_folder(held) / "config.json"
    named.parent.mkdir(parents=True)
    named.write_bytes(content)
    if has_blob:
        (tmp_path / "models--a--b" / "blobs").mkdir()
        (tmp_path / "models--a--b" / "blobs" / blob).write_bytes(content)
        # Permissions do not bind the administrator, who may run these tests.
        monkeypatch.setattr("os.access", lambda _path, mode: not mode & os.W_OK)
    before = sorted(tmp_path.rglob("*"))
    fetch_into_cache(held, HubFile(named.name, 2, blob, blob), "main", TransferEvents())
    assert sorted(tmp_path.rglob("*")) == before
