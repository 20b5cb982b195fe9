"""Tokens and the prompts of the model card, for people and for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from starling_local.plain_text import counted, in_short, printable

if TYPE_CHECKING:
    from starling_local.engine.card_proof import CardProof
    from starling_local.engine.examination import Examination

_BYTES = re.compile(r"(\\x[0-9a-f]{2})+")


def token_lines(found: Examination) -> list[str]:
    """How many there are, then a line for each: its id, and its text in quotes or its name."""
    lines = [counted(len(found.ids), "token")]
    for token, piece in zip(found.ids, found.pieces, strict=True):
        shown = printable(piece) if token in found.control else _quoted(piece)
        lines.append(f"{token:6}  {shown}")
    return lines


def _quoted(piece: str) -> str:
    """A piece's text; a byte that is no character by itself is `\\xe2` already."""
    return f"'{piece}'" if _BYTES.fullmatch(piece) else repr(piece)


def as_json(found: Examination) -> dict[str, Any]:
    """The same for `--json`."""
    return {"ids": list(found.ids), "pieces": list(found.pieces)}


def selftest_lines(found: Examination) -> list[str]:
    """What became of each prompt of the card, and of control tokens in a user's text."""
    lines = [line for proof in found.card for line in _proof_lines(proof)]
    if any(proof.expected is None for proof in found.card):
        lines.append("The card's ids are those of Mistral's vocabulary; this file has another one.")
    if found.forged is None:
        lines.append("ok      control tokens that a user types stay text")
    else:
        lines.append(f"FAILED  {printable(found.forged)} in a user's text becomes a control token")
    return lines


def _proof_lines(proof: CardProof) -> Iterator[str]:
    says = "its ids stand for its text" if proof.expected is None else "the card's ids"
    verdict, how = ("ok    ", "") if proof.holds else ("FAILED", "not ")
    found = counted(len(proof.ids), "token")
    yield f"{verdict}  {found}, {how}{says}: {in_short(proof.vector.text)}"
    if not proof.holds:
        yield f"        found    {' '.join(map(str, proof.ids))}"
        if proof.expected is not None:
            yield f"        expected {' '.join(map(str, proof.expected))}"


def selftest_json(found: Examination) -> dict[str, Any]:
    """The same for `--json`; `expected` is null where the card has no ids for the vocabulary."""
    prompts = [
        {
            "prompt": proof.vector.text,
            "ids": list(proof.ids),
            "expected": None if proof.expected is None else list(proof.expected),
            "holds": proof.holds,
        }
        for proof in found.card
    ]
    return {
        "holds": found.forged is None and all(proof.holds for proof in found.card),
        "prompts": prompts,
        "forged": found.forged,
    }
