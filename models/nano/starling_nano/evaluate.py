"""Evaluation: held-out prompts through llama.cpp, for the bf16 source and the quantised types.

python -m starling_nano.evaluate                  the table of the data card
python -m starling_nano.evaluate -q Q8_0 --wrong  one type, and what it got wrong
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import llama_cpp
import numpy as np

from starling_convert.conversion import ConversionEvents, ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import parse_file_type
from starling_nano.corpus import GROUPS, Question, evaluation
from starling_nano.tokenizer import CONTEXT, END_OF_TURN_ID, FOLDER, Tokenizer

TYPES = ("BF16", "Q8_0", "Q5_K_M", "Q4_K_M", "Q4_0")
AT_ONCE = 16
LONGEST_ANSWER = 320

_silent = llama_cpp.llama_log_callback(lambda _level, _text, _data: None)


class Engine:
    """Greedy decoding of several prompts at once, on the low-level API of llama.cpp."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p())
        model_params = llama_cpp.llama_model_default_params()
        model_params.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), model_params)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = AT_ONCE * (CONTEXT + LONGEST_ANSWER)
        params.n_batch = AT_ONCE * CONTEXT
        params.n_ubatch = 512
        params.n_seq_max = AT_ONCE
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.batch = llama_cpp.llama_batch_init(params.n_batch, 0, 1)
        vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(vocabulary)

    def close(self) -> None:
        """Free what llama.cpp holds."""
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def answers(self, prompts: Sequence[list[int]]) -> list[list[int]]:
        """The greedy answers to at most AT_ONCE prompts, without their end of turn."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        answers: list[list[int]] = [[] for _ in prompts]
        rows = [
            (token, position, sequence, position == len(prompt) - 1)
            for sequence, prompt in enumerate(prompts)
            for position, token in enumerate(prompt)
        ]
        lengths = [len(prompt) for prompt in prompts]
        while rows:
            following = self._decode(rows)
            rows = []
            for sequence, token in following.items():
                if token == END_OF_TURN_ID or len(answers[sequence]) == LONGEST_ANSWER:
                    continue
                answers[sequence].append(token)
                rows.append((token, lengths[sequence], sequence, True))
                lengths[sequence] += 1
        return answers

    def _decode(self, rows: Sequence[tuple[int, int, int, bool]]) -> dict[int, int]:
        """Decode (token, position, sequence, wanted); the likeliest next token by sequence."""
        self.batch.n_tokens = len(rows)
        for index, (token, position, sequence, wanted) in enumerate(rows):
            self.batch.token[index] = token
            self.batch.pos[index] = position
            self.batch.n_seq_id[index] = 1
            self.batch.seq_id[index][0] = sequence
            self.batch.logits[index] = wanted
        status = llama_cpp.llama_decode(self.context, self.batch)
        if status != 0:
            raise RuntimeError(f"llama_decode failed with status {status}")
        return {
            sequence: int(self._logits(index).argmax())
            for index, (_, _, sequence, wanted) in enumerate(rows)
            if wanted
        }

    def _logits(self, index: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.ctypeslib.as_array(
            llama_cpp.llama_get_logits_ith(self.context, index), (self.n_vocab,)
        )


def ask(path: Path, tokenizer: Tokenizer, questions: Sequence[Question]) -> list[str]:
    """The model's answers to the questions, in their order."""
    prompts = [tokenizer.encode_question(question.conversation) for question in questions]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    answers = [""] * len(prompts)
    with closing(Engine(path)) as engine:
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            found = engine.answers([prompts[index] for index in chosen])
            for index, ids in zip(chosen, found, strict=True):
                answers[index] = tokenizer.pieces.decode(ids).removeprefix(" ")
    return answers


def convert(checkpoint: Path, types: Sequence[str], folder: Path) -> dict[str, Path]:
    """Convert the checkpoint with the project's own converter; returns the files by type."""
    plan = plan_conversion(checkpoint, [parse_file_type(name) for name in types], folder)
    written = run_conversion(plan, ConversionSettings(verify=False), ConversionEvents())
    return {name: file.planned.path for name, file in zip(types, written, strict=True)}


def shares(
    types: Iterable[str], questions: Sequence[Question], checkpoint: Path = FOLDER
) -> dict[str, float]:
    """The share of exact answers by type, from 0 to 1."""
    tokenizer = Tokenizer(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        files = convert(checkpoint, tuple(types), Path(folder))
        return {
            name: sum(
                answer == question.expected
                for question, answer in zip(questions, ask(path, tokenizer, questions), strict=True)
            )
            / len(questions)
            for name, path in files.items()
        }


def main() -> None:
    """Print the share of exact answers by group of skills and by type, as a Markdown table."""
    parser = argparse.ArgumentParser(description="Evaluate Starling Nano on held-out prompts.")
    parser.add_argument("--checkpoint", type=Path, default=FOLDER)
    parser.add_argument("-q", dest="types", action="append", help="a type; may be repeated")
    parser.add_argument("--per-group", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wrong", action="store_true", help="also print every wrong answer")
    options = parser.parse_args()
    types = tuple(options.types or TYPES)
    tokenizer = Tokenizer(options.checkpoint)
    questions = list(evaluation(options.seed, options.per_group))
    right: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, path in convert(options.checkpoint, types, Path(folder)).items():
            for question, answer in zip(questions, ask(path, tokenizer, questions), strict=True):
                right[question.group, name] += answer == question.expected
                if options.wrong and answer != question.expected:
                    _show_wrong(name, question, answer)
    _show_table(types, right, options.per_group)


def _show_wrong(name: str, question: Question, answer: str) -> None:
    asked = question.conversation.turns[-1].user
    sys.stdout.write(
        f"[{name}] {question.group}: {asked!r}\n  wanted {question.expected!r}\n  got   "
        f" {answer!r}\n"
    )


def _show_table(types: Sequence[str], right: Counter[tuple[str, str]], per_group: int) -> None:
    rows = [["skill", *types]]
    for group in GROUPS:
        rows.append([group, *(f"{100 * right[group, name] / per_group:.0f} %" for name in types)])
    total = per_group * len(GROUPS)
    sums = (sum(right[group, name] for group in GROUPS) for name in types)
    rows.append(["**all**", *(f"**{100 * value / total:.1f} %**" for value in sums)])
    sys.stdout.write(f"| {' | '.join(rows[0])} |\n|---|{'---:|' * len(types)}\n")
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows[1:])


if __name__ == "__main__":
    main()
