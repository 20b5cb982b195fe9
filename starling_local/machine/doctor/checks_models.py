"""Do the models hold the prompt template? Each is tried in a process of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from starling_local.engine.examination import Examination, examine
from starling_local.errors import ExitCode, StarlingError
from starling_local.machine.doctor.check import Check, Section, Status, ok, problem
from starling_local.plain_text import counted
from starling_local.store.library import stored_models
from starling_local.store.models import VARIABLE, find_model
from starling_local.store.nano import NAME as NANO
from starling_local.store.nano import nano_model

_SECTION = Section.MODELS


def model_checks(environ: Mapping[str, str]) -> Iterator[Check]:
    """The built-in model, those of the store, and the one of STARLING_MODEL."""
    tried: set[Path] = set()
    try:
        nano = nano_model(environ, lambda _: None)
    except StarlingError as error:
        yield _failed(NANO, error)
    else:
        tried.add(nano)
        yield model_check(NANO, nano)
    try:
        stored = stored_models(environ)
    except StarlingError as error:
        stored = ()
        yield _failed("store", error)
    for model in stored:
        tried.add(model.path)
        check = model_check(model.name, model.path)
        # In folders of others there may be models of all kinds.
        is_foreign = check.status is Status.PROBLEM and not model.is_ours
        yield replace(check, status=Status.NOTE) if is_foreign else check
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
