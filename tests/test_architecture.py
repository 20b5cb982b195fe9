"""The design's borders: which way imports run, what start-up loads, what the wheel contains."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("starling_local/**/*.py"), *ROOT.glob("convert/**/*.py")])


def imports(path: Path) -> set[str]:
    """Every module a file imports, at the top or inside functions, types excepted."""
    found = set()
    tree = ast.parse(path.read_text())
    typing_only = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT)
    modules = imports(path)
    if "starling_convert" in room.parts:
        ours = {name for name in modules if name.startswith("starling_local")}
        assert ours <= {"starling_local", "starling_local.errors", "starling_local.prompt"}
        assert "llama_cpp" not in modules or room.name == "verify_child.py"
    else:
        assert "llama_cpp" not in modules or room.parts[-2:] == ("engine", "llama.py")
    drawing = ("rich", "prompt_toolkit", "markdown_it")
    if not {"cli", "chat"} & set(room.parts):
        assert not any(name.startswith(drawing) for name in modules)
    if "cli" not in room.parts:
        assert "typer" not in modules
        assert not any(f"{name}.".startswith("starling_local.cli.") for name in modules) or (
            room.name == "__main__.py"
        )
    assert "click" not in modules


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_start_up_loads_nothing_heavy() -> None:
    assert not {"llama_cpp", "typer", "numpy", "rich"} & loaded_by("import starling_local")
    cli = loaded_by("import starling_local.cli.main")
    heavy = {"llama_cpp", "numpy", "gguf", "sentencepiece", "rich.console", "prompt_toolkit"}
    assert not (heavy | {"huggingface_hub"}) & cli


def test_the_wheel(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "starling_local",
        "starling_convert",
    }
    assert {"starling_local/py.typed", "starling_convert/py.typed"} <= set(names)
    assert "starling_convert/calibration.jsonl" in names
    assert "starling_local/embedded/manifests/starling-7b-alpha.toml" in names
    assert not any(name.endswith((".gguf", ".part")) for name in names)
