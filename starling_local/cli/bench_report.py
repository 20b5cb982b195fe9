"""The result of `starling bench`, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from starling_local.plain_text import counted, printable, sized

if TYPE_CHECKING:
    from rich.table import Table

    from starling_local.machine.speed.bench_report import BenchReport
    from starling_local.machine.speed.bench_tests import Measured


WIDE = 64
"""Columns of a terminal from which on tables show the spread, too."""


def as_table(report: BenchReport, width: int) -> Table:
    """The tests as a table for a terminal so wide."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("test", no_wrap=True)
    names = ("tokens/s", "lowest", "highest")[: 3 if width >= WIDE else 1]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for one in report.measured:
        speeds = (one.median, min(one.speeds), max(one.speeds))
        table.add_row(one.test.name, *map(figure, speeds[: len(names)]))
    return table


def summary(report: BenchReport) -> list[str]:
    """Start, memory, model and machine in some lines."""
    lines = []
    if report.startup_s:
        low, middle, high = spread(report.startup_s)
        lines.append(f"start to first token: {middle:.2f} s ({low:.2f} to {high:.2f})")
    model, machine, settings = report.model, report.machine, report.settings
    if report.peak_rss_bytes:
        parts = f"weights {sized(model.weights_bytes)}, KV cache {sized(report.kv_bytes)}"
        lines.append(f"memory: {sized(report.peak_rss_bytes)} at most ({parts})")
    threads = f"{counted(settings.threads, 'thread')} on {counted(machine.cores, 'core')}"
    words = [
        machine.llama_cpp,
        "repacking" if settings.repack else "no repacking",
        f"KV cache {settings.kv_type}",
    ]
    if machine.gpus:
        words.append(f"{settings.gpu_layers} layers on GPUs")
    if settings.flash_attention is not None:
        words.append(f"{'' if settings.flash_attention else 'no '}flash attention")
    lines += [
        printable(f"{model.name}, {sized(model.size_bytes)}"),
        printable(", ".join((machine.cpu, threads, *machine.gpus))),
        printable(", ".join((*words, counted(settings.repeats, "repeat")))),
    ]
    return lines


def as_json(report: BenchReport) -> dict[str, Any]:
    """The same and more, for `--json`; the tests with the names of llama-bench."""
    model, machine, settings = report.model, report.machine, report.settings
    return {
        "model": {
            "name": model.name,
            "file": str(model.file),
            "size_bytes": model.size_bytes,
            "weights_bytes": model.weights_bytes,
            "parameters": model.parameters,
        },
        "machine": {
            "cpu": machine.cpu,
            "cores": machine.cores,
            "memory_bytes": machine.memory_bytes,
            "gpus": list(machine.gpus),
            "llama_cpp": machine.llama_cpp,
            "llama_cpp_features": machine.llama_cpp_features,
        },
        "settings": {
            "threads": settings.threads,
            "repack": settings.repack,
            "kv_type": settings.kv_type,
            "flash_attention": settings.flash_attention,
            "gpu_layers": settings.gpu_layers,
            "repeats": settings.repeats,
        },
        "tests": [_test(one) for one in report.measured],
        "startup": _startup(report.startup_s),
        "peak_rss_bytes": report.peak_rss_bytes,
        "kv_bytes": report.kv_bytes,
        "interrupted": not report.is_whole,
    }


def _test(measured: Measured) -> dict[str, Any]:
    test = measured.test
    return {
        "test": test.name,
        "n_prompt": test.prompt,
        "n_gen": test.generate,
        "n_depth": test.depth,
        "n_batch": test.batch,
        "n_ubatch": test.batch,
        "n_parallel": test.parallel,
        "median_ts": round(measured.median, 3),
        "avg_ts": round(measured.mean, 3),
        "stddev_ts": round(measured.deviation, 3),
        "samples_ns": [round(sample * 1e9) for sample in measured.samples_s],
        "samples_ts": [round(speed, 3) for speed in measured.speeds],
    }


def _startup(samples_s: Sequence[float]) -> dict[str, Any] | None:
    if not samples_s:
        return None
    return {
        "median_s": round(median(samples_s), 4),
        "samples_s": [round(sample, 4) for sample in samples_s],
    }


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Lowest, median, highest."""
    return min(values), median(values), max(values)


def figure(value: float) -> str:
    """Three digits at least."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"
