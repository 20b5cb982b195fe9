"""The Muon optimiser, many matrices at once.

torch has one too, which takes one matrix after another: on a CPU that takes longer than the rest
of the step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

# The polynomial of https://kellerjordan.github.io/posts/muon: five rounds bring all singular
# values near one.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose every step is made orthogonal, sized like a step of AdamW."""

    def __init__(
        self, matrices: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Move every matrix by its orthogonal momentum."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                by_shape[weight.shape].append(weight)
            for shape, weights in by_shape.items():
                momenta = [self._momentum(weight, group["momentum"]) for weight in weights]
                # The scale that gives AdamW's usual update size (https://arxiv.org/abs/2502.16982).
                size = 0.2 * max(shape) ** 0.5 * group["lr"]
                for weight, update in zip(weights, orthogonal(torch.stack(momenta)), strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=size)

    def _momentum(self, weight: Tensor, momentum: float) -> Tensor:
        """Nesterov's momentum of the gradient."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        average: Tensor = state["momentum"].lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(average, momentum)


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest (semi-)orthogonal matrices, roughly, of (count, rows, columns), in bfloat16."""
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if is_tall else matrices).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if is_tall else x
