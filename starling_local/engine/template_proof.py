"""The proof, on a loaded vocabulary, that prompts come out as the models' authors have them."""

from __future__ import annotations

from pathlib import Path

from starling_local.engine.card_proof import CardProof
from starling_local.engine.identity import Identity
from starling_local.engine.vocabulary import Vocabulary
from starling_local.engine.vocabulary_checks import CONVERT_AGAIN
from starling_local.errors import BadFileError
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


def forged_token(vocabulary: Vocabulary, identity: Identity) -> int | None:
    """The first control token that a user's text with its name becomes; None as it should be."""
    typed = " ".join(f"{text} a{text}b" for text in identity.reserved.values())
    return min(identity.reserved.keys() & vocabulary.tokenise(typed), default=None)


def prove_template(vocabulary: Vocabulary, identity: Identity, path: Path) -> None:
    """Check that prompts come out as they must.

    With Mistral's vocabulary these are the ids of the model card. With any: a control token that a
    user types stays text. Raises BadFileError.
    """
    for proof in card_proofs(vocabulary, identity) if identity.has_mistral_vocabulary else ():
        if not proof.holds:
            raise BadFileError(
                f"{path} splits the model card's prompt {proof.vector.text!r} into "
                f"{list(proof.ids)}, not into {list(proof.vector.ids)}",
                hint=CONVERT_AGAIN,
            )
    became = forged_token(vocabulary, identity)
    if became is not None:
        raise BadFileError(
            f"{path} reads {identity.reserved[became]!r:.80} in a user's text as a control token",
            hint=CONVERT_AGAIN,
        )
