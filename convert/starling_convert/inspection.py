"""What a checkpoint folder holds, and whether it can be converted, step by step.

Where `plan_conversion` ends at the first thing that is wrong, this goes on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TypeVar

from starling_convert.checkpoint import Checkpoint, open_checkpoint
from starling_convert.config import ModelConfig, parse_config
from starling_convert.files import is_there, read_json
from starling_convert.metadata import Source, find_source
from starling_convert.model_card import read_model_card
from starling_convert.plan import CONFIG_NAME, PlannedFile, plan_conversion
from starling_convert.recipe import FileType
from starling_convert.tensors import check_tensors, expected_tensors
from starling_convert.verify import expectations
from starling_convert.vocabulary import Vocabulary, read_vocabulary
from starling_local.errors import BadFileError, NotFoundError, StarlingError
from starling_local.prompt import CHAT_TEMPLATE, END_OF_TURN, MISTRAL_TOKENIZER_SHA256

Result = TypeVar("Result")

_SHOWN_TYPES = (FileType.Q4_K_M, FileType.Q5_K_M, FileType.Q8_0)


@dataclass(frozen=True)
class Step:
    """Something that must be so: `problem` says why it is not; `notes` are of small matters.

    What could not be tried, because of a problem before, is not `was_tried`.
    """

    name: str
    problem: StarlingError | None = None
    notes: tuple[str, ...] = ()
    was_tried: bool = True


@dataclass(frozen=True)
class DtypeShare:
    """The tensors of one type, all shards together."""

    dtype: str
    tensors: int
    weights: int
    size_bytes: int


@dataclass(frozen=True)
class CheckpointInspection:
    """What could be read; None is what could not."""

    folder: Path
    checkpoint: Checkpoint | None
    config: ModelConfig | None
    vocabulary: Vocabulary | None
    source: Source | None
    licence: str | None
    files: tuple[PlannedFile, ...]
    """What the usual conversions would write."""
    steps: tuple[Step, ...]

    @property
    def dtypes(self) -> tuple[DtypeShare, ...]:
        """The types of the stored tensors, the one with the most bytes first."""
        tensors = [*self.checkpoint.tensors.values()] if self.checkpoint else []
        counts = Counter(tensor.dtype for tensor in tensors)
        shares = [
            DtypeShare(
                dtype,
                count,
                sum(prod(tensor.shape) for tensor in tensors if tensor.dtype == dtype),
                sum(tensor.size_bytes for tensor in tensors if tensor.dtype == dtype),
            )
            for dtype, count in counts.items()
        ]
        return tuple(sorted(shares, key=lambda share: -share.size_bytes))

    @property
    def added_tokens(self) -> dict[int, str]:
        """Id and text of the tokens behind those of tokenizer.model."""
        if self.vocabulary is None:
            return {}
        first = self.vocabulary.processor.vocab_size()
        return dict(enumerate(self.vocabulary.tokens[first:], first))

    @property
    def has_mistral_tokenizer(self) -> bool:
        """Whether tokenizer.model is, byte for byte, that of Starling, OpenChat and Mistral."""
        known = MISTRAL_TOKENIZER_SHA256
        return self.vocabulary is not None and self.vocabulary.tokenizer_sha256 == known


def inspect_checkpoint(folder: Path) -> CheckpointInspection:
    """Read and check all of a checkpoint but its weights; what is wrong is in the steps.

    Raises NotFoundError if there is no such folder.
    """
    steps = _Steps()
    checkpoint = steps.attempt("the safetensors files are whole", lambda: open_checkpoint(folder))
    config = steps.attempt(
        "config.json is of a model that can be converted", lambda: _config(folder)
    )
    if config:
        steps.note(config.notes)
    if checkpoint and config:
        specs = tuple(expected_tensors(config))
        notes = steps.attempt(_TENSORS, lambda: check_tensors(checkpoint, specs, config))
        steps.note(notes or ())
    else:
        steps.skip(_TENSORS)
    vocabulary = _vocabulary(folder, config, steps)
    card, card_notes = read_model_card(folder)
    source = None
    with suppress(BadFileError):  # which the last step reports
        source = find_source(folder, card)
    files: tuple[PlannedFile, ...] = ()
    if steps.all_went_well:
        plan = steps.attempt(_CONVERTS, lambda: plan_conversion(folder, _SHOWN_TYPES, Path()))
        steps.note(card_notes)
        files = plan.files if plan else ()
    else:
        steps.skip(_CONVERTS)
    licence = card.get("license")
    return CheckpointInspection(
        folder, checkpoint, config, vocabulary, source,
        licence if isinstance(licence, str) else None, files, tuple(steps.made),
    )  # fmt: skip


_TENSORS = "every tensor of the model is there, in its shape"
_TOKENIZER = "the tokenizer's files are whole"
_SPEAKS = "it speaks the Starling template"
_CARD = "the model card's prompts have the card's ids"
_CONVERTS = "it can be converted"


@dataclass
class _Steps:
    made: list[Step] = field(default_factory=list)

    @property
    def all_went_well(self) -> bool:
        return all(step.was_tried and step.problem is None for step in self.made)

    def attempt(self, name: str, work: Callable[[], Result]) -> Result | None:
        """What `work` gives, or None if it finds the checkpoint to be bad."""
        try:
            result = work()
        except NotFoundError:
            raise
        except StarlingError as error:
            self.made.append(Step(name, error))
            return None
        self.made.append(Step(name))
        return result

    def note(self, notes: Sequence[str]) -> None:
        """Say more of the last step, which went well."""
        self.made[-1] = Step(self.made[-1].name, self.made[-1].problem, tuple(notes))

    def skip(self, *names: str) -> None:
        self.made += [Step(name, was_tried=False) for name in names]


def _config(folder: Path) -> ModelConfig:
    path = folder / CONFIG_NAME
    if not is_there(path):
        raise BadFileError(f"{folder} has no config.json", hint="download config.json of the model")
    return parse_config(read_json(path), path)


def _vocabulary(folder: Path, config: ModelConfig | None, steps: _Steps) -> Vocabulary | None:
    """The vocabulary; steps are added for it and for what it must be able to do."""
    if config is None:
        steps.skip(_TOKENIZER, _SPEAKS)
        return None
    raw = read_json(folder / CONFIG_NAME)
    vocabulary = steps.attempt(_TOKENIZER, lambda: read_vocabulary(folder, raw, config.vocab_size))
    if vocabulary is None:
        steps.skip(_SPEAKS)
        return None
    steps.note(vocabulary.notes)
    steps.attempt(_SPEAKS, lambda: _check_template(folder, vocabulary))
    if vocabulary.chat_template != CHAT_TEMPLATE and not steps.made[-1].problem:
        steps.note(("its chat template is not Starling's; Starling's own is used",))
    if vocabulary.tokenizer_sha256 == MISTRAL_TOKENIZER_SHA256:
        steps.attempt(_CARD, lambda: expectations(vocabulary))
    return vocabulary


def _check_template(folder: Path, vocabulary: Vocabulary) -> None:
    if END_OF_TURN not in vocabulary.tokens:
        raise BadFileError(
            f"{folder} has no token {END_OF_TURN}: it does not speak the Starling template",
            hint="choose a checkpoint of Starling or OpenChat 3.5",
        )
