"""What became of the model card's prompts on a vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

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
