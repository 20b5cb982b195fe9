"""A model in memory: checked before llama.cpp sees it, loaded, and its template proven."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import llama_cpp

from starling_local.engine import library
from starling_local.engine.fingerprint import fingerprint
from starling_local.engine.gguf_header import GgufHeader, read_header
from starling_local.engine.identity import Identity, identify
from starling_local.engine.repacking import memory_allows
from starling_local.engine.resource import Resource
from starling_local.engine.vocabulary import Vocabulary
from starling_local.errors import BadFileError
from starling_local.prompt import CARD_VECTORS, END_OF_TURN, Segment, encode
from starling_local.settings import LoadSettings


class Model(Resource):
    """A GGUF of the Starling family, loaded. Use it in a `with` statement, or call `close`.

    Raises:
        NotFoundError: no such file.
        BadFileError: not a GGUF, damaged, of another family, or its template cannot be held.
    """

    def __init__(self, path: Path, settings: LoadSettings | None = None) -> None:
        settings = settings or LoadSettings()
        self.path = path
        self.header: GgufHeader = read_header(path)
        self._written = _written(path)
        self.identity: Identity = identify(self.header, path)
        library.start()
        params = llama_cpp.llama_model_default_params()
        params.use_extra_bufts = memory_allows(path) if settings.repack is None else settings.repack
        if settings.gpu_layers is not None:
            params.n_gpu_layers = settings.gpu_layers
        self._model: Any = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            raise BadFileError(f"llama.cpp cannot load {path}: {library.log.last('no reason')}")
        self.vocabulary = Vocabulary(self._model, self.identity.end_of_turn)
        try:
            prove_template(self.vocabulary, self.identity, path)
        except BadFileError:
            self.close()
            raise

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer."""
        return self._model

    @property
    def notes(self) -> tuple[str, ...]:
        """What was wrong with the file and is corrected here; to be said aloud."""
        return self.identity.notes

    @property
    def trained_context(self) -> int:
        """The longest context the model was trained for, in tokens."""
        return int(llama_cpp.llama_model_n_ctx_train(self._model))

    @cached_property
    def fingerprint(self) -> str:
        """What stands for the file, see `fingerprint.fingerprint`; computed when asked for.

        Raises BadFileError if the file has been changed since it was loaded.
        """
        if _written(self.path) != self._written:
            raise BadFileError(f"{self.path} was changed or removed since it was loaded")
        return fingerprint(self.header, self.path)

    def close(self) -> None:
        """Free the memory; contexts must be closed before."""
        if self._model:
            llama_cpp.llama_model_free(self._model)
            self._model = None


def _written(path: Path) -> int | None:
    """When the file was last written, in nanoseconds; None if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def prove_template(vocabulary: Vocabulary, identity: Identity, path: Path) -> None:
    """Check on the loaded vocabulary that prompts come out as the models' authors have them.

    With Mistral's vocabulary these are the ids of the model card. With another one: an end of turn
    that a user types stays text. Raises BadFileError.
    """
    if identity.has_mistral_vocabulary:
        for vector in CARD_VECTORS:
            *closed, last = vector.segments
            segments = [*map(Segment, closed), Segment(last, is_open=True)]
            found = encode(segments, vocabulary)
            if found != list(vector.ids):
                raise BadFileError(
                    f"{path} splits the model card's prompt {vector.text!r} into {found}, "
                    f"not into {list(vector.ids)}",
                    hint="convert the published checkpoint yourself: starling convert CHECKPOINT",
                )
    if vocabulary.end_of_turn in vocabulary.tokenise(f"a{END_OF_TURN}b"):
        raise BadFileError(
            f"{path} reads {END_OF_TURN} in a user's text as the end of the turn",
            hint="convert the published checkpoint yourself: starling convert CHECKPOINT",
        )
