"""What `benchmarks.gpu` runs in processes of their own, on the libraries that it has built.

    python -m benchmarks.gpu_child machine
    python -m benchmarks.gpu_child layers MODEL.gguf
    python -m benchmarks.gpu_child answers MODEL.gguf LAYERS THREADS
    python -m benchmarks.gpu_child memory MODEL.gguf LAYERS CONTEXT

Each prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from starling_local.engine.context import Context
from starling_local.engine.devices import devices, processor_features
from starling_local.engine.generation import generate
from starling_local.engine.gguf_header import read_header
from starling_local.engine.library import package
from starling_local.engine.llama_build import llama_build
from starling_local.engine.model import Model
from starling_local.machine.asked import PREFERRED, Asked, Use
from starling_local.machine.fitting.demand import Way, gpu_shares
from starling_local.machine.fitting.fit import Machine, plan
from starling_local.machine.fitting.footprint import Footprint, footprint
from starling_local.machine.fitting.memory import host_memory
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, KvType, Limits, LoadSettings, Sampling

QUESTIONS = (
    "What is the capital of France?", "What is 17 + 25?", "Who are you?",
    "How do I convert a checkpoint?", "Which quantisation should I use?", "What is a GGUF file?",
    "Does it need a graphics card?", "How do I save a chat?", "What does /undo do?",
    "Tell me a story about a dog.", "What comes after Tuesday?", "What is 8 times 7?",
    "Name a colour of the rainbow.", "My name is Ada. What is my name?",
    "What is the largest planet?", "How do I stop an answer?",
)  # fmt: skip
MOST_TOKENS = 64
_BATCH = ContextSettings.batch


def machine() -> dict[str, Any]:
    """The build, and the graphics cards that it finds."""
    found = llama_build()
    return {
        "build": f"{package()}, ggml {found.ggml_version}",
        "back_ends": found.back_ends,
        "architectures": found.features_of("CUDA").get("ARCHS"),
        "cards": [
            {"name": one.name, "description": one.description, "total_bytes": one.total_bytes}
            for one in devices()
            if one.is_gpu
        ],
    }


def layers_of(path: Path) -> dict[str, Any]:
    """How many layers can be offloaded: the output counts as one."""
    return {"layers": footprint(read_header(path), "").layers}


def answers(path: Path, layers: int, threads: int) -> dict[str, Any]:
    """Greedy answers: of each its tokens, and by how much each was the likeliest, as logits."""
    found = []
    with (
        Model(path, LoadSettings(gpu_layers=layers)) as model,
        Context(model, ContextSettings(context=1024, threads=threads)) as context,
    ):
        for question in QUESTIONS:
            segments = prompt_segments([Message(Role.USER, question)])
            ids = encode(segments, model.vocabulary)
            limits = Limits(max_tokens=MOST_TOKENS)
            context.keep(0)
            chunks = list(generate(context, ids, Sampling(), limits, logprobs=2))
            logprobs = [one for chunk in chunks for one in chunk.logprobs]
            found.append(
                {
                    "tokens": [one.token for one in logprobs],
                    "margins": [one.top[0][1] - one.top[1][1] for one in logprobs],
                }
            )
    return {"answers": found}


def memory(path: Path, layers: int, context_tokens: int) -> dict[str, Any]:
    """What a model takes of each graphics card, as estimated and as ggml reports it."""
    cards = [one for one in devices() if one.is_gpu]
    size = footprint(read_header(path), processor_features())
    before = free_bytes()
    with (
        Model(path, LoadSettings(gpu_layers=layers)) as model,
        Context(model, ContextSettings(context=context_tokens)) as context,
    ):
        ids = [model.vocabulary.bos] * min(_BATCH, context_tokens - 1)
        list(generate(context, ids, Sampling(), Limits(max_tokens=1)))
        after = free_bytes()
    chosen = plan(size, Machine(host_memory(), devices()), Asked(), PREFERRED[Use.ASK])
    return {
        "measured_bytes": [one - two for one, two in zip(before, after, strict=True)],
        "estimated_bytes": estimated(size, layers, context_tokens, len(cards)),
        "layers_of_automatic_fit": sum(chosen.way.split),
        "layers": size.layers,
    }


def free_bytes() -> list[int]:
    """What is free on each graphics card."""
    return [one.free_bytes for one in devices() if one.is_gpu]


def estimated(size: Footprint, layers: int, context_tokens: int, cards: int) -> list[int]:
    """What the planner expects on each card; all layers are on the first, as there is but one."""
    if not cards:
        return []
    split = (min(layers, size.layers), *([0] * (cards - 1)))
    way = Way(context_tokens, KvType.F16, _BATCH, 1, True, False, split)
    return [share.total for share in gpu_shares(size, way)]


def main(words: list[str]) -> None:
    """Do what the command line says."""
    what, *rest = words
    numbers = map(int, rest[1:])
    if what == "machine":
        result = machine()
    elif what == "layers":
        result = layers_of(Path(rest[0]))
    elif what == "answers":
        result = answers(Path(rest[0]), *numbers)
    else:
        result = memory(Path(rest[0]), *numbers)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
