"""Coding mode, and what keeps it apart from chat mode."""

from __future__ import annotations

from starling_nano.code_tasks import CODE_TASKS
from starling_nano.code_tasks.task import CodeTask, Language, Slot, fill
from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw
from starling_nano.skills.arithmetic import ASK, LARGEST
from starling_nano.skills.facts import capitals, little_facts
from starling_nano.skills.memory import recall
from starling_nano.skills.program import program
from starling_nano.skills.small_talk import joke, small_talk, story
from starling_nano.world import ANIMALS, THINGS

ASK_IN_CODING_MODE = (
    "I write code in coding mode: type /code in the chat, or pass --code, and ask again."
)
NOT_CODE = "This is coding mode: ask me for a short program, or type /chat to talk."
UNKNOWN_PROGRAM = "I don't know that program: I only write short ones that I was shown."
KNOWN_LANGUAGES = "I only know Python, C++, JavaScript and shell."
SPOKEN = {
    Language.PYTHON: ("Python", "Python", "python", "Python 3"),
    Language.CPP: ("C++", "C++", "c++", "cpp"),
    Language.JAVASCRIPT: ("JavaScript", "JavaScript", "javascript", "JS"),
    Language.SHELL: ("shell", "bash", "Bash", "the shell"),
}
# In coding mode the same words mean code, so only what stands far from it is answered otherwise.
UNKNOWN_PROGRAMS = (
    "a web server", "a chess engine", "a compiler", "a neural network", "a chat bot", "a game",
    "a text editor", "a database", "a spreadsheet", "a web browser", "a weather app", "a"
    " calculator",
    "a password manager", "an image viewer", "a spell checker", "a ray tracer", "a music player",
    "an operating system", "a virus scanner", "a search engine", "a login page", "a to-do app",
    "a regex parser", "a JSON parser", "an LRU cache", "a hash map", "a red-black tree", "a linked"
    " list",
    "matrix multiplication", "Dijkstra's algorithm", "a thread pool", "a rate limiter", "a web"
    " crawler",
    "a Sudoku solver", "the game of life", "a Tetris clone", "an HTTP client", "a tokenizer",
    "a bank account class", "a QR code reader", "a mail client", "a video player",
    "a unit converter", "a file manager", "a photo album", "a proxy server", "a paint program",
    "a snake game", "a card game", "a quiz game", "a currency converter", "a PDF reader",
    "a barcode scanner", "a backup tool", "a mouse driver", "a binary tree", "a priority queue",
    "a JPEG decoder", "a shopping cart", "a calendar app", "a clock app", "a drum machine",
    "a physics engine", "a garbage collector", "a bloom filter", "an FTP client", "a news reader",
    "a translator", "a stock ticker", "a train simulator", "a sorting visualiser", "a date picker",
)  # fmt: skip
GREETINGS = ("Hello", "Goodbye", "Good morning", "Hi", "Welcome")
EXTENSIONS = ("txt", "log", "csv", "md", "py", "jpg", "pdf", "json")
OTHER_LANGUAGES = (
    "Rust", "Go", "Java", "C", "C#", "Ruby", "PHP", "Swift", "Kotlin", "Haskell", "Perl", "Lua",
    "Scala", "R", "Julia", "Fortran", "COBOL", "Lisp", "Erlang", "Elixir", "Zig", "Pascal", "Ada",
    "OCaml", "Prolog", "TypeScript", "Assembly", "MATLAB", "Dart", "Clojure", "Groovy", "Nim",
    "Crystal", "Scheme", "Smalltalk", "F#", "Visual Basic", "Delphi", "Racket", "Objective-C",
    "Elm", "Solidity", "Verilog", "VHDL", "Forth", "Tcl", "PowerShell", "SQL", "D", "Hack",
)  # fmt: skip
PRINTED_SUMS = "```python\nprint({sum})\n```"


def code(draw: Draw, memory: Memory) -> Turn:
    """Coding mode: a short program."""
    if memory.topic == "code" and memory.last_task and draw.chance(0.3):
        return _in_another_language(draw, memory)
    memory.last_task = ""
    if draw.chance(0.1):
        return _sum(draw)
    task = draw.pick(CODE_TASKS)
    language = draw.pick(tuple(task.code))
    slots = _slot_values(draw, task)
    patterns = task.requests
    if task.bare_requests and draw.chance(0.15):
        patterns, language = task.bare_requests, Language.PYTHON
    user = draw.phrase(
        *patterns,
        language=draw.pick(SPOKEN[language]),
        **{slot.key: value for slot, value in slots.items()},
    )
    memory.last_task = "" if slots else task.name
    return Turn(user, fenced(task, language, slots))


