"""What an importance matrix gains: KL divergence to the unquantised small model, held-out chats.

    PYTHONPATH=models/nano python -m benchmarks.imatrix [--types Q4_K_M,Q4_0] [--chats 20]

Starling Nano is quantised without a matrix, with one made of the texts that ship
(`--calibrate default`), and with one made of conversations like those it was trained on. The chats
are those of its evaluation: wordings, names, numbers and orders that its training never has, and
none of them is in either text. Prints for each file, over all tokens of the chats and over those of
answers alone, the KL divergence to the model at BF16 (mean, median, 99 % quantile), how often the
likeliest token is the same, and the mean's ratio to that without a matrix, with the range that 90
of 100 random choices of as many chats give.
"""

import argparse
import ctypes
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from starling_convert.calibration import calibration_file
from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.imatrix import ImportanceMatrix
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType, parse_file_type
from starling_local.engine.batch import Batch
from starling_local.engine.model import Model
from starling_local.quality.calibration import CalibrationEvents, CalibrationSettings, calibrate
from starling_local.store.nano import nano_checkpoint
from starling_nano.corpus import evaluation, train_conversation
from starling_nano.tokenizer import CONTEXT, Tokenizer

Logs = NDArray[np.float32]
SAMPLES = 1000


@dataclass(frozen=True)
class Chat:
    """Token ids, and of each but the first whether it belongs to an answer."""

    tokens: list[int]
    is_answer: NDArray[np.bool_]


@dataclass(frozen=True)
class Difference:
    """Of each token of a chat but the first: KL divergence in nats, and whether the top agrees."""

    divergence: NDArray[np.float64]
    is_same: NDArray[np.bool_]


def main() -> None:
    """Quantise, compare and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imatrix")
    parser.add_argument("--types", default="Q4_K_M,Q4_0")
    parser.add_argument("--chats", type=int, default=20, help="of each of the evaluation's groups")
    parser.add_argument("--chunks", type=int, default=200, help="of 512 tokens, of each text")
    options = parser.parse_args()
    types = [parse_file_type(name) for name in options.types.split(",")]
    chats = held_out(options.chats)
    n_answers = sum(int(chat.is_answer.sum()) for chat in chats)
    n_tokens = sum(len(chat.is_answer) for chat in chats)
    print(f"{len(chats)} chats, {n_tokens} tokens, {n_answers} of them in answers\n")
    print("| type | matrix made of | tokens | mean KL | median | 99 % | same top | ratio (range) |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = {"the texts that ship": calibration_file(Path("default"))}
        texts["text like its training's"] = training_text(folder / "training.jsonl", options.chunks)
        matrices = {what: matrix(text, options.chunks, folder) for what, text in texts.items()}
        exact = list(log_probabilities(quantised(FileType.BF16, None, folder), chats))
        for file_type in types:
            plain: list[Difference] = []
            for what, found in (("none", None), *matrices.items()):
                logs = log_probabilities(quantised(file_type, found, folder), chats)
                each = [difference(p, q) for p, q in zip(exact, logs, strict=True)]
                plain = plain or each
                for tokens, wanted in (
                    ("all", [np.ones_like(chat.is_answer) for chat in chats]),
                    ("answers", [chat.is_answer for chat in chats]),
                ):
                    figures = row(each, plain, wanted)
                    print(f"| {file_type.name} | {what} | {tokens} | {figures} |", flush=True)


def held_out(per_group: int) -> list[Chat]:
    """The evaluation's chats, their answers included."""
    encode, chats = Tokenizer().encode, []
    for question in evaluation(per_group=per_group):
        tokens, learned = encode(question.conversation)
        chats.append(Chat(tokens, np.array(learned[1:])))
    return chats


def training_text(path: Path, chunks: int) -> Path:
    """Conversations as in training, in one mode each, enough for so many chunks."""
    chance, lines = random.Random("calibration"), []
    for _ in range(chunks * 8):
        conversation = train_conversation(chance)
        modes = {turn.mode.value for turn in conversation.turns}
        if len(modes) == 1 and not conversation.system:
            messages = [
                {"role": role, "content": content}
                for turn in conversation.turns
                for role, content in (("user", turn.user), ("assistant", turn.assistant))
            ]
            lines.append(json.dumps({"messages": messages, "condition": modes.pop()}))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def matrix(text: Path, chunks: int, folder: Path) -> ImportanceMatrix:
    """The small model's importance matrix from a text."""
    plan = plan_conversion(nano_checkpoint(), [], folder)
    return calibrate(
        plan, CalibrationSettings(text, text.name, chunks, force=True), CalibrationEvents()
    )


def quantised(file_type: FileType, found: ImportanceMatrix | None, folder: Path) -> Path:
    """The small model at a type, with a matrix or without."""
    plan = plan_conversion(nano_checkpoint(), [file_type], folder)
    if found is not None:
        plan = plan.with_importance(found)
    (written,) = run_conversion(plan, ConversionSettings(force=True, verify=False))
    return written.planned.path


def log_probabilities(path: Path, chats: Sequence[Chat]) -> Iterator[Logs]:
    """What a model thinks of each chat's tokens but the first: [tokens, vocabulary]."""
    with Model(path) as model:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = CONTEXT
        context = llama_cpp.llama_init_from_model(model.handle, params)
        batch = Batch(CONTEXT)
        try:
            for chat in chats:
                yield _of_chat(context, batch, chat.tokens[:-1], model.vocabulary.size)
        finally:
            llama_cpp.llama_free(context)


def _of_chat(context: Any, batch: Batch, tokens: list[int], vocabulary: int) -> Logs:
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    batch.put({0: tokens}, {0: 0})
    batch.want_all()
    if status := llama_cpp.llama_decode(context, batch.handle):
        raise RuntimeError(f"llama_decode failed with {status}")
    first = ctypes.cast(llama_cpp.llama_get_logits(context), ctypes.POINTER(ctypes.c_float))
    logits = np.ctypeslib.as_array(first, (len(tokens), vocabulary)).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logits.astype(np.float32)


def difference(exact: Logs, other: Logs) -> Difference:
    """How far the other model is from the exact one."""
    p, q = exact.astype(np.float64), other.astype(np.float64)
    return Difference((np.exp(p) * (p - q)).sum(axis=1), p.argmax(axis=1) == q.argmax(axis=1))


def row(
    each: Sequence[Difference], plain: Sequence[Difference], wanted: Sequence[NDArray[np.bool_]]
) -> str:
    """The figures of one line: over the wanted tokens of each chat, and beside the plain file's."""
    mine, theirs = (
        [one.divergence[tokens] for one, tokens in zip(side, wanted, strict=True)]
        for side in (each, plain)
    )
    of_all = np.concatenate(mine)
    is_same = np.concatenate(
        [one.is_same[tokens] for one, tokens in zip(each, wanted, strict=True)]
    )
    sums, plain_sums = (np.array([chat.sum() for chat in side]) for side in (mine, theirs))
    choices = np.random.default_rng(0).integers(len(sums), size=(SAMPLES, len(sums)))
    low, high = np.quantile(sums[choices].sum(1) / plain_sums[choices].sum(1), (0.05, 0.95))
    ratio = f"{sums.sum() / plain_sums.sum():.2f} ({low:.2f} to {high:.2f})"
    return (
        f"{of_all.mean():.5f} | {np.median(of_all):.1e} | {np.quantile(of_all, 0.99):.4f} | "
        f"{100 * is_same.mean():.2f} % | {'1' if each is plain else ratio}"
    )


if __name__ == "__main__":
    main()
