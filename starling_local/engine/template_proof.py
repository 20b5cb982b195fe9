"""The proof, on a loaded vocabulary, that prompts come out as the models' authors have them."""

from __future__ import annotations

from pathlib import Path

from starling_local.engine.card_proof import CardProof, template_problem
from starling_local.engine.identity import Identity
from starling_local.engine.vocabulary import Vocabulary
from starling_local.prompt import CARD_VECTORS, CardVector, Segment, encode


def card_proofs(vocabulary: Vocabulary, identity: Identity) -> tuple[CardProof, ...]:
    """Each prompt of the model card on this vocabulary."""
    return tuple(_card_proof(vector, vocabulary, identity) for vector in CARD_VECTORS)


def _card_proof(vector: CardVector, vocabulary: Vocabulary, identity: Identity) -> CardProof:
    *closed, last = vector.segments
    ids = encode([*map(Segment, closed), Segment(last, is_open=True)], vocabulary)
    turns: list[bytes] = [b""]
    for token in ids[1:]:
        if token == vocabulary.end_of_turn:
            turns.append(b"")
        else:
            turns[-1] += vocabulary.piece(token)
    # SentencePiece puts a space before each text.
    reads_back = turns == [b" " + segment.encode() for segment in vector.segments]
    expected = vector.ids if identity.has_mistral_vocabulary else None
    return CardProof(vector, tuple(ids), reads_back and ids[0] == vocabulary.bos, expected)


def forged_token(vocabulary: Vocabulary, identity: Identity) -> str | None:
    """The first control token that a user's text with its name becomes; None as it should be."""
    typed = " ".join(f"{text} a{text}b" for text in identity.reserved.values())
    became = identity.reserved.keys() & vocabulary.tokenise(typed)
    return identity.reserved[min(became)] if became else None


def prove_template(vocabulary: Vocabulary, identity: Identity, path: Path) -> None:
    """Check that prompts come out as they must.

    With Mistral's vocabulary these are the ids of the model card. With any: a prompt's ids stand
    for its text, and a control token that a user types stays text. Raises BadFileError.
    """
    forged = forged_token(vocabulary, identity)
    if problem := template_problem(card_proofs(vocabulary, identity), forged, path):
        raise problem