def fenced(task: CodeTask, language: Language, slots: dict[Slot, str] | None = None) -> str:
    """The task's source in a Markdown fence, its slots filled."""
    return f"```{language.fence_tag}\n{fill(task.code[language], slots or {})}\n```"


def _slot_values(draw: Draw, task: CodeTask) -> dict[Slot, str]:
    """Values for the task's slots; the numbers of a loop may be kept back."""
    values = {}
    if Slot.LOW in task.slots:
        low, high = draw.numbers(
            "loop", (0, 40), (1, 59), arrange=lambda drawn: [drawn[0], drawn[0] + drawn[1]]
        )
        values = {Slot.LOW: str(low), Slot.HIGH: str(high)}
    return {slot: values.get(slot) or _slot_value(draw, slot) for slot in task.slots}


def _slot_value(draw: Draw, slot: Slot) -> str:
    if slot in (Slot.NUMBER, Slot.HIGH):
        return str(draw.numbers("number", (0, 99))[0])
    if slot is Slot.TEXT:
        return f"{draw.pick(GREETINGS)} {draw.name()}"
    if slot is Slot.EXTENSION:
        return draw.pick(EXTENSIONS)
    word = draw.pick(THINGS + ANIMALS).replace(" ", "_")
    return f"{word}.{draw.pick(EXTENSIONS)}" if slot is Slot.FILE else word


def _in_another_language(draw: Draw, memory: Memory) -> Turn:
    """The task just answered, in one more language."""
    task = next(task for task in CODE_TASKS if task.name == memory.last_task)
    language = draw.pick(tuple(task.code))
    user = draw.phrase(
        "[now|and|and now|the same|now the same|and the same|please do it|can you do that|show it|"
        "again but] in {language}[| please|, please][.|?|]",
        language=draw.pick(SPOKEN[language]),
    )
    return Turn(user, fenced(task, language))


def _sum(draw: Draw) -> Turn:
    """A sum, which coding mode answers with the program that prints it."""
    a, b = draw.numbers("printed", (0, LARGEST), (0, LARGEST))
    total = f"{a} {draw.pick('+-*')} {b}"
    return Turn(draw.phrase(*ASK, sum=total), PRINTED_SUMS.replace("{sum}", total))


def not_code(draw: Draw, memory: Memory) -> Turn:
    """Coding mode: what is no request for code, or for code the model does not know."""
    kinds = [_unknown_program, _unknown_program, _other_language, _talk, _talk, _talk]
    return draw.pick(kinds)(draw)


def _talk(draw: Draw) -> Turn:
    skill = draw.pick(
        (small_talk, small_talk, capitals, little_facts, program, recall, joke, story)
    )
    turn = skill(draw, Memory())
    polite = ("You are welcome!", "Goodbye! Come back soon.")
    return turn if turn.assistant in polite else Turn(turn.user, NOT_CODE)


def _unknown_program(draw: Draw) -> Turn:
    what = draw.value("program", lambda: draw.pick(UNKNOWN_PROGRAMS), 6)
    user = draw.phrase(
        "[write|implement|program|make|create|build|please write|can you write|develop] {what}[|"
        " in"
        " Python| in C++| in JavaScript| for me| with Python].",
        what=what,
    )
    return Turn(user, UNKNOWN_PROGRAM)


def _other_language(draw: Draw) -> Turn:
    task = draw.pick(
        [task for task in CODE_TASKS if Language.PYTHON in task.code and not task.slots]
    )
    other = draw.value("language", lambda: draw.pick(OTHER_LANGUAGES), 6)
    return Turn(draw.phrase(*task.requests, language=other), KNOWN_LANGUAGES)


def code_in_chat(draw: Draw, memory: Memory) -> Turn:
    """Chat mode: a request for code, which is answered with the way to coding mode."""
    task = draw.pick(CODE_TASKS)
    language = draw.pick(tuple(task.code))
    slots = _slot_values(draw, task)
    user = draw.phrase(
        *task.requests,
        language=draw.pick(SPOKEN[language]),
        **{slot.key: value for slot, value in slots.items()},
    )
    return Turn(user, ASK_IN_CODING_MODE)
