"""GGUF files of any size whose weights are a hole: they take no disk, and are made in no time."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from starling_convert.config import parse_config
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_convert.tensors import expected_tensors
from tests.checkpoints import Shape, write_checkpoint

SEVEN = Shape(32, 4096, 14336, 32, 8)


def write_hollow(folder: Path, shape: Shape) -> Path:
    """A checkpoint as the hub has it, but with a hole in place of its weights."""
    write_checkpoint(folder, shape, weights={})
    config = folder / "config.json"
    header, end = {}, 0
    for spec in expected_tensors(parse_config(json.loads(config.read_text()), config)):
        size = 2 * prod(spec.shape)
        offsets = [end, end + size]
        header[spec.source_name] = {
            "dtype": "BF16", "shape": spec.shape, "data_offsets": offsets,
        }  # fmt: skip
        end += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return folder


def write_sparse(folder: Path, file_type: FileType) -> Path:
    """A checkpoint's file in a type beside it, all weights zero."""
    plan = plan_conversion(folder, [file_type], folder.parent)
    [planned] = plan.files
    with planned.path.open("wb") as file:
        file.write(plan.header(file_type, planned.layout))
        file.truncate(planned.size_bytes)
    return planned.path
