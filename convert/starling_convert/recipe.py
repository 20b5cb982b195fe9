"""Which type each tensor gets in a file of a given type.

Source: llama.cpp's src/llama-quant.cpp (`llama_ftype_get_default_type`,
`llama_tensor_get_type_impl`, `tensor_type_fallback`, `tensor_allows_quantization`), the branches
that a dense `llama` model can reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from starling_convert.config import ModelConfig
from starling_convert.tensors import TensorSpec
from starling_local.errors import UsageError


class TensorType(Enum):
    """A ggml tensor type: its id in GGUF, weights per block, bytes per block (ggml.h)."""

    F32 = (0, 1, 4)
    F16 = (1, 1, 2)
    Q4_0 = (2, 32, 18)
    Q4_1 = (3, 32, 20)
    Q5_0 = (6, 32, 22)
    Q5_1 = (7, 32, 24)
    Q8_0 = (8, 32, 34)
    Q4_K = (12, 256, 144)
    Q5_K = (13, 256, 176)
    Q6_K = (14, 256, 210)
    IQ4_NL = (20, 32, 18)
    IQ4_XS = (23, 256, 136)
    BF16 = (30, 1, 2)

    def __init__(self, ggml_id: int, block_weights: int, block_bytes: int) -> None:
        self.ggml_id = ggml_id
        self.block_weights = block_weights
        self.block_bytes = block_bytes

    def fits(self, columns: int) -> bool:
        """Whether a row of `columns` weights divides into whole blocks."""
        return columns % self.block_weights == 0

    def size_bytes(self, weights: int) -> int:
        """Bytes of `weights` weights, which must be whole blocks."""
        return weights // self.block_weights * self.block_bytes

    @property
    def is_quantised(self) -> bool:
        """False for the three float types."""
        return self.block_weights > 1


class FileType(Enum):
    """A llama.cpp file type: its id in `general.file_type` (llama_ftype) and its default type."""

    F32 = (0, TensorType.F32)
    F16 = (1, TensorType.F16)
    BF16 = (32, TensorType.BF16)
    Q4_0 = (2, TensorType.Q4_0)
    Q4_1 = (3, TensorType.Q4_1)
    Q4_K_S = (14, TensorType.Q4_K)
    Q4_K_M = (15, TensorType.Q4_K)
    Q5_0 = (8, TensorType.Q5_0)
    Q5_1 = (9, TensorType.Q5_1)
    Q5_K_S = (16, TensorType.Q5_K)
    Q5_K_M = (17, TensorType.Q5_K)
    Q6_K = (18, TensorType.Q6_K)
    Q8_0 = (7, TensorType.Q8_0)
    IQ4_NL = (25, TensorType.IQ4_NL)
    IQ4_XS = (30, TensorType.IQ4_XS)

    def __init__(self, ftype_id: int, default: TensorType) -> None:
        self.ftype_id = ftype_id
        self.default = default


ALIASES = {"Q4": FileType.Q4_K_M, "Q5": FileType.Q5_K_M, "Q8": FileType.Q8_0}


def parse_file_type(text: str) -> FileType:
    """The file type that `text` names, in any case; `q4`, `q5` and `q8` are short names.

    Raises:
        UsageError: no such type.
    """
    name = text.upper()
    if name in ALIASES:
        return ALIASES[name]
    if name in FileType.__members__:
        return FileType[name]
    raise UsageError(
        f"unknown file type {text!r}",
        hint=f"one of {', '.join(FileType.__members__)}, or q4, q5, q8",
    )


# What the first eighth of the layers gets for ffn_down, with an importance matrix and without.
_FFN_DOWN_WITH = {
    FileType.Q4_K_S: TensorType.Q5_K,
    FileType.Q4_0: TensorType.Q4_1,
    FileType.Q5_0: TensorType.Q5_1,
}
_FFN_DOWN_WITHOUT = dict.fromkeys(
    (FileType.IQ4_NL, FileType.IQ4_XS, FileType.Q4_K_S), TensorType.Q5_K
)


@dataclass(frozen=True)
class Recipe:
    """The types of one file's tensors: `recipe.tensor_type(spec)`."""

    file_type: FileType
    config: ModelConfig
    has_importance: bool = False

    def tensor_type(self, spec: TensorSpec) -> TensorType:
        """The type llama-quantize gives this tensor, fall-backs for odd widths included."""
        # tensor_allows_quantization: matrices only, no norms.
        if len(spec.shape) < 2 or spec.name.endswith("_norm.weight"):
            return TensorType.F32
        default = self.file_type.default
        if not default.is_quantised:
            return default
        columns = spec.shape[1]
        return _fallback(self._preferred(spec, columns), columns)

    def _preferred(self, spec: TensorSpec, columns: int) -> TensorType:
        """`llama_tensor_get_type_impl`."""
        default = self.file_type.default
        tied = self.config.tied_embeddings
        if spec.name == "output.weight" or (tied and spec.name == "token_embd.weight"):
            if not default.fits(columns):
                return TensorType.Q8_0
            return default if default is TensorType.Q8_0 else TensorType.Q6_K
        if spec.layer is None:
            return default
        if spec.name.endswith("attn_v.weight"):
            return self._attention_v(spec.layer)
        if spec.name.endswith("ffn_down.weight"):
            return self._ffn_down(spec.layer)
        return default

    def _attention_v(self, layer: int) -> TensorType:
        config, file_type = self.config, self.file_type
        grouping = config.n_heads // config.n_kv_heads
        chosen = file_type.default
        if file_type in (FileType.IQ4_NL, FileType.IQ4_XS) and grouping >= 4:
            chosen = TensorType.Q5_K
        elif file_type in (FileType.Q4_K_M, FileType.Q5_K_M) and self._more_bits(layer):
            chosen = TensorType.Q6_K
        elif file_type is FileType.Q4_K_S and layer < 4:
            chosen = TensorType.Q5_K
        # llama.cpp's LLM_TYPE_70B, told by its 80 layers: the value weights are small and dear.
        if config.n_layers == 80 and grouping > 1 and chosen is TensorType.Q4_K:
            return TensorType.Q5_K
        return chosen

    def _ffn_down(self, layer: int) -> TensorType:
        file_type = self.file_type
        if file_type in (FileType.Q4_K_M, FileType.Q5_K_M) and self._more_bits(layer):
            return TensorType.Q6_K
        if layer < self.config.n_layers // 8:
            more = _FFN_DOWN_WITH if self.has_importance else _FFN_DOWN_WITHOUT
            return more.get(file_type, file_type.default)
        return file_type.default

    def _more_bits(self, layer: int) -> bool:
        """`use_more_bits`: the first and last eighth of the layers, and every third between."""
        eighth = self.config.n_layers // 8
        return layer < eighth or layer >= 7 * self.config.n_layers // 8 or (layer - eighth) % 3 == 2


def _fallback(wanted: TensorType, columns: int) -> TensorType:
    """`tensor_type_fallback`: what a width that is no multiple of the block gets instead."""
    if wanted.fits(columns):
        return wanted
    smaller = {
        TensorType.IQ4_XS: TensorType.IQ4_NL,
        TensorType.Q4_K: TensorType.Q5_0,
        TensorType.Q5_K: TensorType.Q5_1,
        TensorType.Q6_K: TensorType.Q8_0,
    }.get(wanted, wanted)
    return smaller if smaller.fits(columns) else TensorType.F16
