"""Tasks with the many ways in which people ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import dedent

from starling_nano.code_tasks.task import CodeTask, Language, Slot, fill

_FUNCTION = "[function|routine]"
PROGRAM = "[program|script|piece of code]"
_IMPLEMENT = (
    "[Implement|Write|Code|Show me|Give me|Please write|Create|Make|Program|Write me"
    "|Please implement|Please show me|Produce|~Let me see]"
)
_WRITE = "[Write|Give me|Show me|Create|Make|Please write|Write me|Please give me|Produce|~Build]"
_CAN_YOU = "[Can you|Could you|Would you|Can you please|Are you able to]"
_NEED = "[I need|I want|I would like|I'd like|We need]"


def _third_person(verb: str) -> str:
    """`copy over` becomes `copies over`."""
    first, space, rest = verb.partition(" ")
    if first[-1] == "y" and first[-2] not in "aeiou":
        first = first[:-1] + "ie"
    elif first.endswith(("ch", "sh", "ss", "x", "o")):
        first += "e"
    return f"{first}s{space}{rest}"


def _plain_and_third_person(verbs: str, rest: str) -> tuple[str, str]:
    """The patterns of `sort a list` and of `sorts a list`."""
    third = "|".join(map(_third_person, verbs.split("|")))
    return f"[{verbs}] [{rest}]", f"[{third}] [{rest}]"


def general(
    name: str,
    *,
    title: str,
    thing: str,
    verbs: str,
    rest: str,
    python: str,
    cpp: str,
    javascript: str,
    unit: str = _FUNCTION,
    slots: tuple[Slot, ...] = (),
) -> CodeTask:
    """A task in Python, C++ and JavaScript.

    `title` goes with `in Python`, `thing` with `write`, `verbs` and `rest` with `how do I`; all
    are alternatives separated by bars. `unit` is what the answer is, a function or a program.
    """
    plain, third = _plain_and_third_person(verbs, rest)
    title, thing = f"[{title}]", f"[{thing}]"
    requests = (
        f"{_IMPLEMENT} {thing} [using|in|with] {{language}}",
        f"{_WRITE} [a {{language}} {unit} [that|which] {third}"
        f"|a {unit} in {{language}} [that|which] {third}"
        f"|{{language}} code [to|~in order to] {plain}]",
        f"[{title} in {{language}}|{{language}} {title}|{plain} in {{language}}"
        f"|{{language}} code for {title}|{{language}}: {title}|~{title} with {{language}}]",
        f"<how-to> [{plain}|[implement|write|code|~program] {thing}] [in|using|with] {{language}}?",
        f"{_NEED} [{thing} in {{language}}|a {{language}} {unit} [that|which] {third}"
        f"|to {plain} in {{language}}]",
        f"{_CAN_YOU} [write|implement|code|show me|give me|make|produce] {thing}"
        " [in|using|with] {language}?",
    )
    bare_requests = (
        f"{_IMPLEMENT} {thing}",
        f"{_WRITE} [a {unit} [that|which] {third}|[some |the |]code [to|~in order to] {plain}]",
        f"[code for {title}|the code for {title}|{title} code|{title} {unit}|{plain}]",
        f"<how-to> [{plain}[ in code| in a program|]|[implement|write|code|~program] {thing}]?",
        f"{_NEED} [{thing}|a {unit} [that|which] {third}|code to {plain}]",
        f"{_CAN_YOU} [write|implement|code|show me|give me|make|produce] {thing}?",
    )
    code = {
        Language.PYTHON: _source(python),
        Language.CPP: _source(cpp),
        Language.JAVASCRIPT: _source(javascript),
    }
    return CodeTask(name, requests, code, bare_requests, slots)


IN_SHELL = "[in the shell|in bash|on the command line|in the terminal|with bash|at the prompt]"
MAYBE_IN_SHELL = (
    "[| in the shell| in bash| on the command line| in the terminal| on Linux| at the prompt]"
)


def shell(
    name: str,
    source: str,
    verbs: str,
    rest: str,
    *,
    slots: tuple[Slot, ...] = (),
    where: str = MAYBE_IN_SHELL,
    extra: tuple[str, ...] = (),
) -> CodeTask:
    """A task for the shell. `where` ends the questions that do not speak of a command."""
    plain, third = _plain_and_third_person(verbs, rest)
    shell = "[shell|bash|terminal|command line|Linux]"
    requests = (
        f"<how-to> {plain}{where}?",
        f"[Which|What] [{shell} |]command {third}?",
        f"[Give me|Show me|Tell me|What is|What's|I need|~Let me see] [the|a] [{shell} |]command"
        f" to {plain}",
        f"{plain} {IN_SHELL}",
        f"{_WRITE} a [shell|bash] [script|command|one-liner|~line] [that {third}|to {plain}]",
        f"[I want to|I need to|I would like to|Help me|Please help me|~I have to] {plain}{where}",
        *extra,
    )
    return CodeTask(name, requests, {Language.SHELL: _source(source)}, slots=slots)


def shell_pair(
    name: str, source: str, verbs: str, rest: str, *, unnamed: str, slots: tuple[Slot, ...]
) -> Iterable[CodeTask]:
    """A task whose request names the values, and the one where it says `unnamed` instead."""
    yield shell(name, source, verbs, rest, slots=slots)
    example = fill(source, {slot: slot.example for slot in slots})
    yield shell(f"{name}_unnamed", example, verbs, unnamed)


def _source(text: str) -> str:
    return dedent(text).strip("\n")


A_LIST = "[a list|an array|a vector]"
