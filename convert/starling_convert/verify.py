"""Holds a written file against what it must be, by opening it with llama.cpp itself.

llama.cpp runs in a child process (`verify_child`), so that its log, its memory and, if it came to
that, its crash stay out of the conversion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import starling_convert
import starling_local
from starling_convert.vocabulary import Vocabulary
from starling_local.errors import BadFileError, BrokenEngineError, ConversionError
from starling_local.prompt import CARD_VECTORS, END_OF_TURN, MISTRAL_TOKENIZER_SHA256

# Texts whose ids must be those of sentencepiece: spaces, digits, newlines, bytes, other scripts,
# and the names of control tokens, which as text must stay text.
_PROBES = (
    "Hello",
    "How are you today?",
    " two  spaces   three",
    "Implement quicksort using C++\n\tint main() { return 0; }\n",
    "1234567890 3.14159 0x1F",
    "naïve café – “quoted” … €",
    "Привет, мир! こんにちは世界 你好 🙂🚀",
    "\x00\x07\x1b[31m",
    "<s></s><unk>",
    END_OF_TURN,
)

# `-I` keeps the current folder, which may be a downloaded checkpoint, out of the module path.
_CHILD = """
import json, sys
request = json.load(sys.stdin)
sys.path[:] = request["sys_path"]
said = {}
try:
    from starling_convert.verify_child import examine
except (ImportError, OSError, RuntimeError, AttributeError) as error:
    said["broken"] = str(error)  # llama.cpp, and not the file
else:
    said["problem"] = examine(request["path"], request["expected"], request["decode_threads"])
sys.stdout.write(json.dumps(said))
"""


@dataclass(frozen=True)
class Expectation:
    """A text and the ids llama.cpp must give for it; `special` as a prompt with control tokens."""

    text: str
    ids: list[int]
    special: bool


def expectations(vocabulary: Vocabulary) -> list[Expectation]:
    """What the file's vocabulary must reproduce: sentencepiece's ids, and the card's vectors.

    Raises:
        ConversionError: the vocabulary is the card's, but does not give the card's own ids.
    """
    encode = vocabulary.processor.encode
    expected = [Expectation(text, encode(text), special=False) for text in _PROBES]
    if END_OF_TURN not in vocabulary.tokens:
        return expected
    bos, eos = vocabulary.special_ids["bos"], vocabulary.special_ids["eos"]
    is_card_vocabulary = vocabulary.tokenizer_sha256 == MISTRAL_TOKENIZER_SHA256 and eos == 32000
    for vector in CARD_VECTORS:
        ids = [bos]
        for number, segment in enumerate(vector.segments):
            ids += [eos] * bool(number) + encode(segment)
        if is_card_vocabulary and tuple(ids) != vector.ids:
            raise ConversionError(
                f"sentencepiece gives other ids than the model card for {vector.text!r}",
                hint="reinstall it: python -m pip install --force-reinstall sentencepiece",
            )
        expected.append(Expectation(vector.text, ids, special=True))
    return expected


def verify_vocabulary(path: Path, expected: Sequence[Expectation]) -> None:
    """Hold llama.cpp's ids for `path` against `expected`; no weights are read.

    Raises:
        BadFileError: llama.cpp cannot open the file or splits a text otherwise.
        BrokenEngineError: llama.cpp itself cannot be loaded.
    """
    _run_child(path, expected, decode_threads=0)


def verify_file(path: Path, expected: Sequence[Expectation], *, threads: int) -> None:
    """`verify_vocabulary`, then load the whole model and decode one token on `threads` threads.

    Raises:
        BadFileError: as above, or the model does not load, or its logits are not finite.
    """
    _run_child(path, expected, decode_threads=threads)


def _run_child(path: Path, expected: Sequence[Expectation], *, decode_threads: int) -> None:
    request = {
        "sys_path": _module_path(),
        "path": str(path),
        "expected": [asdict(entry) for entry in expected],
        "decode_threads": decode_threads,
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", _CHILD],
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        # A crash must not start a debugger.
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        check=False,
    )
    said = json.loads(done.stdout) if done.returncode == 0 else {"problem": _last_words(done)}
    if "broken" in said:
        raise BrokenEngineError(
            f"llama.cpp cannot be loaded to verify what was written: {said['broken']}",
            hint="starling doctor says what is missing; --no-verify does without",
        )
    if problem := said["problem"]:
        raise BadFileError(
            f"{path.name.removesuffix('.part')} did not pass verification: {problem}",
            hint="--no-verify writes the file all the same; please report this with the checkpoint",
        )


def _module_path() -> list[str]:
    """Where the child finds this very package and llama_cpp, and never the current folder."""
    own = [str(Path(package.__path__[0]).parent) for package in (starling_convert, starling_local)]
    here = Path.cwd()
    return own + [entry for entry in sys.path if entry and Path(entry).resolve() != here]


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
    telling = [line for line in lines if "GGML_ASSERT" in line or "what():" in line]
    return f"llama.cpp ended with status {done.returncode}: {(telling or lines)[-1].strip()}"
