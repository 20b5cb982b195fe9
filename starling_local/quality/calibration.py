"""An importance matrix of a checkpoint: the model is run over texts, and what it computes summed.

The model that is run is a file of its own, which is gone as soon as it is opened: whatever stops
the program then leaves nothing of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from starling_convert.calibration import CalibrationText, calibration_texts
from starling_convert.conversion import ConversionEvents, ConversionSettings, run_conversion
from starling_convert.imatrix import ImportanceMatrix, read_imatrix
from starling_convert.imatrix_gguf import Activations, gguf_bytes
from starling_convert.outputs import PartFile, make_folder, publish
from starling_convert.plan import ConversionPlan
from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from starling_convert.vocabulary import Vocabulary as CheckpointVocabulary
from starling_local.engine.importance import collect_importance, token_chunks
from starling_local.engine.model import Model
from starling_local.errors import BadFileError, UsageError
from starling_local.prompt import Tokenizer, encode_turns

# As llama-imatrix's default.
CHUNK_TOKENS = 512
# Up to this size of the checkpoint its own numbers are computed with; beyond it Q8_0, which gives
# nearly the same sums, is half as large, and is computed as fast or faster.
_MOST_UNQUANTISED_BYTES = 4_000_000_000
# Twice what sentencepiece's longest pieces have: of a long text no more need be split.
_MOST_LETTERS_PER_TOKEN = 32
_UNQUANTISED = {"BF16": FileType.BF16, "F16": FileType.F16}


@dataclass(frozen=True)
class CalibrationEvents:
    """What a calibration reports: the conversion before it, and then chunks done and to do."""

    conversion: ConversionEvents = field(default_factory=ConversionEvents)
    on_chunk: Callable[[int, int], None] = field(default=lambda _done, _total: None)


@dataclass(frozen=True)
class CalibrationSettings:
    """`name` is what the files say of where the texts are from; `threads` None means all cores."""

    text: Path
    name: str
    most_chunks: int
    threads: int | None = None
    force: bool = False
    kernels: Kernels = Kernels.AUTO


def imatrix_path(plan: ConversionPlan) -> Path:
    """Where the matrix of a checkpoint goes: beside the model files."""
    return plan.output_folder / f"{plan.source.name}.imatrix.gguf"


def planned_matrix(plan: ConversionPlan, settings: CalibrationSettings) -> ImportanceMatrix:
    """The matrix that `calibrate` would make, without its numbers.

    Raises:
        BadFileError: a text is too short or damaged.
    """
    chunks = _chunks(settings, _CheckpointTokenizer(plan.vocabulary), plan.config.context_length)
    entries = sum(len(spec.shape) == 2 and spec.layer is not None for spec in plan.specs)
    return ImportanceMatrix({}, str(imatrix_path(plan)), settings.name, len(chunks), entries)


def calibrate(
    plan: ConversionPlan, settings: CalibrationSettings, events: CalibrationEvents
) -> ImportanceMatrix:
    """Make the importance matrix of a checkpoint, and write it in llama.cpp's format.

    Raises:
        UsageError: the matrix, or a file of the plan, exists and is not to be replaced.
        BadFileError: a text is too short or damaged, or the model is of another family.
        ConversionError: a file cannot be written.
        DoesNotFitError: the model does not fit in memory.
    """
    for file in plan.files:
        PartFile(file.path, force=settings.force).refuse_existing()
    path = imatrix_path(plan)
    _refuse_existing_matrix(path, settings)
    # Damaged or short texts show now, and not minutes later, when the model is made.
    planned_matrix(plan, settings)
    make_folder(plan.output_folder)
    with PartFile(path, force=settings.force) as part:
        with _model(plan, settings, events.conversion) as model:
            chunks = _chunks(settings, model.vocabulary, model.trained_context)
            events.on_chunk(0, len(chunks))
            found = collect_importance(
                model,
                chunks,
                threads=settings.threads,
                on_chunk=lambda done: events.on_chunk(done, len(chunks)),
            )
        activations = {name: Activations(one.sums, one.tokens) for name, one in found.items()}
        size = len(chunks[0])
        part.write_at(0, gguf_bytes(activations, settings.name, len(chunks), size))
        part.flush()
        publish([part])
    return read_imatrix(path)


def _refuse_existing_matrix(path: Path, settings: CalibrationSettings) -> None:
    if not settings.force and path.is_file():
        raise UsageError(
            f"{path} exists already and is kept",
            hint=f"--imatrix {shlex.quote(str(path))} uses it; --force makes it anew",
        )


@dataclass(frozen=True)
class _CheckpointTokenizer:
    """Splits texts as llama.cpp will; what the special tokens are does not matter for counting."""

    vocabulary: CheckpointVocabulary
    bos: int = 0
    end_of_turn: int = 0

    def tokenise(self, text: str) -> list[int]:
        """The ids of plain text."""
        valid = text.encode("utf-8", "replace").decode()
        ids: list[int] = self.vocabulary.processor.encode(valid)
        return ids


@contextmanager
def _model(
    plan: ConversionPlan, settings: CalibrationSettings, events: ConversionEvents
) -> Iterator[Model]:
    """The model that is run, as a file that has no name any more."""
    # Always the same folder: what a killed process left there is overwritten by the next.
    folder = plan.output_folder / f".{plan.source.name}.calibration"
    own = replace(plan, file_types=(file_type_to_run(plan),), output_folder=folder)
    try:
        converting = ConversionSettings(
            settings.threads, force=True, verify=False, kernels=settings.kernels
        )
        (written,) = run_conversion(own, converting, events)
        path = written.planned.path
        try:
            model = Model(path)
        finally:
            path.unlink(missing_ok=True)
    finally:
        with suppress(OSError):
            folder.rmdir()
    with model:
        yield model


def file_type_to_run(plan: ConversionPlan, most_bytes: int = _MOST_UNQUANTISED_BYTES) -> FileType:
    """The type of the model that is run: the checkpoint's own, and Q8_0 if that is too large."""
    if plan.source_bytes > most_bytes:
        return FileType.Q8_0
    dtypes = {plan.checkpoint.tensors[spec.source_name].dtype for spec in plan.specs}
    return _UNQUANTISED.get(dtypes.pop(), FileType.F32) if len(dtypes) == 1 else FileType.F32


def _chunks(
    settings: CalibrationSettings, vocabulary: Tokenizer, trained_context: int
) -> list[list[int]]:
    """The tokens that are read, in chunks of equal length."""
    size = min(CHUNK_TOKENS, trained_context)
    wanted = settings.most_chunks * size
    tokens = _tokens(calibration_texts(settings.text), vocabulary, wanted)
    chunks = token_chunks(tokens, size, vocabulary.bos)
    if not chunks:
        raise BadFileError(
            f"{settings.name} has {len(tokens)} tokens; {size} are needed at least",
            hint="give a longer text, or --calibrate default",
        )
    return chunks


def _tokens(texts: Iterable[CalibrationText], vocabulary: Tokenizer, wanted: int) -> list[int]:
    """BOS and the texts' tokens, one text after the other, as far as they are wanted."""
    tokens = [vocabulary.bos]
    for text in texts:
        if isinstance(text, str):
            tokens += vocabulary.tokenise(text[: wanted * _MOST_LETTERS_PER_TOKEN])
        else:
            tokens += encode_turns(text, vocabulary)
        if len(tokens) >= wanted:
            break
    return tokens[:wanted]
