"""One conversion from folder to files: plan, check, convert, verify, publish."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from starling_convert import ggml
from starling_convert.checkpoint import Checkpoint, open_checkpoint
from starling_convert.config import ModelConfig, parse_config
from starling_convert.files import is_there, read_bytes, read_json
from starling_convert.gguf_file import Layout, header_bytes, plan_layout
from starling_convert.metadata import Source, file_metadata, find_source, model_metadata
from starling_convert.model_card import read_model_card
from starling_convert.outputs import PartFile, check_free_space, make_folder, publish
from starling_convert.pipeline import OutputFile, convert_tensors
from starling_convert.quantisers import Kernels, Quantiser, load_vector, vector_pays
from starling_convert.recipe import FileType, Recipe
from starling_convert.tensors import TensorSpec, check_tensors, expected_tensors
from starling_convert.vocabulary import (
    ADDED_TOKENS_NAME,
    SPECIAL_TOKENS_NAME,
    TOKENIZER_CONFIG_NAME,
    TOKENIZER_NAME,
    Vocabulary,
    read_vocabulary,
)
from starling_local.errors import BadFileError

if TYPE_CHECKING:
    from gguf import GGUFValue

CONFIG_NAME = "config.json"
_HASHED_FILES = (
    CONFIG_NAME,
    TOKENIZER_NAME,
    ADDED_TOKENS_NAME,
    TOKENIZER_CONFIG_NAME,
    SPECIAL_TOKENS_NAME,
)
# With more threads the buffers alone would take more than a gigabyte, and no disk keeps up.
MAX_THREADS = 64
_NO_HASH = "0" * 64  # holds a shard's place in the header until the shard has been read


@dataclass(frozen=True)
class PlannedFile:
    """A file to be written: everything about it but its bytes."""

    file_type: FileType
    path: Path
    layout: Layout
    size_bytes: int


@dataclass(frozen=True)
class ConversionPlan:
    """A checkpoint that has been read and checked, weights excepted, and what becomes of it."""

    checkpoint: Checkpoint
    config: ModelConfig
    vocabulary: Vocabulary
    specs: tuple[TensorSpec, ...]
    source: Source
    small_file_sha256: Mapping[str, str]
    metadata: Mapping[str, GGUFValue]
    n_parameters: int
    output_folder: Path
    notes: tuple[str, ...]
    file_types: tuple[FileType, ...]

    @property
    def source_bytes(self) -> int:
        """Bytes of the tensors that will be read."""
        tensors = self.checkpoint.tensors
        return sum(tensors[spec.source_name].size_bytes for spec in self.specs)

    @property
    def output_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size_bytes for file in self.files)

    @cached_property
    def files(self) -> tuple[PlannedFile, ...]:
        """The files to be written, in the order their types were asked for."""
        planned = []
        for file_type in self.file_types:
            layout = plan_layout(self.specs, Recipe(file_type, self.config))
            path = self.output_folder / f"{self.source.name}-{file_type.name}.gguf"
            size_bytes = len(self.header(file_type, layout)) + layout.size_bytes
            planned.append(PlannedFile(file_type, path, layout, size_bytes))
        return tuple(planned)

    def header(
        self,
        file_type: FileType,
        layout: Layout,
        shard_sha256: Mapping[str, str] | None = None,
    ) -> bytes:
        """A file's header. Shards not read yet have a hash of zeros, so its size is final."""
        shards = shard_sha256 or {shard.path.name: _NO_HASH for shard in self.checkpoint.shards}
        own = file_metadata(file_type, self.source, {**self.small_file_sha256, **shards})
        return header_bytes({**self.metadata, **own}, layout)


@dataclass(frozen=True)
class WrittenFile:
    """A finished file. `sha256` is None unless it was asked for."""

    planned: PlannedFile
    verified: bool
    sha256: str | None


@dataclass
class ConversionEvents:
    """What a conversion reports while it runs; every callback may be left out.

    `on_stage` gets one of 'vocabulary', 'kernels', 'tensors', 'flush', 'verify', 'sha256' and the
    name of the file it concerns, if it is about one; `on_tensor` gets the source bytes done and the
    tensor's name, from any thread; `on_note` gets what a user should know of the way it goes.
    """

    on_stage: Callable[[str, str | None], None] = field(default=lambda _stage, _name: None)
    on_tensor: Callable[[int, str], None] = field(default=lambda _done, _name: None)
    on_note: Callable[[str], None] = field(default=lambda _text: None)


