"""Names of models: from a file's name to `starling-7b-alpha:Q4_K_M`, and what a user types."""

from __future__ import annotations

import re
from dataclasses import dataclass

# File types of llama.cpp, as they end the names of GGUF files.
_TAG = re.compile(r"[-._](BF16|F16|F32|FP16|MXFP4|T?I?Q\d(?:_[0-9A-Z]+)*)$", flags=re.IGNORECASE)
# Which type a name without one means, if there are several.
_PREFERRED = ("Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")


@dataclass(frozen=True)
class ModelName:
    """A model and its file type, which is empty where a file's name does not tell it."""

    base: str
    tag: str

    def __str__(self) -> str:
        return f"{self.base}:{self.tag}" if self.tag else self.base


def is_model_name(file_name: str) -> bool:
    """Whether a file of this name, which may come from elsewhere, is a model: a GGUF, not hidden.

    What lies beside models that see pictures is none.
    """
    return file_name.endswith(".gguf") and not file_name.startswith((".", "mmproj-"))


def name_of_file(stem: str) -> ModelName:
    """The name of a GGUF file, from its file name without `.gguf`.

    `Starling-LM-7B-alpha-Q4_K_M` and `starling-lm-7b-alpha.Q4_K_M` are both
    `starling-7b-alpha:Q4_K_M`.
    """
    match = _TAG.search(stem)
    if not match:
        return ModelName(_base(stem), "")
    return ModelName(_base(stem[: match.start()]), match[1].upper())


def parse_name(text: str) -> ModelName:
    """What a user types: `MODEL:TYPE` or `MODEL`, in any case, or a file's name."""
    base, colon, tag = text.rpartition(":")
    if colon:
        return ModelName(_base(base), tag.upper())
    return name_of_file(text.removesuffix(".gguf"))


def preference(tag: str) -> tuple[int, str]:
    """A key to sort file types by: what a name without a type means comes first."""
    order = _PREFERRED.index(tag) if tag in _PREFERRED else len(_PREFERRED)
    return order, tag


def _base(text: str) -> str:
    """Lower case, with hyphens, without the `LM` that the published names have."""
    text = re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-.")
    return re.sub(r"-lm(?=-)", "", text)
