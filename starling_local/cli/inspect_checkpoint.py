"""What a checkpoint folder holds, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starling_local.cli.inspect_json import checks_json
from starling_local.cli.inspect_report import (
    MOST_ROWS,
    TypesTable,
    checks_table,
    facts_table,
    plain_table,
    say_more,
    shape_facts,
)
from starling_local.engine.gguf_facts import Architecture, TypeShare
from starling_local.engine.inspection import Check, Verdict
from starling_local.plain_text import in_short, printable, sized

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from starling_convert.inspection import CheckpointInspection, Step

_FEW = 4


def checkpoint_report(
    found: CheckpointInspection, *, is_ascii: bool, tensors: bool
) -> RenderableType:
    """Facts, types, checks, and what it could become; every tensor if that is asked for."""
    from rich.console import Group

    parts: list[RenderableType] = [facts_table([*_facts(found)])]
    if found.checkpoint:
        parts.append(TypesTable(_types(found), is_ascii))
        if tensors:
            parts.append(_tensor_table(found))
    parts.append(checks_table(checks(found)))
    if found.files:
        parts.append(_files_table(found))
    return Group(*parts)


def is_sound(found: CheckpointInspection) -> bool:
    """Whether it can be converted, and spoken to then."""
    return all(step.problem is None for step in found.steps)


def checks(found: CheckpointInspection) -> tuple[Check, ...]:
    """The steps as checks."""
    return tuple(map(_check, found.steps))


def _check(step: Step) -> Check:
    if not step.was_tried:
        return Check(step.name, Verdict.UNTRIED)
    if step.problem:
        return Check(step.name, Verdict.FAILS, (step.problem.message,), step.problem.hint)
    return Check(step.name, Verdict.NOTED if step.notes else Verdict.HOLDS, step.notes)


def _architecture(found: CheckpointInspection) -> Architecture | None:
    config = found.config
    if config is None:
        return None
    return Architecture(
        name=config.architecture,
        layers=config.n_layers,
        hidden=config.hidden_size,
        ffn=config.ffn_size,
        heads=config.n_heads,
        kv_heads=config.n_kv_heads,
        head_size=config.head_dim,
        context=config.context_length,
        rope_theta=config.rope_theta,
        norm_epsilon=config.rms_norm_eps,
        vocabulary=config.vocab_size,
    )


def _types(found: CheckpointInspection) -> list[TypeShare]:
    return [
        TypeShare(one.dtype, one.tensors, one.weights, one.size_bytes, ()) for one in found.dtypes
    ]


def _facts(found: CheckpointInspection) -> Iterator[tuple[str, str]]:
    yield "checkpoint", str(found.folder)
    if found.checkpoint:
        shards = found.checkpoint.shards
        names = [f"{shard.path.name} ({sized(shard.size_bytes)})" for shard in shards[:_FEW]]
        more = f" and {len(shards) - _FEW} more" if len(shards) > _FEW else ""
        yield "weights", ", ".join(names) + more
    if shape := _architecture(found):
        yield from shape_facts(shape)
    if found.vocabulary:
        own = "Mistral's own" if found.has_mistral_tokenizer else "not Mistral's"
        yield "tokenizer", f"{found.vocabulary.processor.vocab_size():,} pieces, {own}"
        added = [f"{text} ({token})" for token, text in found.added_tokens.items()]
        yield "added tokens", in_short(", ".join(added), 200) or "none"
    source = found.source
    if source:
        yield "name", source.name
        for what, text in (("source", source.repo), ("revision", source.revision)):
            if text:
                yield what, text
    if found.licence:
        yield "licence", in_short(found.licence, 200)


def _files_table(found: CheckpointInspection) -> Table:
    table = plain_table("converts to")
    for name in ("bits/\nweight", "size", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for file in found.files:
        bits = f"{file.layout.bits_per_weight:.2f}"
        table.add_row(file.file_type.name, bits, sized(file.size_bytes), f"{file.size_bytes:,}")
    return table


def _tensor_table(found: CheckpointInspection) -> Table:
    table = plain_table("tensor", folds=True)
    for name in ("shape", "type", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    tensors = [*found.checkpoint.tensors.values()] if found.checkpoint else []
    for tensor in tensors[:MOST_ROWS]:
        shape = " x ".join(map(str, tensor.shape))
        table.add_row(printable(tensor.name), shape, tensor.dtype, f"{tensor.size_bytes:,}")
    say_more(table, len(tensors))
    return table


def checkpoint_json(found: CheckpointInspection) -> dict[str, Any]:
    """Everything; null is what could not be read."""
    shape, vocabulary, checkpoint = _architecture(found), found.vocabulary, found.checkpoint
    return {
        "kind": "checkpoint",
        "folder": str(found.folder),
        "sound": is_sound(found),
        "name": found.source.name if found.source else None,
        "repo": found.source.repo if found.source else None,
        "revision": found.source.revision if found.source else None,
        "licence": found.licence,
        "architecture": asdict(shape) if shape else None,
        "shards": [
            {"file": shard.path.name, "size_bytes": shard.size_bytes, "tensors": len(shard.tensors)}
            for shard in (checkpoint.shards if checkpoint else ())
        ],
        "types": [
            {
                "type": one.dtype,
                "tensors": one.tensors,
                "weights": one.weights,
                "size_bytes": one.size_bytes,
            }
            for one in found.dtypes
        ],
        "tokenizer": vocabulary
        and {
            "sha256": vocabulary.tokenizer_sha256,
            "is_mistral": found.has_mistral_tokenizer,
            "pieces": vocabulary.processor.vocab_size(),
            "added_tokens": {text: token for token, text in found.added_tokens.items()},
            "special_ids": dict(vocabulary.special_ids),
        },
        "checks": checks_json(checks(found)),
        "converts_to": [
            {
                "type": file.file_type.name,
                "size_bytes": file.size_bytes,
                "bits_per_weight": round(file.layout.bits_per_weight, 4),
            }
            for file in found.files
        ],
        "tensors": [
            {
                "name": tensor.name,
                "shape": list(tensor.shape),
                "type": tensor.dtype,
                "size_bytes": tensor.size_bytes,
            }
            for tensor in (checkpoint.tensors.values() if checkpoint else ())
        ],
    }
