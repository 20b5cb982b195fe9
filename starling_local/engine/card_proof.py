"""What became of the model card's prompts on a vocabulary, and what is wrong if they came out so.

Without llama.cpp, so that a process which leaves that to another one can hold the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starling_local.engine.vocabulary_checks import CONVERT_AGAIN
from starling_local.errors import BadFileError
from starling_local.prompt import CardVector


@dataclass(frozen=True)
class CardProof:
    """What became of a prompt of the model card: its ids, and whether they are the prompt again.

    `expected` is None for another vocabulary than Mistral's: the card has no ids for it.
    """

    vector: CardVector
    ids: tuple[int, ...]
    reads_back: bool
    expected: tuple[int, ...] | None

    @property
    def holds(self) -> bool:
        """Whether the ids are the card's or, where it has none, stand for the prompt's text."""
        return self.reads_back if self.expected is None else self.ids == self.expected


def template_problem(
    proofs: Sequence[CardProof], forged: str | None, path: Path
) -> BadFileError | None:
    """The first thing that is wrong; `forged` is a control token that a user's text became."""
    for proof in proofs:
        if not proof.holds:
            is_known = proof.expected is not None
            wanted = list(proof.vector.ids) if is_known else "ids that stand for it"
            return BadFileError(
                f"{path} splits the model card's prompt {proof.vector.text!r} into "
                f"{list(proof.ids)}, not into {wanted}",
                hint=CONVERT_AGAIN,
            )
    if forged is not None:
        return BadFileError(
            f"{path} reads {forged!r:.80} in a user's text as a control token", hint=CONVERT_AGAIN
        )
    return None
