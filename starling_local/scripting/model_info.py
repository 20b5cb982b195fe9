"""What a process says of the model that it has loaded."""

from __future__ import annotations

from math import prod
from typing import Any

from starling_local import __version__
from starling_local.engine.context import Context
from starling_local.prompt import Condition

PROTOCOL = 1


def model_info(context: Context) -> dict[str, Any]:
    """The parameters of `ready`, and the result of `model.info`; docs/stdio.md has them."""
    model = context.model
    name = model.header.metadata.get("general.name")
    return {
        "protocol": PROTOCOL,
        "version": __version__,
        "model": model.path.stem,
        "name": name if isinstance(name, str) else None,
        "file": str(model.path),
        "size_bytes": model.header.file_size_bytes,
        "parameters": sum(prod(tensor.shape) for tensor in model.header.tensors),
        "vocabulary": model.vocabulary.size,
        "conditions": [condition.value for condition in Condition],
        "context": context.size,
        "context_per_request": min(context.size, model.trained_context),
        "kv_type": context.kv_type.value,
        "parallel": context.sequences,
    }
