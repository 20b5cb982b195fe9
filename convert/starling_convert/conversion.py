"""One conversion from a plan to files: convert, flush, verify, publish."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from starling_convert import ggml
from starling_convert.outputs import PartFile, check_free_space, make_folder, publish
from starling_convert.pipeline import OutputFile, convert_tensors
from starling_convert.plan import ConversionPlan, PlannedFile
from starling_convert.quantisers import Kernels, Quantiser, load_vector, worthwhile_variants
from starling_convert.verify import Expectation, expectations, verify_file, verify_vocabulary

# With more threads the buffers alone would take more than a gigabyte, and no disk keeps up.
MAX_THREADS = 64


@dataclass(frozen=True)
class WrittenFile:
    """A finished file. `sha256` is None unless it was asked for."""

    planned: PlannedFile
    verified: bool
    sha256: str | None


@dataclass
class ConversionEvents:
    """What a conversion reports while it runs; every callback may be left out.

    `on_stage` gets one of 'kernels', 'vocabulary', 'tensors', 'flush', 'verify', 'sha256' and the
    name of the file it concerns, if it is about one; `on_tensor` gets the source bytes done and the
    tensor's name, from any thread; `on_note` gets what a user should know of the way it goes.
    """

    on_stage: Callable[[str, str | None], None] = field(default=lambda _stage, _name: None)
    on_tensor: Callable[[int, str], None] = field(default=lambda _done, _name: None)
    on_note: Callable[[str], None] = field(default=lambda _text: None)


@dataclass(frozen=True)
class ConversionSettings:
    """How a plan is carried out. `threads` None means all usable cores."""

    threads: int | None = None
    force: bool = False
    verify: bool = True
    sha256: bool = False
    kernels: Kernels = Kernels.AUTO


def run_conversion(
    plan: ConversionPlan,
    settings: ConversionSettings | None = None,
    events: ConversionEvents | None = None,
) -> list[WrittenFile]:
    """Write all files of `plan` in one read of the checkpoint.

    All files get their names at the end, one right after the other, when all are whole, flushed and
    verified; if anything fails before, or the process is interrupted, none does.

    Raises:
        UsageError: a file exists and `force` is false.
        BadFileError: a weight is not finite, or a file did not pass verification.
        ConversionError: no space, no permission, or weights that a type cannot hold.
    """
    settings, events = settings or ConversionSettings(), events or ConversionEvents()
    threads = min(settings.threads or usable_cores(), MAX_THREADS)
    expected = expectations(plan.vocabulary) if settings.verify else []
    # Before the outputs take their space, of which compiling for the first time needs a little.
    quantise = _quantiser(plan, settings.kernels, events)
    with ExitStack() as stack:
        outputs = _open_outputs(plan, settings, stack)
        parts = [output.file for output in outputs]
        if settings.verify:
            # Before the weights are read: a wrong tokenizer shows in a second, not after minutes.
            events.on_stage("vocabulary", None)
            verify_vocabulary(parts[0].part_path, expected)
        events.on_stage("tensors", None)
        shard_sha256 = convert_tensors(
            plan.checkpoint,
            plan.specs,
            outputs,
            threads=threads,
            quantise=quantise,
            on_progress=events.on_tensor,
            importances=plan.importance.means if plan.importance else None,
        )
        written = []
        for file, part in zip(plan.files, parts, strict=True):
            events.on_stage("flush", file.path.name)
            part.write_at(0, plan.header(file.file_type, file.layout, shard_sha256))
            part.flush()
            written.append(_check(file, part.part_path, expected, threads, settings, events))
        publish(parts)
    return written


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _open_outputs(
    plan: ConversionPlan, settings: ConversionSettings, stack: ExitStack
) -> list[OutputFile]:
    """Lock and reserve all files, and write their headers, hashes of the shards excepted."""
    make_folder(plan.output_folder)
    parts = [stack.enter_context(PartFile(file.path, force=settings.force)) for file in plan.files]
    check_free_space(plan.output_folder, plan.output_bytes)
    outputs = []
    for part, file in zip(parts, plan.files, strict=True):
        part.reserve(file.size_bytes)
        header = plan.header(file.file_type, file.layout)
        part.write_at(0, header)
        outputs.append(OutputFile(part, file.layout, len(header)))
    return outputs


def _quantiser(plan: ConversionPlan, kernels: Kernels, events: ConversionEvents) -> Quantiser:
    weighted = plan.importance.means if plan.importance else ()
    variants = worthwhile_variants(kernels, (file.layout for file in plan.files), weighted)
    if not variants:
        return ggml.quantise_rows
    events.on_stage("kernels", None)
    quantise, note = load_vector(kernels, variants)
    if note:
        events.on_note(note)
    return quantise


def _check(
    file: PlannedFile,
    part_path: Path,
    expected: list[Expectation],
    threads: int,
    settings: ConversionSettings,
    events: ConversionEvents,
) -> WrittenFile:
    """Verify and hash one file that is whole, as the settings say."""
    if settings.verify:
        events.on_stage("verify", file.path.name)
        verify_file(part_path, expected, threads=threads)
    digest = None
    if settings.sha256:
        events.on_stage("sha256", file.path.name)
        digest = _file_sha256(part_path)
    return WrittenFile(file, settings.verify, digest)


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
