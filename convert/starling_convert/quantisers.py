"""Which quantiser does the work: ggml's own, or the vector kernels, which give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
from numpy.typing import NDArray

from starling_convert import ggml
from starling_convert.gguf_file import Layout
from starling_convert.recipe import TensorType
from starling_local.errors import ConversionError, UsageError

# Called with a type, float32 weights [rows, columns], the uint8 bytes to fill and the importance of
# the columns, float32 [columns], or None, from several threads at once; false says that the type
# cannot hold the weights.
Quantiser = Callable[
    [TensorType, NDArray[np.float32], NDArray[np.uint8], "NDArray[np.float32] | None"], bool
]

# What the vector kernels can do; known here too, so that numba is loaded only when they are used.
VECTOR_TYPES = frozenset({TensorType.Q4_K, TensorType.Q5_K, TensorType.Q6_K})

# Below this the kernels do not repay loading them, or compiling them on first use (some 10 s):
# ggml quantises as many weights in 5 to 10 s on two cores.
_VECTOR_MIN_WEIGHTS = 150_000_000


class Kernels(Enum):
    """What the user may ask for."""

    AUTO = "auto"
    VECTOR = "vector"
    GGML = "ggml"


def parse_kernels(text: str) -> Kernels:
    """The choice that `text` names.

    Raises:
        UsageError: no such choice.
    """
    try:
        return Kernels(text.lower())
    except ValueError:
        raise UsageError(
            f"unknown kernels {text!r}", hint="one of " + ", ".join(kind.value for kind in Kernels)
        ) from None


def vector_pays(wanted: Kernels, layouts: Iterable[Layout]) -> bool:
    """Whether the vector kernels are to be used for files of these layouts."""
    if wanted is not Kernels.AUTO:
        return wanted is Kernels.VECTOR
    tensors = (tensor for layout in layouts for tensor in layout.tensors)
    n_weights = sum(tensor.spec.n_weights for tensor in tensors if tensor.type in VECTOR_TYPES)
    return n_weights >= _VECTOR_MIN_WEIGHTS


def load_vector(wanted: Kernels) -> tuple[Quantiser, str | None]:
    """Load the vector kernels, compiling them on first use, and check them against ggml.

    Returns the quantiser to use, and a note if it is ggml's because the kernels cannot be used.

    Raises:
        ConversionError: they were asked for by name and cannot be used.
    """
    try:
        from starling_convert import kernels

        problem = kernels.self_check()
    except ImportError as error:
        problem = f"numba cannot be loaded ({error})"
    except (OSError, EOFError, UnpicklingError) as error:
        # A power cut or a full disk while it was written: removing it lets them be compiled anew.
        cache = Path(__file__).parent / "kernels" / "__pycache__" / "*.nb*"
        problem = f"numba's cache is damaged or cannot be written; remove {cache} ({error!r})"
    if problem is None:
        return _vector_or_ggml, None
    if wanted is Kernels.VECTOR:
        raise ConversionError(
            f"the vector kernels cannot be used: {problem}", hint="convert with --kernels ggml"
        )
    return ggml.quantise_rows, f"ggml's own, slower quantisers are used: {problem}"


def _vector_or_ggml(
    tensor_type: TensorType,
    weights: NDArray[np.float32],
    out: NDArray[np.uint8],
    importance: NDArray[np.float32] | None,
) -> bool:
    from starling_convert import kernels

    if tensor_type in VECTOR_TYPES:
        return kernels.quantise_rows(tensor_type, weights, out, importance)
    return ggml.quantise_rows(tensor_type, weights, out, importance)
