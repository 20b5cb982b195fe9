"""What is waited for when a model is used, as work that can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from starling_local.machine.asked import Use
from starling_local.machine.tuning.race import Sample

# Of a round at least so much is done, for speeds that mean something: read by all sequences, and
# written by each.
_LEAST_PROMPT, _LEAST_GENERATE = 32, 8


@dataclass(frozen=True)
class Workload:
    """The start, and then `rounds` in which each sequence reads a prompt and writes an answer.

    Sizes are in tokens for each sequence; `name` says for people what it stands for.
    """

    name: str
    rounds: int
    prompt: int
    generate: int
    sequences: int = 1
    is_one_text: bool = False
    """Whether each round follows the ones before: only the first is measured, the others are
    deeper."""

    def cost_s(self, sample: Sample) -> float:
        """How long all of it takes."""
        return sample.start_s + self.rounds * sample.round_s

    def part(self, effort: float) -> tuple[int, int]:
        """Tokens to read and to write for a part of one round."""
        return (
            max(ceil(_LEAST_PROMPT / self.sequences), round(effort * self.prompt)),
            max(_LEAST_GENERATE, round(effort * self.generate)),
        )


WORKLOADS = {
    Use.ASK: Workload("a question of 300 tokens and an answer of 100", 1, 300, 100),
    Use.CHAT: Workload(
        "a chat of 20 turns, of 60 tokens and answers of 150", 20, 60, 150, is_one_text=True
    ),
    Use.BATCH: Workload("160 requests of 100 tokens and answers of 100", 10, 100, 100, 16),
    Use.STDIO: Workload("50 requests of 200 tokens and answers of 100", 50, 200, 100),
}
