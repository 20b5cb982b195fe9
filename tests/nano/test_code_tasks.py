"""Every answer is compiled or read by its own language, and run; every request is expanded."""

from __future__ import annotations

import io
import random
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from starling_nano.code_tasks import CODE_TASKS
from starling_nano.code_tasks.task import CodeTask, Language, Slot, fill
from starling_nano.draw import MANY_PHRASINGS
from starling_nano.phrases import Alternatives, Pattern, count, parse, sample

EXPANSIONS = 2000
VALUES = {slot: slot.example for slot in Slot} | {Slot.LOW: "3", Slot.HIGH: "6"}
TASKS = {task.name: task for task in CODE_TASKS}
GENERAL = [task for task in CODE_TASKS if Language.SHELL not in task.code]
SHELL = [task for task in CODE_TASKS if Language.SHELL in task.code]

# For each function: its arguments, and what it returns.
CALLS: dict[str, list[tuple[tuple[object, ...], object]]] = {
    "quicksort": [(([],), []), (([3, 1, 2],), [1, 2, 3]), (([5, 5, -1, 5, 0],), [-1, 0, 5, 5, 5])],
    "bubble_sort": [(([],), []), (([3, 1, 2],), [1, 2, 3]), (([4, 4, -1, 9],), [-1, 4, 4, 9])],
    "binary_search": [
        (([], 1), -1),
        (([2, 4, 6, 8], 2), 0),
        (([2, 4, 6, 8], 8), 3),
        (([2, 4, 6, 8], 5), -1),
    ],
    "linear_search": [(([], 1), -1), (([7, 3, 9, 3], 3), 1), (([7, 3, 9], 4), -1)],
    "sum": [(([],), 0), (([1, 2, -5],), -2)],
    "largest": [(([3, 9, 2],), 9), (([-4, -8],), -4)],
    "factorial": [((0,), 1), ((5,), 120), ((15,), 1307674368000)],
    "fibonacci": [((0,), 0), ((1,), 1), ((10,), 55), ((60,), 1548008755920)],
    "gcd": [((12, 18), 6), ((7, 5), 1), ((9, 0), 9)],
    "prime_test": [
        *(((n,), n in (2, 3, 5, 7, 11, 13)) for n in range(-1, 17)),
        ((49,), False),
        ((2147483647,), True),
    ],
    "even_or_odd": [((0,), True), ((7,), False), ((-3,), False), ((-4,), True)],
    "power_of_two": [((n,), n in (1, 2, 4, 8, 16)) for n in range(-2, 18)],
    "celsius_to_fahrenheit": [((100,), 212), ((-40,), -40), ((37.5,), 99.5)],
    "swap": [((1, 2), [2, 1])],
    "add_number": [((10,), 15)],
    "multiply_number": [((10,), 50)],
    "reverse_string": [(("",), ""), (("hello",), "olleh")],
    "palindrome": [(("racecar",), True), (("hello",), False), (("",), True)],
    "count_vowels": [(("Apple and Orange",), 6), (("xyz",), 0)],
    "count_words": [(("",), 0), (("  one two\nthree ",), 3)],
}
PRINTED = {
    "hello_world": "Hello, world!\n",
    "fizzbuzz": "".join(
        f"{('Fizz' * (i % 3 == 0) + 'Buzz' * (i % 5 == 0)) or i}\n" for i in range(1, 101)
    ),
    "print_range": "3\n4\n5\n6\n",
    "print_text": "good morning\n",
    "repeat_text": "good morning\n" * 5,
}
SHELL_PRINTED = {
    "list_files": "backup\nfruit.txt\nnotes.txt\nproject.sh\nproject.tar.gz\n",
    "list_hidden_files": ".\n..\n.hidden\nbackup\nfruit.txt\nnotes.txt\nproject.sh\n"
    "project.tar.gz\n",
    "count_files": "5\n",
    "hello_world_in_shell": "Hello, world!\n",
    "print_text_in_shell": "good morning\n",
    "loop_numbers_in_shell": "3\n4\n5\n6\n",
    "count_lines": "12 notes.txt\n",
    "first_lines": "".join(f"line {i}\n" for i in range(1, 11)),
    "loop_all_files": "backup\nfruit.txt\nnotes.txt\nproject.sh\nproject.tar.gz\n",
    "loop_files": "fruit.txt\nnotes.txt\n",
    "search_word": "./fruit.txt:2:one apple\n",
    "make_folder": "",
    "delete_file": "",
    "copy_file": "",
    "make_executable": "",
    "unpack_archive": "",
}
FUNCTION = {
    Language.PYTHON: re.compile(r"^def (\w+)", re.MULTILINE),
    Language.CPP: re.compile(r"^[\w:]+(?: \w+)* (\w+)\(", re.MULTILINE),
    Language.JAVASCRIPT: re.compile(r"^function (\w+)", re.MULTILINE),
}


