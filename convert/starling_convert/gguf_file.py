"""The GGUF container: header bytes and the place of every tensor in the file.

Source: docs/gguf.md of ggml, version 3. The keys and value types come from the gguf library; its
writer is not used for the file itself, because it can neither tell the size of a header before
writing nor place tensors that arrive out of order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starling_convert.recipe import Recipe, TensorType
from starling_convert.tensors import TensorSpec
from starling_local.errors import BadFileError

if TYPE_CHECKING:
    from gguf import GGUFValue

ALIGNMENT = 32
# GGUFValueType's members: two kinds of its own, and the struct formats of the scalars.
_STRING, _ARRAY = 8, 9
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))


@dataclass(frozen=True)
class PlacedTensor:
    """A tensor's type and its place: `offset` counts bytes from the start of the data section."""

    spec: TensorSpec
    type: TensorType
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class Layout:
    """The data section of a file: tensors in the order they are stored, each aligned."""

    tensors: tuple[PlacedTensor, ...]
    size_bytes: int

    @property
    def bits_per_weight(self) -> float:
        """Tensor bits, without metadata and padding, per weight."""
        weights = sum(tensor.spec.n_weights for tensor in self.tensors)
        return sum(tensor.size_bytes for tensor in self.tensors) * 8 / weights


def plan_layout(specs: Iterable[TensorSpec], recipe: Recipe) -> Layout:
    """Place every tensor as llama-quantize does: in order, each padded to the alignment."""
    tensors = []
    end = 0
    for spec in specs:
        tensor_type = recipe.tensor_type(spec)
        size_bytes = tensor_type.size_bytes(spec.n_weights)
        tensors.append(PlacedTensor(spec, tensor_type, end, size_bytes))
        end += padded(size_bytes)
    return Layout(tuple(tensors), end)


def header_bytes(metadata: Mapping[str, GGUFValue], layout: Layout) -> bytes:
    """Everything before the data section, padded to the alignment."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(layout.tensors), len(metadata))]
    for key, entry in metadata.items():
        sub_type = None if entry.sub_type is None else int(entry.sub_type)
        try:
            parts += [_string(key), _typed(entry.value, int(entry.type), sub_type)]
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise BadFileError(
                f"metadata {key} cannot hold {entry.value!r:.100}: {error}",
                hint="correct the value in the checkpoint's JSON files or model card",
            ) from error
    for tensor in layout.tensors:
        dims = tuple(reversed(tensor.spec.shape))
        parts.append(_string(tensor.spec.name))
        parts.append(struct.pack(f"<I{len(dims)}Q", len(dims), *dims))
        parts.append(struct.pack("<IQ", tensor.type.ggml_id, tensor.offset))
    raw = b"".join(parts)
    return raw.ljust(padded(len(raw)), b"\0")


def _typed(value: Any, value_type: int, sub_type: int | None) -> bytes:
    return struct.pack("<I", value_type) + _value(value, value_type, sub_type)


def _value(value: Any, value_type: int, sub_type: int | None) -> bytes:
    if value_type == _STRING:
        return _string(value)
    if value_type == _ARRAY:
        item_type = _item_type(value) if sub_type is None else sub_type
        head = struct.pack("<IQ", item_type, len(value))
        return head + b"".join(_value(item, item_type, None) for item in value)
    return struct.pack("<" + _SCALARS[value_type], value)


def _item_type(values: Any) -> int:
    from gguf import GGUFValueType

    # As gguf's GGUFWriter: the first item decides.
    return int(GGUFValueType.get_type(values[0]))


def _string(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def padded(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
