"""What a model's file holds, drawn for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from starling_local.engine.gguf_facts import (
    Architecture,
    TypeShare,
    file_type_name,
    provenance,
    type_name,
)
from starling_local.engine.inspection import Check, Inspection, Verdict
from starling_local.plain_text import counted, in_short, printable, sized
from starling_local.prompt import CHAT_TEMPLATE

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table

    from starling_local.engine.gguf_header import Value

_USUAL_CONTEXT = 4096
_BAR_CELLS = 10  # so that it fits a terminal of 80 columns
_BAR = ""  # the header of its column
_COLUMNS = ("tensors", "weights", "bits/\nweight", "bytes", "share", _BAR)
_DISPENSABLE = ("weights", _BAR, "tensors", "share")
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LONGEST_TEXT, _FEW = 200, 4
# A real model has some hundred of each; to lay out what a hostile file may have takes minutes.
MOST_ROWS = 2000
_VERDICTS = {
    Verdict.HOLDS: ("ok", "green"),
    Verdict.NOTED: ("noted", "yellow"),
    Verdict.FAILS: ("FAILED", "bold red"),
    Verdict.UNTRIED: ("not tried", "dim"),
}


def gguf_report(
    found: Inspection, *, is_ascii: bool, tensors: bool, metadata: bool
) -> RenderableType:
    """Facts, types and checks; every tensor and all metadata if they are asked for."""
    from rich.console import Group

    parts: list[RenderableType] = [facts_table([*_facts(found)])]
    if found.types:
        parts.append(TypesTable(found.types, is_ascii))
    parts += _mixture(found.types)
    if metadata:
        parts.append(_metadata_table(found))
    if tensors:
        parts.append(_tensor_table(found))
    return Group(*parts, checks_table(found.checks))


def facts_table(facts: Sequence[tuple[str, str]]) -> Table:
    """Pairs of a name and what is said of it."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in facts:
        table.add_row(f" {printable(name)}", printable(said))
    return table


@dataclass(frozen=True)
class TypesTable:
    """A row for each type, with a bar for its share of the bytes, and one for all.

    A terminal that is too narrow gets fewer columns, and no numbers that are cut.
    """

    shares: Sequence[TypeShare]
    is_ascii: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """The table, as rich asks for it."""
        endless = options.update(width=1000)
        for count in range(len(_DISPENSABLE) + 1):
            table = self._table(_DISPENSABLE[:count])
            if console.measure(table, options=endless).maximum <= options.max_width:
                break
        yield table

    def _table(self, left_out: Sequence[str]) -> Table:
        table = plain_table("type")
        names = [name for name in _COLUMNS if name not in left_out]
        for name in names:
            table.add_column(name, justify="left" if name == _BAR else "right", no_wrap=True)
        whole = sum(share.size_bytes for share in self.shares)
        for share in self.shares:
            cells = self._cells(share, share.size_bytes / whole)
            table.add_row(share.name, *(cells[name] for name in names))
        if len(self.shares) != 1:
            weights = sum(share.weights for share in self.shares)
            tensors = sum(share.tensors for share in self.shares)
            cells = self._cells(TypeShare("all", tensors, weights, whole, ()), 1)
            cells |= {"share": "", _BAR: ""}
            table.add_row("all", *(cells[name] for name in names))
        return table

    def _cells(self, share: TypeShare, part: float) -> dict[str, str]:
        return {
            "tensors": f"{share.tensors:,}",
            "weights": f"{share.weights:,}",
            "bits/\nweight": f"{share.bits_per_weight:.2f}",
            "bytes": f"{share.size_bytes:,}",
            "share": f"{part:.1%}",
            _BAR: bar(part, self.is_ascii),
        }


def bar(part: float, is_ascii: bool) -> str:
    """A share of one as a bar, which is never invisible."""
    if is_ascii:
        return "#" * max(round(part * _BAR_CELLS), 1)
    full, eighths = divmod(max(round(part * _BAR_CELLS * 8), 1), 8)
    return "█" * full + _EIGHTHS[eighths].strip()