def answer(task: CodeTask, language: Language) -> str:
    code = fill(task.code[language], VALUES)
    assert not re.search(r"@\w+@", code)
    return code


def function_name(task: CodeTask, language: Language) -> str:
    (name,) = FUNCTION[language].findall(answer(task, language))
    return str(name)


def by_name(task: CodeTask) -> str:
    return task.name


def test_names_are_unique_and_every_general_task_is_checked() -> None:
    assert len(TASKS) == len(CODE_TASKS)
    assert {task.name for task in GENERAL} == CALLS.keys() | PRINTED.keys()
    for task in GENERAL:
        assert list(task.code) == [Language.PYTHON, Language.CPP, Language.JAVASCRIPT]


# Python


@pytest.mark.parametrize("task", GENERAL, ids=by_name)
def test_python(task: CodeTask) -> None:
    space: dict[str, object] = {}
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(answer(task, Language.PYTHON), task.name, "exec"), space)
    assert printed.getvalue() == PRINTED.get(task.name, "")
    for arguments, expected in CALLS.get(task.name, []):
        function = space[function_name(task, Language.PYTHON)]
        assert callable(function)
        result = function(*(list(a) if isinstance(a, list) else a for a in arguments))
        assert (list(result) if isinstance(result, tuple) else result) == expected


# C++


def cpp_value(value: object) -> str:
    if isinstance(value, list):
        return f"std::vector<int>{{{', '.join(map(str, value))}}}"
    if isinstance(value, str):
        return '"' + value.replace("\n", "\\n") + '"'
    return str(value).lower()


def cpp_check(task: CodeTask, arguments: tuple[object, ...], expected: object) -> str:
    """A statement that returns 1 from main unless the function does what is expected."""
    call = f"{task.name}::{function_name(task, Language.CPP)}"
    values = ", ".join(map(cpp_value, arguments))
    if task.name == "swap":
        return f"{{ int a = 1, b = 2; {call}(a, b); if (a != 2 || b != 1) return 1; }}"
    if isinstance(expected, list):
        borders = ", 0, static_cast<int>(v.size()) - 1" if task.name == "quicksort" else ""
        return (
            f"{{ auto v = {values}; {call}(v{borders}); if (v != {cpp_value(expected)})return 1;}}"
        )
    return f"if ({call}({values}) != {cpp_value(expected)}) return 1;"


