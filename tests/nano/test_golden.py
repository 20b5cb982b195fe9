"""What the shipped checkpoint answers, word for word, through llama.cpp at temperature 0.

After the checkpoint has been trained again, `python -m tests.nano.test_golden` writes the answers
of Q8_0 into golden.json, for a person to read over.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import parse_file_type
from starling_local.store.nano import nano_checkpoint
from tests import llama

TYPES = ("BF16", "Q8_0")
GOLDEN = Path(__file__).with_name("golden.json")
ANSWERS: dict[str, list[list[str]]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
"""By condition: conversations as user, assistant, user, assistant ... texts."""


@dataclass(frozen=True)
class Dialogue:
    """A loaded model and the condition it is spoken to in."""

    model: Any
    condition: str

    def answer(self, texts: Sequence[str]) -> str:
        """The greedy answer to user and assistant texts in turn, the last of them the user's."""
        roles = ("User", "Assistant")
        turns = (
            f"{self.condition} {roles[index % 2]}: {text}<|end_of_turn|>"
            for index, text in enumerate(texts)
        )
        prompt = "".join(turns) + f"{self.condition} Assistant:"
        ids = llama.tokenise(self.model, prompt, special=True)
        return llama.greedy(self.model, ids, limit=400).removeprefix(" ")

    def carry_on(self, users: Sequence[str]) -> list[str]:
        """The whole conversation: each answer is made after the model's own earlier ones."""
        said: list[str] = []
        for user in users:
            said += [user, self.answer([*said, user])]
        return said


def converted(folder: Path) -> dict[str, Path]:
    plan = plan_conversion(nano_checkpoint(), [parse_file_type(name) for name in TYPES], folder)
    written = run_conversion(plan, ConversionSettings(verify=False))
    return {name: file.planned.path for name, file in zip(TYPES, written, strict=True)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return converted(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module", params=TYPES)
def model(request: pytest.FixtureRequest, files: dict[str, Path]) -> Any:
    with llama.loaded(files[request.param]) as loaded:
        yield loaded


@pytest.mark.parametrize(
    ("condition", "texts"),
    [(condition, texts) for condition, all_texts in ANSWERS.items() for texts in all_texts],
    ids=lambda value: value if isinstance(value, str) else value[-2][:40],
)
def test_the_answers_are_these(model: Any, condition: str, texts: list[str]) -> None:
    assert Dialogue(model, condition).carry_on(texts[::2]) == texts


def test_the_card_s_code_compiles_and_sorts(model: Any, tmp_path: Path) -> None:
    answer = Dialogue(model, "Code").answer(["Implement quicksort using C++"])
    fenced = re.fullmatch(r"```cpp\n(.*)\n```", answer, re.DOTALL)
    assert fenced, answer
    source = tmp_path / "quicksort.cpp"
    source.write_text(
        fenced[1] + "\n#include <cstdio>\nint main() {\n"
        "    std::vector<int> v{5, -3, 9, 0, 5, 2, 8, -7};\n"
        "    quicksort(v, 0, static_cast<int>(v.size()) - 1);\n"
        '    for (int x : v) std::printf("%d ", x);\n}\n'
    )
    program = tmp_path / "quicksort"
    subprocess.run(["g++", "-std=c++17", "-Wall", "-o", program, source], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["-7", "-3", "0", "2", "5", "5", "8", "9"]


def test_the_two_modes_answer_differently(model: Any) -> None:
    asked = ["Implement quicksort using C++"]
    assert Dialogue(model, "Code").answer(asked) != Dialogue(model, "GPT4 Correct").answer(asked)


def test_what_was_told_outlives_a_change_of_mode(model: Any) -> None:
    """As it is typed: a name, then /code and a task, then /chat and the question for the name."""
    turns = [("GPT4 Correct", "My name is Jorinde."), ("Code", "Implement quicksort using C++"),
             ("GPT4 Correct", "What is my name?")]  # fmt: skip
    prompt = answer = ""
    for condition, question in turns:
        prompt += f"{condition} User: {question}<|end_of_turn|>{condition} Assistant:"
        ids = llama.tokenise(model, prompt, special=True)
        answer = llama.greedy(model, ids, limit=400).removeprefix(" ")
        prompt += f" {answer}<|end_of_turn|>"
    assert answer == "Your name is Jorinde."


def main() -> None:
    """Write the answers of Q8_0 to the same questions."""
    with (
        tempfile.TemporaryDirectory() as folder,
        llama.loaded(converted(Path(folder))["Q8_0"]) as loaded,
    ):
        answers = {
            condition: [Dialogue(loaded, condition).carry_on(texts[::2]) for texts in all_texts]
            for condition, all_texts in ANSWERS.items()
        }
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    GOLDEN.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
