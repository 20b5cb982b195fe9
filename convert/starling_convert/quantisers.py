"""Which quantiser does the work: ggml's own, or the vector kernels, which give the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import Enum
from pickle import UnpicklingError
from typing import NamedTuple

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


class Variant(NamedTuple):
    """A type, and whether an importance matrix weighs the errors."""

    type: TensorType
    weighted: bool


# What the vector kernels can do, known here too so that numba is loaded only when they are used;
# and how many million weights per second ggml does on one core (benchmarks/kernels.py).
VECTOR_VARIANTS = {
    Variant(TensorType.Q4_0, True): 45,
    Variant(TensorType.Q4_1, True): 12,
    Variant(TensorType.Q5_0, True): 45,
    Variant(TensorType.Q5_1, True): 12,
    Variant(TensorType.Q8_0, False): 375,
    Variant(TensorType.Q8_0, True): 375,
    Variant(TensorType.Q4_K, False): 21,
    Variant(TensorType.Q4_K, True): 12,
    Variant(TensorType.Q5_K, False): 24,
    Variant(TensorType.Q5_K, True): 12,
    Variant(TensorType.Q6_K, False): 40,
    Variant(TensorType.Q6_K, True): 40,
    Variant(TensorType.IQ4_NL, False): 6,
    Variant(TensorType.IQ4_NL, True): 6,
    Variant(TensorType.IQ4_XS, False): 6,
    Variant(TensorType.IQ4_XS, True): 6,
}

# Where ggml needs less than this, on one core, a kernel does not repay compiling it on first use,
# some 2 s, and loading numba.
_MIN_SECONDS = 6.0


# What the file system and pickle raise when numba's cache is not what it was.
_CACHE_ERRORS = (OSError, EOFError, UnpicklingError, ValueError, LookupError, AttributeError)


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


def worthwhile_variants(
    wanted: Kernels, layouts: Iterable[Layout], weighted: Container[str] = ()
) -> frozenset[Variant]:
    """The variants in files of these layouts that the vector kernels are to do.

    `weighted` has the GGUF names of the tensors of which an importance is known.
    """
    if wanted is Kernels.GGML:
        return frozenset()
    n_weights: Counter[Variant] = Counter()
    for layout in layouts:
        for tensor in layout.tensors:
            variant = Variant(tensor.type, tensor.spec.name in weighted)
            n_weights[variant] += tensor.spec.n_weights
    return frozenset(
        variant
        for variant, count in n_weights.items()
        if variant in VECTOR_VARIANTS
        and (wanted is Kernels.VECTOR or count / (1e6 * VECTOR_VARIANTS[variant]) >= _MIN_SECONDS)
    )


def load_vector(wanted: Kernels, variants: frozenset[Variant]) -> tuple[Quantiser, str | None]:
    """Load the vector kernels for `variants`, compiling them on first use, and check them.

    Returns the quantiser to use, which leaves to ggml what a kernel does otherwise and what is not
    in `variants`, and a note if some of `variants` are among that.

    Raises:
        ConversionError: they were asked for by name and cannot be used.
    """
    checked, problem = _checked(variants)
    if problem is None:
        return _Chosen(checked), None
    if wanted is Kernels.VECTOR:
        raise ConversionError(
            f"the vector kernels cannot be used: {problem}", hint="convert with --kernels ggml"
        )
    return _Chosen(checked), f"ggml's own, slower quantisers are used: {problem}"


def _checked(variants: frozenset[Variant]) -> tuple[frozenset[Variant], str | None]:
    """Those of `variants` whose kernels do as ggml does, and what is wrong with the others."""
    try:
        from starling_convert import kernels
    except ImportError as error:
        return frozenset(), f"numba cannot be loaded ({error})"
    good, problems = set(), []
    for variant in sorted(variants, key=lambda variant: (variant.type.ggml_id, variant.weighted)):
        try:
            kernels.load(variant)
        except _CACHE_ERRORS as error:
            # A power cut or a full disk while it was written: once removed, it is made anew.
            files = kernels.cache_folder() / "*.nb*"
            said = f"numba's cache is damaged or cannot be written; remove {files} ({error!r})"
            return frozenset(), said
        problem = kernels.self_check(variant)
        if problem is None:
            good.add(variant)
        else:
            problems.append(problem)
    return frozenset(good), "; ".join(problems) or None


@dataclass(frozen=True)
class _Chosen:
    """A `Quantiser`: the kernels for some variants, ggml for the rest."""

    vector: frozenset[Variant]

    def __call__(
        self,
        tensor_type: TensorType,
        weights: NDArray[np.float32],
        out: NDArray[np.uint8],
        importance: NDArray[np.float32] | None,
    ) -> bool:
        if Variant(tensor_type, importance is not None) not in self.vector:
            return ggml.quantise_rows(tensor_type, weights, out, importance)
        from starling_convert import kernels

        return kernels.quantise_rows(tensor_type, weights, out, importance)