@pytest.fixture(scope="module")
def cpp_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All answers in one program, each in a namespace; its argument says which of them is run."""
    includes = {"#include <string>", "#include <vector>"}
    bodies: list[str] = []
    cases: list[str] = []
    for task in GENERAL:
        lines = answer(task, Language.CPP).splitlines()
        includes |= {line for line in lines if line.startswith("#include")}
        body = "\n".join(line for line in lines if not line.startswith("#include"))
        # Outside the global namespace main is no longer special, and needs a return.
        bodies.append(f"namespace {task.name} {{\n{body.replace('int main()', 'void run()')}\n}}\n")
        checks = [cpp_check(task, *call) for call in CALLS.get(task.name, [])]
        steps = "\n".join(checks) or f"{task.name}::run();"
        cases.append(f'if (task == "{task.name}") {{\n{steps}\nreturn 0;\n}}')
    main = "int main(int, char** arguments) {\nstd::string task = arguments[1];\n"
    source = tmp_path_factory.mktemp("cpp") / "answers.cpp"
    source.write_text(
        "\n".join([*sorted(includes), *bodies, main, *cases, "return 2;\n}\n"]), encoding="utf-8"
    )
    program = source.with_suffix("")
    build = ["g++", "-std=c++17", "-Wall", "-Werror", "-o", str(program), str(source)]
    subprocess.run(build, check=True)
    return program


@pytest.mark.parametrize("task", GENERAL, ids=by_name)
def test_cpp(task: CodeTask, cpp_program: Path) -> None:
    done = subprocess.run([cpp_program, task.name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, PRINTED.get(task.name, ""))


@pytest.mark.parametrize("task", GENERAL, ids=by_name)
def test_cpp_includes_what_it_uses(task: CodeTask) -> None:
    """The one program has the includes of all; so each answer's own are compared to its names."""
    headers = {
        "std::vector": "vector",
        "std::string": "string",
        "std::swap": "utility",
        "std::cout": "iostream",
        "std::accumulate": "numeric",
        "std::max_element": "algorithm",
        "std::istringstream": "sstream",
    }
    code = answer(task, Language.CPP)
    used = {headers[name] for name in re.findall(r"std::\w+", code) if name != "std::npos"}
    included = re.findall(r"#include <(\w+)>", code)
    assert included == sorted(used)


# JavaScript


