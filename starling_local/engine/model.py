"""A model in memory: checked before llama.cpp sees it, loaded, and its template proven."""

from __future__ import annotations

import ctypes
import os
import shlex
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from starling_local.engine import library
from starling_local.engine.abort import Abort
from starling_local.engine.fingerprint import fingerprint
from starling_local.engine.gguf_header import GgufHeader, read_header
from starling_local.engine.identity import Identity, identify
from starling_local.engine.llama import llama_cpp
from starling_local.engine.model_params import model_params
from starling_local.engine.resource import Resource
from starling_local.engine.stoppable import made_stoppably
from starling_local.engine.template_proof import prove_template
from starling_local.engine.vocabulary import Vocabulary
from starling_local.errors import BadFileError, DoesNotFitError, StarlingError
from starling_local.settings import LoadSettings


class Model(Resource):
    """A GGUF of the Starling family, loaded. Use it in a `with` statement, or call `close`.

    `header` is the file's, where it was read already.

    Raises:
        NotFoundError: no such file.
        BadFileError: not a GGUF, damaged, of another family, or its template cannot be held.
        DoesNotFitError: the host or a GPU has not the memory.
        UsageError: a setting is not possible, or there is no such GPU.
    """

    def __init__(
        self,
        path: Path,
        settings: LoadSettings | None = None,
        header: GgufHeader | None = None,
    ) -> None:
        settings = settings or LoadSettings()
        self.path = path
        self.header: GgufHeader = header or read_header(path)
        self._written = _written(path)
        self.identity: Identity = identify(self.header, path)
        library.start()
        params, _kept = model_params(settings)
        params.use_extra_bufts = settings.repack
        overrides = metadata_overrides(self.identity.corrections)
        params.kv_overrides = overrides
        library.log.forget_errors()
        self._model: Any = _load(path, params)
        if not self._model:
            raise _not_loaded(path)
        self.vocabulary = Vocabulary(self._model, self.identity.end_of_turn)
        try:
            prove_template(self.vocabulary, self.identity, path)
        except BaseException:
            self.close()
            raise

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer."""
        if self._model is None:
            raise RuntimeError("the model is used after it was closed")
        return self._model

    @property
    def notes(self) -> tuple[str, ...]:
        """What was wrong with the file and is corrected here; to be said aloud."""
        return self.identity.notes

    @property
    def trained_context(self) -> int:
        """The longest context the model was trained for, in tokens."""
        return int(llama_cpp.llama_model_n_ctx_train(self.handle))

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
        model, self._model = self._model, None
        if model:
            self.vocabulary.close()
            llama_cpp.llama_model_free(model)


def _load(path: Path, params: Any) -> Any:
    """llama.cpp's pointer, or None; Ctrl-C and the like end it between two tensors."""
    abort = Abort()
    goes_on = llama_cpp.llama_progress_callback(lambda _part, _data: not abort.is_set)
    params.progress_callback = goes_on
    load = partial(llama_cpp.llama_model_load_from_file, os.fsencode(path), params)
    return made_stoppably(load, llama_cpp.llama_model_free, abort)


def metadata_overrides(corrections: Mapping[str, int]) -> ctypes.Array[Any]:
    """Metadata for llama.cpp to take instead of the file's; one without a name is the end."""
    found: ctypes.Array[Any] = (llama_cpp.llama_model_kv_override * (len(corrections) + 1))()
    for override, (key, value) in zip(found, corrections.items(), strict=False):
        override.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT
        override.key = key.encode()
        override.value.val_i64 = value
    return found


def _not_loaded(path: Path) -> StarlingError:
    """Why llama.cpp gave no model: want of memory, or else the file."""
    what = f"llama.cpp cannot load {path}: {library.log.reason('no reason')}"
    if library.log.ran_out_of_memory:
        show = shlex.join(["starling", "fit", str(path)])
        return DoesNotFitError(
            what, hint=f"{show} shows what takes how much; --gpu-layers 0 uses no GPU"
        )
    return BadFileError(what)


def _written(path: Path) -> int | None:
    """When the file was last written, in nanoseconds; None if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
