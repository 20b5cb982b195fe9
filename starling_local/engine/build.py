"""Which llama.cpp this is."""

from __future__ import annotations

import llama_cpp


def build() -> str:
    """The package that carries llama.cpp, with its version."""
    return f"llama-cpp-python {llama_cpp.__version__}"