def checks_table(checks: Sequence[Check]) -> Table:
    """A row for each check: its verdict, what it is about, and what is to be said."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    table = plain_table("check")
    table.add_column("", overflow="fold")
    for check in checks:
        word, style = _VERDICTS[check.verdict]
        said = (Padding(Text(printable(text)), (0, 0, 0, 2)) for text in check.said)
        table.add_row(Text(word, style), Group(check.name, *said))
    return table


def shown_value(value: Value) -> str:
    """A value of metadata in short: the beginning of long texts, and of arrays with how many."""
    if isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, str):
        return in_short(value, _LONGEST_TEXT)
    first = ", ".join(in_short(repr(item)) for item in value[:_FEW])
    return f"[{first}{', …' if len(value) > _FEW else ''}] ({len(value):,})"


def plain_table(first: str, *, folds: bool = False) -> Table:
    """A table with one column, whose rows are headed by names, which may be long if it `folds`."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=not folds, overflow="fold")
    return table


def _mixture(shares: Sequence[TypeShare]) -> Iterator[str]:
    """Which tensors are not of the type that most bytes are of; norms, always F32, left out."""
    for share in shares[1:]:
        kinds = [kind for kind in share.kinds if not kind.kind.endswith("norm")]
        if kinds:
            where = ", ".join(
                kind.kind if kind.count == kind.of else f"{kind.kind} ({kind.count} of {kind.of})"
                for kind in kinds
            )
            yield f" {share.name}: {in_short(where, _LONGEST_TEXT)}"


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    header = found.header
    named = file_type_name(header.metadata)
    kind = f"GGUF version {header.version}" + (f", {named}" if named else "")
    yield "file", f"{found.path.name}: {sized(header.file_size_bytes)}, {kind}"
    yield from shape_facts(found.architecture)
    if found.types:
        bits = found.tensor_bytes * 8 / found.parameters
        yield "parameters", f"{found.parameters:,}, {bits:.2f} bits each"
    if found.is_whole:
        yield "chat template", _template(header.metadata.get("tokenizer.chat_template"))
    else:
        yield "", "the file is damaged: this is what could be read of it"
    for name, text in provenance(header.metadata):
        yield name, in_short(text, _LONGEST_TEXT)


def _template(value: Value | None) -> str:
    if value is None:
        return "none"
    return "Starling's" if value == CHAT_TEMPLATE else f"another: {in_short(shown_value(value))}"


def shape_facts(shape: Architecture) -> Iterator[tuple[str, str]]:
    """What the numbers of a model say to people; what is not known is left out."""
    numbers = (
        (shape.layers, "{:,} layers"),
        (shape.hidden, "{:,} wide"),
        (shape.ffn, "feed-forward {:,}"),
        (shape.heads, "{:,} heads"),
        (shape.kv_heads, "{:,} of keys and values"),
        (shape.head_size, "of {:,} each"),
    )
    said = ", ".join(form.format(value) for value, form in numbers if value is not None)
    if shape.name or said:
        yield "architecture", ": ".join(filter(None, (shape.name, said)))
    if shape.context is not None:
        theta = f", rope theta {shape.rope_theta:,.0f}" if shape.rope_theta is not None else ""
        yield "context", f"{counted(shape.context, 'token')}{theta}"
    if shape.vocabulary is not None:
        yield "vocabulary", counted(shape.vocabulary, "token")
    half, quantised = (shape.kv_bytes_per_token(is_quantised=flag) for flag in (False, True))
    if half and quantised:
        length = min(shape.context or _USUAL_CONTEXT, _USUAL_CONTEXT)
        yield (
            "KV cache",
            f"{round(half / 1024, 2):g} KiB per token, {round(quantised / 1024, 2):g} as q8_0; "
            f"{sized(half * length)} for {length:,} tokens",
        )


def _metadata_table(found: Inspection) -> Table:
    table = plain_table("metadata", folds=True)
    table.add_column("", overflow="fold")
    for key, value in islice(found.header.metadata.items(), MOST_ROWS):
        table.add_row(key, printable(shown_value(value)))
    say_more(table, len(found.header.metadata))
    return table


def _tensor_table(found: Inspection) -> Table:
    table = plain_table("tensor", folds=True)
    for name in ("shape", "type", "weights", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for tensor in found.header.tensors[:MOST_ROWS]:
        table.add_row(
            tensor.name,
            " x ".join(map(str, tensor.shape)),
            type_name(tensor.type_id),
            f"{prod(tensor.shape):,}",
            f"{tensor.size_bytes:,}",
        )
    say_more(table, len(found.header.tensors))
    return table


def say_more(table: Table, count: int) -> None:
    """Say of a list that was cut that it goes on, and where."""
    if count > MOST_ROWS:
        table.add_row(f"... and {count - MOST_ROWS:,} more; --json has all")
