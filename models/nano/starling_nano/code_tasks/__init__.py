"""What the model can program: short answers in Python, C++, JavaScript and the shell.

The answers share names, layout and habits, because a model this small learns them by heart:
functions rather than programs (programs where something is printed), `numbers` for a list, `text`
for a string, `n` for a whole number.
"""

from __future__ import annotations

from starling_nano.code_tasks.numbers import NUMBERS
from starling_nano.code_tasks.printing import PRINTING
from starling_nano.code_tasks.shell import SHELL
from starling_nano.code_tasks.sorting import SORTING_AND_SEARCHING
from starling_nano.code_tasks.strings import STRINGS
from starling_nano.code_tasks.task import CodeTask

CODE_TASKS: tuple[CodeTask, ...] = (
    *SORTING_AND_SEARCHING,
    *NUMBERS,
    *STRINGS,
    *PRINTING,
    *SHELL,
)
"""Every task, each with a name of its own."""
