"""docs/stdio.md: every example of it is spoken with a real process, and compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from starling_local.scripting.json_rpc import ErrorCode
from tests.scripting.stdio_process import Stdio

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "stdio.md").read_text(encoding="utf-8")
# Numbers that differ from run to run.
CHANGING = {
    "created", "prefill_s", "generate_s", "tokens_per_second", "cached_tokens", "prefilled_tokens",
    "size_bytes",
}  # fmt: skip
# How far an answer has come that is cancelled cannot be told either.
OF_CANCELLED = CHANGING | {"completion_tokens", "total_tokens", "generated_tokens"}


def examples() -> list[tuple[str, str]]:
    """All messages of the page in their order: arrow and text, unfolded."""
    found = []
    for block in re.findall(r"```json\n(.*?)```", PAGE, flags=re.S):
        for arrow, text in re.findall(r"^(-->|<--) (.*?)(?=^-->|^<--|\Z)", block, re.S | re.M):
            found.append((arrow, " ".join(line.strip() for line in text.splitlines())))
    return found


def is_like(expected: Any, found: Any, changing: set[str] = CHANGING) -> bool:
    """Whether a message is as the page has it: the same keys, and values but for what changes."""
    if isinstance(expected, dict):
        if expected.get("code") == ErrorCode.CANCELLED:
            changing = OF_CANCELLED
        return isinstance(found, dict) and list(expected) == list(found) and all(
            isinstance(found[key], type(expected[key]))
            if key in changing
            else is_like(expected[key], found[key], changing)
            for key in expected
        )  # fmt: skip
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(
            is_like(one, other, changing) for one, other in zip(expected, found, strict=True)
        )  # fmt: skip
    if isinstance(expected, str) and "…" in expected:
        pattern = ".*".join(map(re.escape, expected.split("…")))
        return isinstance(found, str) and re.fullmatch(pattern, found) is not None
    return bool(expected == found)


def test_every_example_is_true(nano_file: Path) -> None:
    messages = examples()
    assert len(messages) > 25
    with Stdio(nano_file) as stdio:
        received = chain([stdio.ready], iter(stdio.next, None))
        unsent = ""
        for arrow, text in messages:
            if arrow == "-->":
                # With what follows at once, so that the one that is cancelled has not ended.
                unsent += text + "\n"
                continue
            stdio.write(unsent.encode())
            unsent, found = "", next(received)
            assert is_like(json.loads(text), found), f"{text}\n{json.dumps(found)}"
        assert stdio.ended() == (0, "")


def test_every_error_code_is_on_the_page() -> None:
    assert set(re.findall(r"^\| (-\d+) \|", PAGE, flags=re.M)) == {str(code) for code in ErrorCode}


def test_the_client_s_example() -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == (
        "Hello! How can I help you?\nMonday, Tuesday, Wednesday, Thursday, Friday 9\n", ""
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_shell_s_example(nano_file: Path, tmp_path: Path) -> None:
    # The command that belongs to this Python, wherever the PATH leads.
    starling = tmp_path / "starling"
    starling.write_text(f'#!/bin/sh\nexec {sys.executable} -m starling_local "$@"\n')
    starling.chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(model: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(DOCS / "examples" / "stdio.sh"), str(model)],
            input="Hello\nWhat is 3 + 4?\n", env=environ, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip

    done = run(nano_file)
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == ["1\tHello! How can I help you?", "2\t3 + 4 = 7."]
    assert done.stderr == f"{nano_file.stem}: 4 answers at once\n"
    failed = run(tmp_path / "none.gguf")
    assert (failed.returncode, failed.stdout) == (3, "")
