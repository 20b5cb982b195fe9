"""Tries a file that nobody vouches for with llama.cpp, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starling_local.engine.card_proof import CardProof, template_problem
from starling_local.engine.guarded_child import ChildDied, ask_child
from starling_local.engine.vocabulary_checks import CONVERT_AGAIN
from starling_local.errors import BadFileError
from starling_local.prompt import CARD_VECTORS, Segment

LIMIT_S = 60
_CHARACTERS_PER_S = 100_000  # what the slowest machine splits into tokens
_EXAMINER = "starling_local.engine.examiner"


@dataclass(frozen=True)
class Examination:
    """What a file's vocabulary does: a text as tokens, and the proofs of the template."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    control: frozenset[int]
    """Those of the ids that are control tokens; their pieces are names."""
    card: tuple[CardProof, ...]
    forged: str | None
    """A control token that a user's text with its name becomes; None as it should be."""

    def problem(self, path: Path) -> BadFileError | None:
        """Why the template does not hold on the file at `path`, if it does not."""
        return template_problem(self.card, self.forged, path)


def examine(
    path: Path,
    what: str | Sequence[Segment] = "",
    *,
    whole: bool = False,
) -> Examination:
    """Open a file, split a bare text or a prompt's segments into tokens, and try the template.

    The weights are never read. `whole` has llama.cpp also look for every tensor that the model
    needs, with its shape.

    Raises:
        NotFoundError: there is no such file.
        BadFileError: the file is damaged, no Starling, or llama.cpp does not survive it.
        BrokenEngineError: llama.cpp itself cannot be loaded.
    """
    request: dict[str, Any] = {"path": str(path), "whole": whole, "text": None, "segments": None}
    if isinstance(what, str):
        request["text"], characters = what, len(what)
    else:
        request["segments"] = [[part.text, part.is_open] for part in what]
        characters = sum(len(part.text) for part in what)
    try:
        answer = ask_child(_EXAMINER, request, LIMIT_S + characters // _CHARACTERS_PER_S)
    except ChildDied as death:
        raise BadFileError(f"{path} is a bad file: {death}", hint=CONVERT_AGAIN) from death
    card = tuple(
        CardProof(
            vector, tuple(one["ids"]), one["reads_back"], vector.ids if one["known"] else None
        )
        for vector, one in zip(CARD_VECTORS, answer["card"], strict=True)
    )
    return Examination(
        tuple(answer["ids"]),
        tuple(answer["pieces"]),
        frozenset(answer["control"]),
        card,
        answer["forged"],
    )
