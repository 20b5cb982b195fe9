"""Training: AdamW and Muon on conversations made on the way, seeded, resumable.

    python -m starling_nano.train --work /tmp/nano           trains, then writes the checkpoint
    python -m starling_nano.train --work /tmp/nano --tokens 2e6   a short trial

The work folder keeps the state of a run; the same command goes on where an interrupted one was.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from starling_nano.corpus import train_conversation
from starling_nano.model import Nano, save
from starling_nano.muon import Muon
from starling_nano.tokenizer import CONTEXT, FOLDER, PADDING_ID, Tokenizer


@dataclass(frozen=True)
class Settings:
    """A training run. `tokens` counts those that the model reads, padding left out."""

    tokens: int = 34_000_000
    seed: int = 0
    batch_tokens: int = 6144
    chunk_tokens: int = 250_000
    matrix_rate: float = 4e-3
    other_rate: float = 4e-3
    weight_decay: float = 0.05
    warm_up: float = 0.01


@dataclass(frozen=True)
class Batch:
    """Token ids and which of them are learned, both (rows, length), short rows padded."""

    ids: Tensor
    learned: Tensor
    tokens: int


def batches(tokenizer: Tokenizer, settings: Settings, chunk: int) -> Iterator[Batch]:
    """The batches of one chunk of the corpus: rows of like length together, in mixed order."""
    rng = random.Random(f"{settings.seed} {chunk}")
    rows: list[tuple[list[int], list[bool]]] = []
    total = 0
    while total < settings.chunk_tokens:
        row = tokenizer.encode(train_conversation(rng))
        if len(row[0]) <= CONTEXT:
            rows.append(row)
            total += len(row[0])
    rows.sort(key=lambda row: len(row[0]))
    groups: list[list[tuple[list[int], list[bool]]]] = [[]]
    for row in rows:
        if groups[-1] and len(row[0]) * (len(groups[-1]) + 1) > settings.batch_tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    yield from map(_padded, groups)


def _padded(rows: list[tuple[list[int], list[bool]]]) -> Batch:
    length = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), length), PADDING_ID)
    learned = torch.zeros((len(rows), length), dtype=torch.bool)
    for index, (row, mask) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        learned[index, : len(mask)] = torch.tensor(mask)
    return Batch(ids, learned, sum(len(row) for row, _ in rows))


def fingerprint(tokenizer: Tokenizer) -> str:
    """A hash of the first conversations as token ids: of the corpus and of the tokenizer."""
    rng = random.Random(0)
    rows = [tokenizer.encode(train_conversation(rng)) for _ in range(1000)]
    return sha256(repr(rows).encode()).hexdigest()


class Run:
    """A training run: the model, its optimisers, and how far it is."""

    def __init__(self, settings: Settings, device: str) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.device = device
        self.model = Nano().to(device)
        matrices = [weight for name, weight in self.model.named_parameters()
                    if weight.dim() == 2 and "layers" in name]  # fmt: skip
        others = [weight for name, weight in self.model.named_parameters()
                  if weight.dim() != 2 or "layers" not in name]  # fmt: skip
        # Muon for the matrices of the layers, AdamW for embeddings, output and norms.
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon(matrices, settings.matrix_rate, 0.95, settings.weight_decay),
            torch.optim.AdamW(others, settings.other_rate, (0.9, 0.98), weight_decay=0.0,
                              fused=True),
        ]  # fmt: skip
        self.rates = (settings.matrix_rate, settings.other_rate)
        self.chunk = 0
        self.tokens = 0

    def step(self, batch: Batch) -> float:
        """One step of the optimisers; returns the loss."""
        done = self.tokens / self.settings.tokens
        factor = min(1.0, done / self.settings.warm_up + 0.02) * max(0.0, 1.0 - done)
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        with torch.autocast(self.device, torch.bfloat16):
            loss = self.model.loss(batch.ids.to(self.device), batch.learned.to(self.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.tokens += batch.tokens
        return loss.item()

    def save(self, path: Path, corpus: str) -> None:
        """Keep the state, so that a run that ends here can go on with the same corpus."""
        part = path.with_suffix(".part")
        state = {
            "settings": asdict(self.settings),
            "corpus": corpus,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "chunk": self.chunk,
            "tokens": self.tokens,
        }
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path, corpus: str) -> None:
        """Take up a state that `save` kept. Raises ValueError if it is of another run."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        if (state["settings"], state["corpus"]) != (asdict(self.settings), corpus):
            raise ValueError(
                f"{path} was kept by a run with other settings, another corpus or another "
                "tokenizer: name another --work folder, or delete it"
            )
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.chunk, self.tokens = state["chunk"], state["tokens"]


def train(settings: Settings, work: Path, folder: Path, device: str) -> None:
    """Train, and write the checkpoint into `folder` at the end; the state is kept in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(folder)
    run = Run(settings, device)
    corpus = fingerprint(tokenizer)
    state = work / "state.pt"
    if state.exists():
        run.load(state, corpus)
    started, first = time.monotonic(), run.tokens
    while run.tokens < settings.tokens:
        losses = [run.step(batch) for batch in batches(tokenizer, settings, run.chunk)]
        run.chunk += 1
        run.save(state, corpus)
        speed = (run.tokens - first) / (time.monotonic() - started)
        left = (settings.tokens - run.tokens) / speed / 60
        print(  # noqa: T201
            f"{run.tokens / 1e6:7.2f} M tokens  loss {sum(losses) / len(losses):.4f}  "
            f"{speed:,.0f} tokens/s  {max(0.0, left):.0f} min left",
            flush=True,
        )
    save(run.model, folder)


def main() -> None:
    """Train with the settings of the command line."""
    defaults = Settings()
    parser = argparse.ArgumentParser(description="Train Starling Nano.")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run's state")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the checkpoint goes")
    parser.add_argument("--tokens", type=float, default=defaults.tokens)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    settings = Settings(tokens=int(options.tokens), seed=options.seed)
    train(settings, options.work, options.folder, options.device)


if __name__ == "__main__":
    main()
