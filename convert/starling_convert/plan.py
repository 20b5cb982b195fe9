"""What a conversion will do, decided before a weight is read or a byte is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from starling_convert.checkpoint import Checkpoint, open_checkpoint
from starling_convert.config import ModelConfig, parse_config
from starling_convert.files import is_there, read_bytes, read_json
from starling_convert.gguf_file import Layout, header_bytes, plan_layout
from starling_convert.imatrix import ImportanceMatrix, check_imatrix
from starling_convert.metadata import (
    GENERATION_CONFIG_NAME,
    Source,
    file_metadata,
    find_source,
    model_metadata,
)
from starling_convert.model_card import read_model_card
from starling_convert.recipe import FileType, Recipe
from starling_convert.tensors import TensorSpec, check_tensors, expected_tensors
from starling_convert.vocabulary import TOKENIZER_FILES, Vocabulary, read_vocabulary
from starling_local.errors import BadFileError

if TYPE_CHECKING:
    from gguf import GGUFValue

CONFIG_NAME = "config.json"
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
    importance: ImportanceMatrix | None = None

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
            recipe = Recipe(file_type, self.config, self.importance is not None)
            layout = plan_layout(self.specs, recipe)
            path = self.output_folder / f"{self.source.name}-{file_type.name}.gguf"
            size_bytes = len(self.header(file_type, layout)) + layout.size_bytes
            planned.append(PlannedFile(file_type, path, layout, size_bytes))
        return tuple(planned)

    def with_importance(self, matrix: ImportanceMatrix) -> ConversionPlan:
        """The same, quantising with this importance matrix.

        Raises:
            BadFileError: the matrix belongs to another model.
        """
        notes = (*self.notes, *check_imatrix(matrix, self.specs))
        return replace(self, importance=matrix, notes=notes)

    def header(
        self,
        file_type: FileType,
        layout: Layout,
        shard_sha256: Mapping[str, str] | None = None,
    ) -> bytes:
        """A file's header. Shards not read yet have a hash of zeros, so its size is final."""
        shards = shard_sha256 or {shard.path.name: _NO_HASH for shard in self.checkpoint.shards}
        sha256 = {**self.small_file_sha256, **shards}
        own = file_metadata(file_type, self.source, sha256, self.importance)
        return header_bytes({**self.metadata, **own}, layout)


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
        for name in (CONFIG_NAME, GENERATION_CONFIG_NAME, *TOKENIZER_FILES)
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
