"""Options that several commands share, each defined once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from starling_local.cli.asking import Switch
from starling_local.cli.completion import model_names
from starling_local.prompt import SystemForm
from starling_local.settings import LONGEST_CONTEXT, KvType, Overflow

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        "-t",
        min=1,
        metavar="N",
        help="Worker threads, 64 at most [default: all cores]",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A .gguf file, a name that starling models list shows, or nano, which is built in "
        "[default: STARLING_MODEL, else what starling models default has chosen, else nano]",
        autocompletion=model_names,
    ),
]

# How a model is run.
ContextOption = Annotated[
    int | None,
    typer.Option(
        "--ctx",
        metavar="TOKENS",
        min=256,
        max=LONGEST_CONTEXT,
        help="Length of the context [default: the model's, 4096 at most, less where memory is "
        "short]",
    ),
]
ParallelOption = Annotated[
    int,
    typer.Option(
        "--parallel", metavar="N", min=1, max=256, help="Requests that are answered at once."
    ),
]
SharedContextOption = Annotated[
    int | None,
    typer.Option(
        "--ctx",
        metavar="TOKENS",
        min=256,
        max=LONGEST_CONTEXT,
        help="Length of the context that all requests share [default: 8192, less where memory is "
        "short]",
    ),
]
KvTypeOption = Annotated[
    KvType,
    typer.Option("--kv-type", help="Type of the KV cache; q8_0 takes half the memory."),
]
FittedKvTypeOption = Annotated[
    KvType | None,
    typer.Option(
        "--kv-type",
        help="Type of the KV cache; q8_0 takes half the memory [default: f16, or q8_0 where memory "
        "is short]",
    ),
]
RepackOption = Annotated[
    bool | None,
    typer.Option(
        "--repack/--no-repack",
        help="Rewrite the weights for this CPU: a slower start, then faster answers [default: in "
        "a terminal, when memory allows]",
        show_default=False,
    ),
]
RepackBatchOption = Annotated[
    bool | None,
    typer.Option(
        "--repack/--no-repack",
        help="Rewrite the weights for this CPU: a slower start, then faster answers [default: "
        "when memory allows]",
        show_default=False,
    ),
]
RepackShortOption = Annotated[
    bool | None,
    typer.Option(
        "--repack/--no-repack",
        help="Rewrite the weights for this CPU: a slower start, then faster answers [default: no]",
        show_default=False,
    ),
]
RepackOnceOption = Annotated[
    bool,
    typer.Option(
        "--repack/--no-repack",
        help="Rewrite the weights for this CPU: a slower start, then faster answers.",
    ),
]

# Where a model is run.
GpuLayersOption = Annotated[
    str | None,
    typer.Option(
        "--gpu-layers",
        metavar="auto|all|N",
        help="How many layers, from the last on, GPUs hold; the output counts as one more "
        "[default: auto, as many as they have room for]",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME,...",
        help="Use these GPUs, named as starling doctor does [default: all]",
    ),
]
TensorSplitOption = Annotated[
    str | None,
    typer.Option(
        "--tensor-split",
        metavar="N,...",
        help="Share the layers out among the GPUs so, 3,1 for example [default: as they have room]",
    ),
]
MainGpuOption = Annotated[
    int | None,
    typer.Option("--main-gpu", metavar="N", min=0, help="Use this GPU alone, counted from 0."),
]
FlashAttentionOption = Annotated[
    Switch,
    typer.Option(
        "--flash-attn", help="Flash attention: less memory, and needed for a KV cache of q8_0."
    ),
]
FitOption = Annotated[
    bool,
    typer.Option("--fit/--no-fit", help="Refuse what does not fit in memory, or try it."),
]

# What the model is told, and how it chooses.
CodeOption = Annotated[bool, typer.Option("--code", help="Coding mode.")]
SystemOption = Annotated[
    str, typer.Option("--system", metavar="TEXT", help="A system text before the conversation.")
]
SystemFormOption = Annotated[
    SystemForm,
    typer.Option(
        "--system-form",
        help="plain, as the models' authors write a system text, or role, as the chat template.",
    ),
]
TemperatureOption = Annotated[
    float | None,
    typer.Option("--temperature", min=0.0, help="0 always takes the likeliest token [default: 0]"),
]
TopPOption = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        min=0.0,
        max=1.0,
        help="Above temperature 0: choose among the likeliest tokens that together have this "
        "probability [default: 0.95]",
    ),
]
TopKOption = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        min=0,
        help="Above temperature 0: choose among so many of the likeliest tokens; 0 for all "
        "[default: 40]",
    ),
]
MinPOption = Annotated[
    float | None,
    typer.Option(
        "--min-p",
        min=0.0,
        max=1.0,
        help="Above temperature 0: leave out tokens that are less likely than this share of the "
        "likeliest [default: 0.05]",
    ),
]
RepeatPenaltyOption = Annotated[
    float | None,
    typer.Option(
        "--repeat-penalty",
        min=0.001,
        max=1000.0,
        help="Above 1, make the last 64 tokens less likely to come again [default: 1]",
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 2, help="Repeats a text at a temperature above 0."),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option("--max-tokens", metavar="N", min=1, help="The longest answer."),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option("--stop", metavar="TEXT", help="Ends an answer; may be repeated."),
]
OverflowOption = Annotated[
    Overflow,
    typer.Option(
        "--overflow",
        help="When the context is full: forget the oldest turns (shift), forget them and read the "
        "rest again (drop), or fail.",
    ),
]


def given(**options: Any) -> Mapping[str, Any]:
    """Those of the options that the user gave: what has no default of its own is None if not."""
    return {name: value for name, value in options.items() if value is not None}
