"""The built-in model: found in every kind of installation, converted once, by one process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from starling_local.errors import ConversionError, NotFoundError
from starling_local.store import nano
from starling_local.store.folders import cache_folder
from tests import llama

ROOT = Path(__file__).parent.parent.parent
MEGABYTE = 10**6
ASK = (
    "import os, sys, starling_local; from starling_local.store.nano import nano_model;"
    " print(starling_local.__file__);"
    " print(nano_model(os.environ, lambda note: print(note, file=sys.stderr)))"
)


def python(code: str, cache: Path, **environ: str) -> list[str]:
    """Run code in a new process, outside the repository; its lines of output."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=cache.parent,
        env={**os.environ, "STARLING_CACHE_DIR": str(cache), **environ},
    ).stdout.splitlines()  # fmt: skip


def ggufs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".gguf", ".part"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    [path] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(path)


def test_the_wheel_is_small_and_carries_the_checkpoint(wheel: Path, tmp_path: Path) -> None:
    assert wheel.stat().st_size < 20 * MEGABYTE
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    cache = tmp_path / "cache"
    package, model = python(ASK, cache, PYTHONPATH=str(tmp_path / "site"))
    assert Path(package).is_relative_to(tmp_path / "site")
    assert Path(model).is_relative_to(cache)
    assert (tmp_path / "site/starling_local/embedded/nano/README.md").is_file()


def test_a_bare_checkout_works(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    for part in ("starling_local", "convert", "models/nano"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = os.pathsep.join((str(copy), str(copy / "convert")))
    package, model = python(ASK, tmp_path / "cache", PYTHONPATH=path)
    assert Path(package).is_relative_to(copy)
    assert Path(model).is_file()


def test_the_file_is_the_converter_s_and_is_made_once(tmp_path: Path) -> None:
    notes: list[str] = []
    environ = {"STARLING_CACHE_DIR": str(tmp_path)}
    first = nano.nano_model(environ, notes.append)
    made = first.stat()
    assert nano.nano_model(environ, notes.append) == first
    assert first.stat() == made
    assert notes == []
    with llama.loaded(first, vocab_only=True) as model:
        assert llama.tokenise(model, "<|end_of_turn|>", special=True)[-1] == 2816


def test_two_processes_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ASK], stdout=subprocess.PIPE, text=True, cwd=tmp_path,
            env={**os.environ, "STARLING_CACHE_DIR": str(cache)},
        )
        for _ in range(4)
    ]  # fmt: skip
    paths = {process.communicate(timeout=60)[0].splitlines()[1] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert [str(path) for path in ggufs(cache)] == list(paths)


def test_a_killed_process_is_no_hindrance(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    # Killed at the first write: the lock and an unfinished file are there.
    killed = (
        "import os, signal; from starling_convert.outputs import PartFile;"
        " PartFile.write_at = lambda *_: os.kill(os.getpid(), signal.SIGKILL); " + ASK
    )
    done = subprocess.run(
        [sys.executable, "-c", killed], cwd=tmp_path,
        env={**os.environ, "STARLING_CACHE_DIR": str(cache)},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert [path.suffix for path in ggufs(cache)] == [".part"]
    assert Path(python(ASK, cache)[1]).is_file()
    assert [path.suffix for path in ggufs(cache)] == [".gguf"]


@pytest.fixture
def read_only_home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_a_read_only_home(read_only_home: Path) -> None:
    """It says so, uses a temporary folder, and leaves nothing there when it ends."""
    reader = ASK.replace("print(nano_model", "path = (nano_model") + (
        "; print(path); print(path.stat().st_size); print(path.read_bytes()[:4])"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG")}
    # The superuser writes anywhere, unless that power is taken away.
    powerless = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*powerless, sys.executable, "-c", reader], capture_output=True, text=True, check=True,
        cwd="/", env={**environ, "HOME": str(read_only_home)},
    )  # fmt: skip
    _, path, size, magic = done.stdout.splitlines()
    assert "cannot write to" in done.stderr
    assert str(read_only_home) in done.stderr
    assert str(Path(path).parent) in done.stderr
    assert int(size) > MEGABYTE
    assert magic == "b'GGUF'"
    assert not Path(path).parent.exists()


def test_a_cache_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notes: list[str] = []
    path = nano.nano_model({"STARLING_CACHE_DIR": str(tmp_path / "file")}, notes.append)
    assert path.is_file()
    assert len(notes) == 1


def test_no_place_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(ConversionError, match="nor to a temporary folder") as caught:
        nano.nano_model({"STARLING_CACHE_DIR": str(tmp_path / "file")}, pytest.fail)
    assert "STARLING_CACHE_DIR" in str(caught.value.hint)


def test_the_cache_follows_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder({}) == tmp_path / "starling-local"


def test_an_installation_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nano, "_PLACES", (tmp_path / "nothing",))
    with pytest.raises(NotFoundError, match="nothing") as caught:
        nano.nano_checkpoint()
    assert "pip install" in str(caught.value.hint)
