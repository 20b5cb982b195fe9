"""What a model's file holds, for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

from starling_local.engine.gguf_facts import file_type_name, provenance, type_name

if TYPE_CHECKING:
    from starling_local.engine.gguf_header import Value
    from starling_local.engine.inspection import Check, Inspection


def gguf_json(found: Inspection) -> dict[str, Any]:
    """Everything, the longest arrays of the metadata included."""
    header, shape = found.header, found.architecture
    return {
        "kind": "gguf",
        "file": str(found.path),
        "sound": found.is_sound,
        "size_bytes": header.file_size_bytes,
        "version": header.version,
        "file_type": file_type_name(header.metadata),
        "architecture": {key: _number(value) for key, value in asdict(shape).items()},
        "parameters": found.parameters,
        "kv_bytes_per_token": {
            "f16": shape.kv_bytes_per_token(is_quantised=False),
            "q8_0": shape.kv_bytes_per_token(is_quantised=True),
        },
        "types": [
            {
                "type": share.name,
                "tensors": share.tensors,
                "weights": share.weights,
                "bits_per_weight": round(share.bits_per_weight, 4),
                "size_bytes": share.size_bytes,
                "kinds": {kind.kind: kind.count for kind in share.kinds},
            }
            for share in found.types
        ],
        "checks": checks_json(found.checks),
        "provenance": [{"what": what, "is": text} for what, text in provenance(header.metadata)],
        "metadata": {key: _value(value) for key, value in header.metadata.items()},
        "tensors": [
            {
                "name": tensor.name,
                "shape": list(tensor.shape),
                "type": type_name(tensor.type_id),
                "weights": prod(tensor.shape),
                "size_bytes": tensor.size_bytes,
            }
            for tensor in header.tensors
        ],
    }


def checks_json(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The checks in their order; `verdict` is holds, noted, fails or untried."""
    return [
        {
            "name": check.name,
            "verdict": check.verdict.value,
            "said": list(check.said),
            "hint": check.hint,
        }
        for check in checks
    ]


def _value(value: Value) -> Any:
    if isinstance(value, (bool, int, float, str)):
        return _number(value)
    return [_number(item) for item in value]


def _number(value: Any) -> Any:
    """The value; JSON has no infinity and no NaN, so these are texts."""
    return str(value) if isinstance(value, float) and not isfinite(value) else value
