"""A process that runs a model once and says how long each part took.

It is started by `trial`, and gets one line of JSON on stdin. It writes a line when the first token
is there, and one with the seconds of the rest. It ends when its stdin does, whatever it does then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from starling_local.engine.opening import opened
from starling_local.errors import StarlingError
from starling_local.machine.speed.exercise import Exercise
from starling_local.settings import ContextSettings, KvType, LoadSettings

FIRST_PROMPT = 16
"""Tokens that are read until the first one is written: a short question."""


def main() -> int:
    """Run it; the exit status is that of the error, if there is one."""
    # Ctrl-C is for the process that started this one; it ends this one, too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    context = {**task["context"], "kv_type": KvType(task["context"]["kv_type"])}
    try:
        _run(
            Path(task["path"]),
            LoadSettings(**{name: _tuples(value) for name, value in task["load"].items()}),
            ContextSettings(**context),
            tuple(task["tokens"]),
        )
    except StarlingError as error:
        _say({"error": error.message})
        return error.exit_code
    return 0


def _run(
    path: Path, load: LoadSettings, settings: ContextSettings, tokens: tuple[int, int]
) -> None:
    prompt, generate = tokens
    with opened(path, load, settings) as context:
        exercise = Exercise(context)
        exercise.read(FIRST_PROMPT, range(1))
        _say({"first": True})
        exercise.cut(0)
        read_s = exercise.read(prompt)
        _say({"read_s": read_s, "write_s": exercise.write(generate)})


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(1)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201, it is read by the other process


if __name__ == "__main__":
    sys.exit(main())
