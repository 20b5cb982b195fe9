"""What the data card promises of the checkpoint, on held-out prompts through llama.cpp."""

from __future__ import annotations

import pytest

from starling_nano.corpus import evaluation
from starling_nano.evaluate import TYPES, shares


@pytest.mark.long
def test_the_share_of_exact_answers() -> None:
    found = shares(TYPES, list(evaluation(seed=1, per_group=100)))
    assert found["Q8_0"] >= 0.95
    assert abs(found["Q8_0"] - found["BF16"]) <= 0.01
    assert found["Q5_K_M"] >= 0.90
    assert found["Q4_K_M"] >= 0.85
