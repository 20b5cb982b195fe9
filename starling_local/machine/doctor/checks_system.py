"""Processor, memory and disk: is there enough of them for this process?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from starling_local.errors import ExitCode
from starling_local.machine.doctor.check import Check, Section, note, ok, problem
from starling_local.machine.doctor.host import Folder, Host
from starling_local.plain_text import sized

# Starling-LM-7B at Q4_K_M: 4.4 GB of weights, 0.5 GB of context (4,096 tokens), and buffers.
SEVEN_B_BYTES = 5_300_000_000
# What a conversation's state, or the built-in model, needs on the disk.
LEAST_FREE_BYTES = 1_000_000_000


def processor_checks(host: Host) -> Iterator[Check]:
    """The processor, and whether as many threads as it has cores are a good number."""
    processor = host.processor
    cores = f"{processor.cores} cores"
    if processor.cores < processor.all_cores:
        cores = f"{processor.cores} of {processor.all_cores} cores for this process"
    yield ok(Section.PROCESSOR, "cores", f"{processor.name}, {cores}")
    if processor.features:
        yield ok(Section.PROCESSOR, "features", ", ".join(sorted(processor.features)))
    quota = processor.quota
    if quota is not None and quota < processor.cores:
        threads = max(1, math.floor(quota))
        yield note(
            Section.PROCESSOR,
            "quota",
            f"this container grants the time of {quota:g} cores, but shows {processor.cores}: with "
            "a thread for each, all of them wait",
            advice=f"give commands -t {threads}",
        )


def memory_checks(host: Host) -> Iterator[Check]:
    """Memory of the machine and of the container."""
    memory = host.memory
    of = f"{sized(memory.available_bytes)} available of {sized(memory.total_bytes)}"
    swap = f", {sized(memory.swap_bytes)} swap" if memory.swap_bytes else ", no swap"
    limit = f", a container's limit of {sized(memory.limit_bytes)}" if memory.limit_bytes else ""
    detail = f"{of}{swap}{limit}"
    if memory.available_bytes >= SEVEN_B_BYTES:
        yield ok(Section.MEMORY, "memory", detail)
    else:
        yield note(
            Section.MEMORY,
            "memory",
            f"{detail}: less than Starling-LM-7B takes at Q4_K_M ({sized(SEVEN_B_BYTES)})",
            advice="close other programs; starling fit MODEL says what a model needs",
        )


def disk_checks(host: Host) -> Iterator[Check]:
    """The folders that are written to, and what of them can be made again."""
    for folder in host.folders:
        yield _folder(folder)
        for part in folder.parts:
            if part.used_bytes:
                detail = f"{sized(part.used_bytes)}, {part.note}; to free it: {part.frees}"
                yield ok(Section.DISK, f"{folder.name}, {part.name}", detail)


def _folder(folder: Folder) -> Check:
    detail = f"{folder.path}: {sized(folder.used_bytes)} used, {sized(folder.free_bytes)} free"
    if not folder.is_writable:
        return problem(
            Section.DISK,
            folder.name,
            f"{folder.path} cannot be written",
            ExitCode.CONVERSION_FAILED,
            fix=f'export {folder.variable}="$HOME/starling-{folder.name.replace(" ", "-")}"',
            advice="or name another folder that can be written",
        )
    if folder.free_bytes < LEAST_FREE_BYTES:
        return note(
            Section.DISK,
            folder.name,
            f"{detail}: too little for a model",
            advice=f"free some space, or name a folder on another disk with {folder.variable}",
        )
    return ok(Section.DISK, folder.name, detail)
