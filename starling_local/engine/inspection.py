"""Everything a GGUF file says of itself, and whether that holds; whatever is in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import prod
from pathlib import Path

from starling_local.engine.examination import examine
from starling_local.engine.gguf_facts import Architecture, TypeShare, architecture, type_shares
from starling_local.engine.gguf_header import GgufHeader, HeaderSoFar, read_header_so_far
from starling_local.engine.identity import (
    check_computable,
    check_splitting,
    family_pieces,
    identify,
)
from starling_local.engine.vocabulary_checks import check_vocabulary
from starling_local.errors import BadFileError


class Verdict(Enum):
    """What came of a check. NOTED is what holds because the program makes up for the file."""

    HOLDS = "holds"
    NOTED = "noted"
    FAILS = "fails"
    UNTRIED = "untried"


@dataclass(frozen=True)
class Check:
    """One thing that must be so, and whether it is; `said` explains, `hint` says what to do."""

    name: str
    verdict: Verdict
    said: tuple[str, ...] = ()
    hint: str | None = None


@dataclass(frozen=True)
class Inspection:
    """A file's header, and the checks in the order they were made."""

    path: Path
    header: GgufHeader
    is_whole: bool
    """Whether the header was read to its end; else there are more keys and tensors."""
    checks: tuple[Check, ...]

    @property
    def is_sound(self) -> bool:
        """Whether the file can be loaded and spoken to."""
        return all(check.verdict is not Verdict.FAILS for check in self.checks)

    @cached_property
    def architecture(self) -> Architecture:
        """The shape of the model."""
        return architecture(self.header.metadata)

    @cached_property
    def types(self) -> tuple[TypeShare, ...]:
        """The types of its tensors, the one with the most bytes first."""
        return type_shares(self.header.tensors)

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(prod(tensor.shape) for tensor in self.header.tensors)

    @property
    def tensor_bytes(self) -> int:
        """Bytes of all weights."""
        return sum(tensor.size_bytes for tensor in self.header.tensors)


def inspect_gguf(path: Path, *, tries_llama_cpp: bool = True) -> Inspection:
    """Read a file and check it; what is wrong with it is in the checks.

    llama.cpp opens it in a process of its own, if all that can be checked without it holds.

    Raises:
        NotFoundError: there is no such file.
        BadFileError: the file is not GGUF, or cannot be read: there is nothing to show.
    """
    found = read_header_so_far(path)
    checks = [_file_check(found), *_own_checks(found, path)]
    is_promising = all(check.verdict in (Verdict.HOLDS, Verdict.NOTED) for check in checks)
    if tries_llama_cpp:
        checks += _proofs(path) if is_promising else map(_untried, _PROOFS)
    return Inspection(path, found.header, found.is_listed, tuple(checks))


_COMPUTES = "shapes and types can be computed with"
_FAMILY = "a model of the Starling family"
_APART = "control tokens are kept apart from text"
_SPLITS = "texts are split as in training"
_ENDS = "begin, end and template"
_OPENS = "llama.cpp finds every tensor"
_CARD = "the model card's prompts"
_FORGES = "a user cannot type a control token"
_PROOFS = (_OPENS, _CARD, _FORGES)


def _file_check(found: HeaderSoFar) -> Check:
    name = "the file is whole and undamaged"
    problem = found.problem
    return _failed(name, problem) if problem else Check(name, Verdict.HOLDS)


def _own_checks(found: HeaderSoFar, path: Path) -> Iterator[Check]:
    """What the header shows, without llama.cpp."""
    header, metadata = found.header, found.header.metadata
    names = (_FAMILY, _APART, _SPLITS, _COMPUTES, _ENDS)
    if not found.has_metadata:
        yield from map(_untried, names)
        return
    family = _tried(_FAMILY, lambda: family_pieces(metadata, path))
    yield family
    if family.verdict is Verdict.FAILS:
        yield from map(_untried, names[1:])
        return
    pieces = family_pieces(metadata, path)
    yield _tried(_APART, lambda: check_vocabulary(pieces, metadata, path))
    yield _tried(_SPLITS, lambda: check_splitting(metadata, path))
    yield _tried(_COMPUTES, lambda: check_computable(header, path))
    try:
        notes = identify(header, path).notes
    except BadFileError:
        yield _untried(_ENDS)
    else:
        yield Check(_ENDS, Verdict.NOTED if notes else Verdict.HOLDS, notes)


def _tried(name: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except BadFileError as error:
        return _failed(name, error)
    return Check(name, Verdict.HOLDS)


def _proofs(path: Path) -> Iterator[Check]:
    """What llama.cpp makes of the file."""
    try:
        found = examine(path, whole=True)
    except BadFileError as error:
        yield _failed(_OPENS, error)
        yield from map(_untried, _PROOFS[1:])
        return
    yield Check(_OPENS, Verdict.HOLDS)
    wrong = [proof for proof in found.card if not proof.holds]
    says = "they have the card's ids"
    if any(proof.expected is None for proof in found.card):
        says = "their ids stand for their text; the card's ids are for Mistral's vocabulary"
    problem = found.problem(path)
    if wrong and problem:
        yield _failed(_CARD, problem)
    else:
        yield Check(_CARD, Verdict.HOLDS, (says,))
    if found.forged is not None:
        said = f"{found.forged!r:.80} in a user's text becomes one"
        yield Check(_FORGES, Verdict.FAILS, (said,), problem.hint if problem else None)
    else:
        yield Check(_FORGES, Verdict.HOLDS)


def _failed(name: str, error: BadFileError) -> Check:
    return Check(name, Verdict.FAILS, (error.message,), error.hint)


def _untried(name: str) -> Check:
    return Check(name, Verdict.UNTRIED)