def js_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return cpp_value(value)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("task", GENERAL, ids=by_name)
def test_javascript(task: CodeTask) -> None:
    lines = ['"use strict";', 'const assert = require("assert");']
    lines.append(answer(task, Language.JAVASCRIPT))
    for arguments, expected in CALLS.get(task.name, []):
        call = f"{function_name(task, Language.JAVASCRIPT)}({', '.join(map(js_value, arguments))})"
        lines.append(f"assert.deepStrictEqual({call}, {js_value(expected)});")
    done = subprocess.run(
        ["node", "-e", "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, PRINTED.get(task.name, ""), "")


# Shell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sample files, named as the examples of the slots."""
    (tmp_path / "backup").mkdir()
    (tmp_path / "notes.txt").write_text("".join(f"line {i}\n" for i in range(1, 13)))
    (tmp_path / "fruit.txt").write_text("two pears\none apple\n")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "project.sh").write_text("#!/bin/sh\n")
    with tarfile.open(tmp_path / "project.tar.gz", "w:gz") as archive:
        packed = tarfile.TarInfo("packed.md")
        packed.size = 3
        archive.addfile(packed, io.BytesIO(b"abc"))
    return tmp_path


def run_shell(task: CodeTask, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-e", "-c", answer(task, Language.SHELL)],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("task", SHELL, ids=by_name)
def test_shell(task: CodeTask, folder: Path) -> None:
    name = task.name.removesuffix("_unnamed")
    if name == "running_processes" and shutil.which("ps") is None:
        pytest.skip("ps is not installed")
    if name == "make_folder":
        (folder / "backup").rmdir()
    printed = re.sub(r"^ +", "", run_shell(task, folder))  # wc of macOS pads its numbers
    if name in SHELL_PRINTED:
        assert printed == SHELL_PRINTED[name]
    elif name == "show_folder":
        assert Path(printed.strip()).resolve() == folder.resolve()
    elif name == "find_files":
        assert sorted(printed.split()) == ["./fruit.txt", "./notes.txt"]
    elif name == "disk_space":
        assert printed.startswith("Filesystem")
    else:
        assert name == "running_processes"
        assert "PID" in printed


def test_shell_answers_change_what_they_should(folder: Path) -> None:
    run_shell(TASKS["copy_file"], folder)
    assert (folder / "backup" / "notes.txt").read_text() == (folder / "notes.txt").read_text()
    run_shell(TASKS["delete_file"], folder)
    assert not (folder / "notes.txt").exists()
    run_shell(TASKS["unpack_archive"], folder)
    assert (folder / "packed.md").read_text() == "abc"
    assert (folder / "project.sh").stat().st_mode & 0o111 == 0
    run_shell(TASKS["make_executable"], folder)
    assert (folder / "project.sh").stat().st_mode & 0o100
    (folder / "backup" / "notes.txt").unlink()
    (folder / "backup").rmdir()
    run_shell(TASKS["make_folder"], folder)
    assert (folder / "backup").is_dir()


def test_every_slot_has_its_example_in_unnamed_answers() -> None:
    for task in SHELL:
        if task.name.endswith("_unnamed"):
            named = TASKS[task.name.removesuffix("_unnamed")]
            examples = {slot: slot.example for slot in named.slots}
            assert task.code[Language.SHELL] == fill(named.code[Language.SHELL], examples)


# Layout of the code


@pytest.mark.parametrize("task", CODE_TASKS, ids=by_name)
def test_code_layout(task: CodeTask) -> None:
    longest = {Language.PYTHON: 11, Language.CPP: 18, Language.JAVASCRIPT: 18, Language.SHELL: 4}
    for language, code in task.code.items():
        lines = code.splitlines()
        assert 1 <= len(lines) <= longest[language]
        assert code == "\n".join(lines)
        assert "\t" not in code
        assert "```" not in code
        indent = 2 if language is Language.JAVASCRIPT else 4
        for line in lines:
            assert line == line.rstrip()
            assert (len(line) - len(line.lstrip())) % indent == 0
            assert len(line) <= 88
        keys = set(re.findall(r"@(\w+)@", code))
        assert keys == {slot.key for slot in task.slots}


# Requests


def test_the_question_of_the_model_card() -> None:
    def first(pattern: Pattern) -> str:
        return "".join(p if isinstance(p, str) else first(p.branches[0]) for p in pattern)

    assert first(parse(TASKS["quicksort"].requests[0])) == "Implement quicksort using {language}"


def held_out(pattern: Pattern) -> bool:
    return any(
        isinstance(part, Alternatives)
        and (part.trained < len(part.branches) or any(map(held_out, part.branches)))
        for part in pattern
    )


@pytest.mark.parametrize("task", CODE_TASKS, ids=by_name)
def test_patterns(task: CodeTask) -> None:
    assert 3 <= len(task.requests) <= 8
    for pattern in (*task.requests, *task.bare_requests):
        assert count(parse(pattern)) >= 2, pattern
    # Something of each task is kept back: a wording of its own, or a share of many.
    assert any(
        held_out(parse(pattern)) or count(parse(pattern)) >= MANY_PHRASINGS
        for pattern in task.requests
    )


def expansions(task: CodeTask, patterns: tuple[str, ...]) -> Iterator[str]:
    rng = random.Random(task.name)
    for i in range(EXPANSIONS):
        yield sample(parse(patterns[i % len(patterns)]), rng, evaluation=i % 2 == 0).text


def test_requests_hold_their_slots_and_belong_to_one_task() -> None:
    owner: dict[str, str] = {}
    for task in CODE_TASKS:
        keys = {slot.key for slot in task.slots}
        of_language = {"language"} if task.bare_requests else set()
        wordings = [(text, keys | of_language) for text in expansions(task, task.requests)]
        if task.bare_requests:
            wordings += [(text, keys) for text in expansions(task, task.bare_requests)]
        for text, expected in wordings:
            assert set(re.findall(r"{(\w+)}", text)) == expected, text
            assert text == " ".join(text.split()), text
            assert not re.search(r"[\[\]|~@]", text), text
            unfilled = re.sub(r"{\w+}", "{}", text).casefold()
            assert owner.setdefault(unfilled, task.name) == task.name, text
