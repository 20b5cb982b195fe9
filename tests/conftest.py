"""What most tests need: a small vocabulary, conversions, and the command run in this process."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Compiled anew in each run: numba's disk cache does not see changes in the modules that a kernel
# imports. Set before anything imports numba.
os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="starling-numba-")

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.store.nano import nano_model
from tests.checkpoints import train_tokenizer


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SentencePiece model of 512 pieces; with two added tokens it needs 514 rows."""
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"), 512)


@pytest.fixture(scope="session")
def nano_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model at Q8_0."""
    cache = str(tmp_path_factory.mktemp("cache"))
    return nano_model({"STARLING_CACHE_DIR": cache}, pytest.fail)


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., dict[FileType, Path]]:
    """Convert a folder without verification; returns the files by type."""

    def run(
        folder: Path, *types: FileType, kernels: Kernels = Kernels.AUTO
    ) -> dict[FileType, Path]:
        plan = plan_conversion(folder, types, tmp_path / "out")
        settings = ConversionSettings(force=True, verify=False, kernels=kernels)
        written = run_conversion(plan, settings)
        return {file.planned.file_type: file.planned.path for file in written}

    return run


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.stdout)


@pytest.fixture
def starling() -> Callable[..., Finished]:
    """Run `starling` in this process with its own streams."""

    def run(*args: object) -> Finished:
        environment = Environment(io.StringIO(), io.StringIO(), io.StringIO(), {})
        status = main([str(arg) for arg in args], environment)
        assert isinstance(environment.stdout, io.StringIO)
        assert isinstance(environment.stderr, io.StringIO)
        return Finished(status, environment.stdout.getvalue(), environment.stderr.getvalue())

    return run
