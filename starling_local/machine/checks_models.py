"""Do the models hold the prompt template? Each is tried in a process of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from starling_local.engine.examination import Examination, examine
from starling_local.errors import ExitCode, StarlingError
from starling_local.machine.check import Check, Section, ok, problem
from starling_local.plain_text import counted
from starling_local.store.models import VARIABLE, find_model
from starling_local.store.nano import NAME as NANO
from starling_local.store.nano import nano_model

_SECTION = Section.MODELS


def model_checks(environ: Mapping[str, str], models: Iterable[tuple[str, Path]]) -> Iterator[Check]:
    """The built-in model, then those of the store, by name and file, then STARLING_MODEL's."""
    tried = set()
    try:
        nano = nano_model(environ, lambda _: None)
    except StarlingError as error:
        yield _failed(NANO, error)
    else:
        tried.add(nano)
        yield model_check(NANO, nano)
    for name, path in models:
        tried.add(path)
        yield model_check(name, path)
    chosen = environ.get(VARIABLE)
    if not chosen:
        return
    try:
        path = find_model(chosen, environ, lambda _: None)
    except StarlingError as error:
        yield problem(_SECTION, VARIABLE, error.message, error.exit_code, fix=f"unset {VARIABLE}")
    else:
        if path not in tried:
            yield model_check(chosen, path)


def model_check(name: str, path: Path) -> Check:
    """The model card's prompts, and a user's text that tries to be a control token, on a file."""
    try:
        found = examine(path)
    except StarlingError as error:
        return _failed(name, error)
    wrong = _wrong(found)
    if wrong:
        return problem(
            _SECTION, name, f"{path}: {wrong}", ExitCode.BAD_FILE,
            fix=f"starling inspect {shlex.quote(str(path))}",
            advice="convert the published checkpoint again: starling convert CHECKPOINT",
        )  # fmt: skip
    known = all(proof.expected is not None for proof in found.card)
    what = "has the model card's ids" if known else "is whole in its own vocabulary"
    return ok(
        _SECTION,
        name,
        f"the template {what} ({counted(len(found.card), 'prompt')}), and no text forges a turn",
    )


def _wrong(found: Examination) -> str | None:
    for proof in found.card:
        if not proof.holds:
            return f"the model card's prompt {proof.vector.text!r:.80} has other ids"
    return f"a user's text becomes {found.forged!r:.80}" if found.forged else None


def _failed(name: str, error: StarlingError) -> Check:
    return problem(_SECTION, name, error.message, error.exit_code, advice=error.hint)