def plan_conversion(
    folder: Path, file_types: Sequence[FileType], output_folder: Path
) -> ConversionPlan:
    """Read and check all of a checkpoint but its weights; nothing is written.

    Raises:
        NotFoundError: no such folder.
        BadFileError: anything wrong with the files.
    """
    checkpoint = open_checkpoint(folder)
    config_path = folder / CONFIG_NAME
    if not is_there(config_path):
        raise BadFileError(f"{folder} has no config.json", hint="download config.json of the model")
    raw_config = read_json(config_path)
    config = parse_config(raw_config, config_path)
    specs = tuple(expected_tensors(config))
    tensor_notes = check_tensors(checkpoint, specs, config)
    vocabulary = read_vocabulary(folder, raw_config, config.vocab_size)
    card, card_notes = read_model_card(folder)
    source = find_source(folder, card)
    small_files = {
        name: hashlib.sha256(read_bytes(folder / name)).hexdigest()
        for name in _HASHED_FILES
        if is_there(folder / name)
    }
    n_parameters = sum(spec.n_weights for spec in specs)
    metadata = model_metadata(folder, config, vocabulary, source, card, n_parameters)
    return ConversionPlan(
        checkpoint=checkpoint,
        config=config,
        vocabulary=vocabulary,
        specs=specs,
        source=source,
        small_file_sha256=small_files,
        metadata=metadata,
        n_parameters=n_parameters,
        output_folder=output_folder,
        notes=(*config.notes, *tensor_notes, *vocabulary.notes, *card_notes),
        file_types=tuple(dict.fromkeys(file_types)),
    )


def run_conversion(
    plan: ConversionPlan,
    *,
    threads: int | None = None,
    force: bool = False,
    verify: bool = True,
    sha256: bool = False,
    kernels: Kernels = Kernels.AUTO,
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
    from starling_convert.verify import expectations, verify_file, verify_vocabulary

    events = events or ConversionEvents()
    threads = min(threads or usable_cores(), MAX_THREADS)
    expected = expectations(plan.vocabulary) if verify else []
    with ExitStack() as stack:
        make_folder(plan.output_folder)
        parts = [stack.enter_context(PartFile(file.path, force=force)) for file in plan.files]
        check_free_space(plan.output_folder, plan.output_bytes)
        outputs = []
        for part, file in zip(parts, plan.files, strict=True):
            part.reserve(file.size_bytes)
            header = plan.header(file.file_type, file.layout)
            part.write_at(0, header)
            outputs.append(OutputFile(part, file.layout, len(header)))
        if verify:
            # Before the weights are read: a wrong tokenizer shows in a second, not after minutes.
            events.on_stage("vocabulary", None)
            verify_vocabulary(parts[0].part_path, expected)

        quantise: Quantiser = ggml.quantise_rows
        note = None
        if vector_pays(kernels, len(plan.files) * plan.n_parameters):
            events.on_stage("kernels", None)
            quantise, note = load_vector(kernels)
        if note:
            events.on_note(note)
        events.on_stage("tensors", None)
        shard_sha256 = convert_tensors(
            plan.checkpoint,
            plan.specs,
            outputs,
            threads=threads,
            quantise=quantise,
            on_progress=events.on_tensor,
        )
        digests: list[str | None] = []
        for part, file in zip(parts, plan.files, strict=True):
            header = plan.header(file.file_type, file.layout, shard_sha256)
            part.write_at(0, header)
            events.on_stage("flush", file.path.name)
            part.flush()
            if verify:
                events.on_stage("verify", file.path.name)
                verify_file(part.part_path, expected, threads=threads)
            digests.append(None)
            if sha256:
                events.on_stage("sha256", file.path.name)
                digests[-1] = _file_sha256(part.part_path)
        publish(parts)
    return [
        WrittenFile(file, verify, digest) for file, digest in zip(plan.files, digests, strict=True)
    ]


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
