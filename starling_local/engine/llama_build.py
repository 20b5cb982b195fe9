"""How llama.cpp was built: its version, its back ends, and the instructions it was compiled for."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

from starling_local.engine import library
from starling_local.engine.devices import back_ends, processor_features
from starling_local.engine.ggml import functions
from starling_local.engine.llama import llama_cpp

Features = tuple[tuple[str, str], ...]
_BACK_END = re.compile(r"^([\w-]+) : ")


@dataclass(frozen=True)
class LlamaBuild:
    """The llama.cpp that is installed.

    `features` are those of each back end that tells them, as `llama_print_system_info` has them:
    of the CPU AVX2, NEON and the like, of CUDA the architectures it was compiled for, as ARCHS.
    """

    llama_version: str
    ggml_version: str
    ggml_commit: str
    folder: str
    back_ends: tuple[str, ...]
    features: tuple[tuple[str, Features], ...]

    def features_of(self, back_end: str) -> dict[str, str]:
        """The features of one back end; empty if it tells none."""
        return dict(dict(self.features).get(back_end, ()))


def llama_build() -> LlamaBuild:
    """The build of the llama.cpp that is loaded."""
    library.start()
    return LlamaBuild(
        _text("llama_version"),
        _text("ggml_version"),
        _text("ggml_commit"),
        str(Path(str(llama_cpp.__file__)).parent / "lib"),
        back_ends(),
        parse_features(processor_features()),
    )


def parse_features(text: str) -> tuple[tuple[str, Features], ...]:
    """Back ends and their features from the text of `llama_print_system_info`.

    It looks like `CPU : AVX2 = 1 | FMA = 1 | CUDA : ARCHS = 860 | `.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    features: list[tuple[str, str]] = []
    for part in text.split(" | "):
        if named := _BACK_END.match(part):
            features = found.setdefault(named[1], [])
            part = part[named.end() :]
        name, is_there, value = part.partition(" = ")
        if is_there:
            features.append((name.strip(), value.strip()))
    return tuple((name, tuple(features)) for name, features in found.items())


def _text(function: str) -> str:
    """What one of the functions that take nothing and return a text returns."""
    found = getattr(functions(), function)
    found.argtypes, found.restype = [], ctypes.c_char_p
    return str(found().decode("utf-8", "replace"))
