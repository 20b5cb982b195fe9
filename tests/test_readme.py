"""README and its pages: their tables come from the code, their examples are run.

`python -m tests.test_readme` writes the generated parts anew.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from math import prod
from pathlib import Path
from typing import Any

import pytest
import typer

from starling_convert.tensors import expected_tensors
from starling_local import errors
from starling_local.chat.commands import COMMANDS
from starling_local.cli.app import application
from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.errors import ExitCode, StarlingError
from tests.checkpoints import Shape, write_checkpoint
from tests.convert.test_recipe import STARLING_7B

README = Path(__file__).parent.parent / "README.md"
PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]


def render(text: str, folder: Path) -> str:
    """A page with every generated part as it should be; examples are run in `folder`."""
    text = re.sub(
        r"(<!-- options: (\w+) -->\n)(?:\|.*\n)*", lambda m: m[1] + options_table(m[2]), text
    )
    text = re.sub(
        r"(<!-- subcommands: (\w+) -->\n)(?:\|.*\n)*",
        lambda m: m[1] + subcommands_table(m[2]),
        text,
    )
    text = re.sub(r"(<!-- commands -->\n)(?:\|.*\n)*", lambda m: m[1] + commands_table(), text)
    text = re.sub(r"(<!-- exit codes -->\n)(?:\|.*\n)*", lambda m: m[1] + exit_codes(), text)
    return re.sub(
        r"(<!-- example: .* -->\n```console\n\$ (.*)\n)(?:.*\n)*?```\n",
        lambda m: f"{m[1]}{run(m[2], folder)}```\n",
        text,
    )


def options_table(command: str) -> str:
    found: Any = typer.main.get_command(application())
    rows = ["| option | does |", "|---|---|"]
    for option in found.commands[command].params:
        if option.param_type_name == "option" and option.help:
            names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
            rows.append(f"| {names} | {option.help} |")
    return "\n".join(rows) + "\n"


def subcommands_table(group: str) -> str:
    found: Any = typer.main.get_command(application())
    rows = ["| command | does |", "|---|---|"]
    for name, command in found.commands[group].commands.items():
        arguments = [one.metavar for one in command.params if one.param_type_name == "argument"]
        words = " ".join(["starling", group, name, *arguments])
        rows.append(f"| `{words}` | {command.help.splitlines()[0]} |")
    return "\n".join(rows) + "\n"


def commands_table() -> str:
    rows = ["| command | does |", "|---|---|"]
    for name, command in COMMANDS.items():
        takes = command.takes.replace("|", "\\|")
        rows.append(f"| `{f'{name} {takes}'.rstrip()}` | {command.help} |")
    return "\n".join(rows) + "\n"


def exit_codes() -> str:
    meanings = {ExitCode.DONE: "Done"}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, StarlingError) and kind.__doc__:
            meaning = kind.__doc__.splitlines()[0].rstrip(".")
            before = meanings.get(kind.exit_code)
            meanings[kind.exit_code] = f"{before}; or: {meaning.lower()}" if before else meaning
    meanings[ExitCode.BUG] = "A bug: please report the traceback"
    rows = [f"| {code.value} | {meanings[code]} |\n" for code in ExitCode]
    return "".join(["| exit code | means |\n", "|---|---|\n", *rows])


def run(command: str, folder: Path) -> str:
    """What `starling` prints on stdout for a line of README, in a folder with the checkpoint.

    What `printf` would write into a pipe is its input.
    """
    written = ""
    if command.startswith("printf "):
        printf, _, command = command.partition(" | ")
        written = shlex.split(printf)[1].replace("\\n", "\n")
    code, stdout = status(shlex.split(command)[1:], written, folder)
    assert code == ExitCode.DONE
    return "".join(f"{line.rstrip()}\n" for line in stdout.splitlines() if line.strip())


def status(words: list[str], stdin: str, folder: Path) -> tuple[int, str]:
    """Exit code and stdout of `starling` in a folder with the checkpoint."""
    make_published_shape(folder / "Starling-LM-7B-alpha")
    folders = {name: str(folder / name) for name in ("STARLING_CACHE_DIR", "STARLING_DATA_DIR")}
    environment = Environment(io.StringIO(stdin), io.StringIO(), io.StringIO(), folders)
    before = Path.cwd()
    os.chdir(folder)
    try:
        code = main(words, environment)
    finally:
        os.chdir(before)
    assert isinstance(environment.stdout, io.StringIO)
    return code, environment.stdout.getvalue()


def make_published_shape(folder: Path) -> None:
    """A folder as the hub has it, but with a hole in place of its 14.5 GB of weights."""
    if folder.exists():
        return
    shape = Shape(32, 4096, 14336, 32, 8)
    write_checkpoint(folder, shape, weights={})
    header, end = {}, 0
    for spec in expected_tensors(STARLING_7B):
        size = 2 * prod(spec.shape)
        header[spec.source_name] = {
            "dtype": "BF16",
            "shape": spec.shape,
            "data_offsets": [end, end + size],
        }
        end += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_what_the_code_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == render(text, tmp_path)


def test_python_examples(tmp_path: Path) -> None:
    """Each prints what the block after it says."""
    text = (README.parent / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, flags=re.S)
    assert len(examples) == text.count("```python")
    environ = {**os.environ, "STARLING_CACHE_DIR": str(tmp_path)}
    for code, printed in examples:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environ
        )
        assert (done.stdout, done.stderr) == (printed, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_blocks_exist(page: Path, tmp_path: Path) -> None:
    """Each `starling` line of a shell block is accepted as a command line."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    lines = [re.split(r"&&|\|", line) for block in blocks for line in block.splitlines()]
    commands = [part.strip() for parts in lines for part in parts if "starling " in part]
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] == "convert":
            assert status([*words, "--dry-run"], "", tmp_path)[0] == ExitCode.DONE
        elif words[0] == "pull":
            # Read as a command line only: it would use the network.
            typer.main.get_group(application()).commands["pull"].make_context("pull", words[1:])
        elif words[0] in (
            "ask",
            "batch",
            "bench",
            "chat",
            "doctor",
            "inspect",
            "models",
            "stdio",
            "tokens",
            "tune",
        ):
            # The files, models and sessions of the examples are not here; the options are.
            assert status(words, "", tmp_path)[0] in (ExitCode.DONE, ExitCode.NOT_FOUND)
        else:
            pytest.fail(f"README has a command that is not tried: {command}")


def test_the_login_command_is_installed() -> None:
    assert entry_points(group="console_scripts", name="hf")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path in re.findall(r"\]\(([\w/.]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / path).exists()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for one in PAGES:
            one.write_text(render(one.read_text(encoding="utf-8"), Path(name)), encoding="utf-8")
