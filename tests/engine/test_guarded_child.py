"""A child process may die of a file; what it died of is said, and a bug stays a bug."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from starling_local.engine.guarded_child import ChildDied, ask_child, cause_of_death
from tests.engine.test_gguf_header import ARCHITECTURE, file, string, strings

MODULE = "tests.engine.dying_child"


def test_what_goes_there_and_back() -> None:
    request = {"way": "none", "text": "naïve \x00 🙂 \udcff", "list": [1, None, 0.5]}
    assert ask_child(MODULE, request, 30) == request


def test_what_libraries_print_is_no_answer() -> None:
    assert ask_child(MODULE, {"way": "print"}, 30) == {"way": "print"}


def test_an_assertion_of_llama_cpp(tmp_path: Path) -> None:
    """A file that the guard refuses, given to llama.cpp all the same."""
    path = tmp_path / "bad.gguf"
    path.write_bytes(
        file(
            ARCHITECTURE,
            string("tokenizer.ggml.model", "llama"),
            strings("tokenizer.ggml.tokens", ["a", "b", "a"]),
        )
    )
    with pytest.raises(ChildDied, match=r"crashed \(signal 6, SIGABRT\): .*GGML_ASSERT"):
        ask_child(MODULE, {"way": "assertion", "path": str(path)}, 30)


@pytest.mark.parametrize(
    ("way", "limit_s", "said"),
    [
        ("segfault", 30, r"crashed \(signal 11, SIGSEGV\): no message"),
        ("kill", 30, r"signal 9, SIGKILL\): there may be too little memory"),
        ("hang", 2, "was not done after 2 s"),
    ],
)
def test_deaths(way: str, limit_s: int, said: str) -> None:
    with pytest.raises(ChildDied, match=said):
        ask_child(MODULE, {"way": way}, limit_s)


def test_a_bug_is_no_death() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug of ours"):
        ask_child(MODULE, {"way": "bug"}, 30)


def test_the_line_that_tells_the_most() -> None:
    stderr = b"loading\nx.cpp:1: GGML_ASSERT(n > 0) failed\nAborted\n\n"
    assert cause_of_death(6, stderr, 9).endswith(": x.cpp:1: GGML_ASSERT(n > 0) failed")
    assert cause_of_death(6, b"terminate called\n  what():  bad\nAborted", 9).endswith(
        "what():  bad"
    )
    assert "signal 64" in cause_of_death(64, b"\xff", 9)
    assert len(cause_of_death(6, b"x" * 10_000, 9)) < 400


def test_the_current_folder_is_not_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a download, and hold a json.py."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    (tmp_path / "llama_cpp.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert json.dumps(ask_child(MODULE, {"way": "none"}, 30)) == '{"way": "none"}'
