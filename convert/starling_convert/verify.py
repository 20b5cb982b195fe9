"""Opens a written file with llama.cpp itself: its vocabulary, and one decoded token.

This runs in a child process (`python -m starling_convert.verify`), so that llama.cpp's log, its
memory and, if it came to that, its crash stay out of the conversion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from starling_convert.vocabulary import Vocabulary
from starling_local.errors import BadFileError, ConversionError
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
        "path": str(path),
        "expected": [asdict(entry) for entry in expected],
        "decode_threads": decode_threads,
    }
    # The child must find this very package, wherever the parent found it.
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "starling_convert.verify"],
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=environ,
        check=False,
    )
    if done.returncode == 0:
        return
    problem = done.stdout.strip()
    if not problem:
        last_words = (done.stderr.strip() or "no message").splitlines()[-1]
        problem = f"llama.cpp ended with status {done.returncode}: {last_words}"
    raise BadFileError(
        f"{path.name.removesuffix('.part')} did not pass verification: {problem}",
        hint="--no-verify writes the file all the same; please report this with the checkpoint",
    )


def _child_main() -> int:
    """Read a request from stdin; exit 1 with the problem on stdout, 0 if there is none."""
    request = json.loads(sys.stdin.read())
    expected = [Expectation(**entry) for entry in request["expected"]]
    problem = _examine(request["path"], expected, request["decode_threads"])
    if problem:
        sys.stdout.write(problem)
    return 1 if problem else 0


def _examine(path: str, expected: Sequence[Expectation], decode_threads: int) -> str | None:
    import llama_cpp

    log = _LogTail()
    callback = llama_cpp.llama_log_callback(log)
    llama_cpp.llama_log_set(callback, None)
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    params.use_extra_bufts = False  # one token does not repay repacking the weights
    params.vocab_only = decode_threads == 0
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        return f"llama.cpp cannot load it: {log.last_line}"
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    for entry in expected:
        raw = entry.text.encode("utf-8")
        ids = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(
            vocabulary, raw, len(raw), ids, len(ids), entry.special, entry.special
        )
        if (found := list(ids[:count])) != entry.ids:
            return f"llama.cpp splits {entry.text!r} into {found}, not {entry.ids}"
    if decode_threads == 0:
        return None
    return _decode_one_token(model, vocabulary, decode_threads, log)


def _decode_one_token(model: object, vocabulary: object, threads: int, log: _LogTail) -> str | None:
    import llama_cpp
    import numpy as np

    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = 32
    params.n_threads = params.n_threads_batch = threads
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        return f"llama.cpp cannot make a context: {log.last_line}"
    token = (llama_cpp.llama_token * 1)(llama_cpp.llama_vocab_bos(vocabulary))
    if status := llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(token, 1)):
        return f"decoding one token failed with status {status}: {log.last_line}"
    count = llama_cpp.llama_vocab_n_tokens(vocabulary)
    logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(context), (count,))
    return None if np.isfinite(logits).all() else "the logits of one decoded token are not finite"


class _LogTail:
    """llama.cpp's log callback; keeps the last line that says something."""

    def __init__(self) -> None:
        self.last_line = "no message"

    def __call__(self, _level: int, text: bytes, _user_data: object) -> None:
        line = text.decode("utf-8", "replace").strip(" .\n")
        if line:
            self.last_line = line


if __name__ == "__main__":
    sys.exit(_child_main())
