"""What a model takes in memory, worked out from its header: weights, keys and values, buffers.

Sources, in llama.cpp: `llama_model_base::load_tensors` for what is kept where, `llama_kv_cache`
for the cache, the graph in src/models/llama.cpp for what a computation holds at once. The tests
compare every number with what llama.cpp itself says it allocates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starling_local.engine.gguf_header import GgufHeader, TensorInfo
from starling_local.settings import KvType

OUTPUT = ("output.weight", "output_norm.weight")
EMBEDDING = "token_embd.weight"
# llama.cpp rounds the length of a context up to this, see `llama_context`.
CELLS = 256
# LLAMA_MAX_LAYERS of llama.cpp; the header's guard knows no more than what a file calls itself.
_MOST_LAYERS = 512
# Python, its modules and the libraries, and what llama.cpp keeps of each token's text.
BASE_BYTES, TOKEN_BYTES = 60 * 2**20, 320
# Bytes of a block of values, and its values.
_KV_BLOCKS = {KvType.F16: (2, 1), KvType.Q8_0: (34, 32)}
# Types whose matrices are rewritten by what the processor can do, named as llama.cpp does: see
# `ggml_repack_get_optimal_repack_type`, and `qtype_has_amx_kernels`.
_REPACKED = {
    "AVX2 = 1": frozenset((2, 12, 20, 39)),
    "NEON = 1": frozenset((2, 8, 12, 13, 14, 20, 39)),
    "AMX_INT8 = 1": frozenset((2, 3, 8, 12, 13, 14, 23)),
}
_REPACKED_ROWS = 8
_F32, _F16 = 4, 2
# Q8_K, to which the CPU turns the activations that it multiplies: bytes and values of a block.
_Q8_K_BYTES, _Q8_K = 292, 256
# Positions, indices and the matrices that turn a q8_0 cache, and what the allocator rounds up.
_SMALL_BYTES = 2**20


@dataclass(frozen=True)
class Footprint:
    """Sizes of a model: of its tensors in bytes, of what it computes in elements.

    `repacked_*` are the part of the weights that repacking makes a second copy of.
    """

    layer_bytes: tuple[int, ...]
    input_bytes: int
    output_bytes: int
    repacked_layer_bytes: tuple[int, ...]
    repacked_output_bytes: int
    largest_matrix_bytes: int
    is_tied: bool
    """Whether the output is the embedding: a GPU needs a copy of it."""
    width: int
    ffn_width: int
    kv_width: int
    heads: int
    head_size: int
    vocabulary: int
    trained_context: int

    @property
    def layers(self) -> int:
        """Layers that can be offloaded: the model's, and the output as one more."""
        return len(self.layer_bytes) + 1

    @property
    def weights_bytes(self) -> int:
        """All tensors."""
        return sum(self.layer_bytes) + self.input_bytes + self.output_bytes

    @property
    def parameters(self) -> int:
        """Weights of the matrices."""
        attention = 2 * self.width * (self.heads * self.head_size + self.kv_width)
        layer = attention + 3 * self.width * self.ffn_width
        ends = 1 if self.is_tied else 2
        return len(self.layer_bytes) * layer + ends * self.width * self.vocabulary

    @property
    def offloaded_output_bytes(self) -> int:
        """What the output takes on a GPU."""
        return self.output_bytes + (self.input_bytes if self.is_tied else 0)

    @property
    def can_be_q8_0(self) -> bool:
        """Whether a KV cache of q8_0 is possible, see `llama_init_from_model`."""
        return self.head_size % 32 == 0

    def kv_layer_bytes(self, context: int, kv_type: KvType) -> int:
        """Keys and values of one layer for a context of so many tokens."""
        size_bytes, values = _KV_BLOCKS[kv_type]
        return 2 * padded(context, CELLS) * (self.kv_width * size_bytes // values)

    def base_bytes(self) -> int:
        """The process without any of the rest."""
        return BASE_BYTES + TOKEN_BYTES * self.vocabulary

    def logits_bytes(self, sequences: int) -> int:
        """Where the CPU finds the logits."""
        return _F32 * self.vocabulary * sequences

    def compute_bytes(
        self, context: int, batch: int, outputs: int, *, has_flash_attention: bool
    ) -> int:
        """The most that a device's buffer for the computation takes, whole layers on it.

        One layer's feed-forward part, its attention, or the logits, whichever is the largest. Of
        these llama.cpp reserves as many `outputs` as a batch has tokens; on the host those that are
        not used take no memory.
        """
        tokens = min(batch, padded(context, CELLS))
        wide, ffn = self._values(self.width, tokens), self._values(self.ffn_width, tokens)
        mask = _mask_bytes(context, tokens, has_flash_attention=has_flash_attention)
        output = self._values(self.vocabulary, min(outputs, tokens)) + 2 * wide
        if has_flash_attention:
            return max(3 * ffn + 4 * wide, output) + mask + _SMALL_BYTES
        keys_and_values = 2 * self._values(self.kv_width, tokens)
        attention = self._scores_bytes(context, tokens) + 5 * wide + keys_and_values
        return max(3 * ffn + 5 * wide, attention, output) + mask + _SMALL_BYTES

    def passing_bytes(self, context: int, batch: int, *, has_flash_attention: bool) -> int:
        """What the CPU's buffer takes when GPUs do all layers: what goes in."""
        tokens = min(batch, padded(context, CELLS))
        mask = _mask_bytes(context, tokens, has_flash_attention=has_flash_attention)
        # Without flash attention there is a copy in half precision.
        masks = mask if has_flash_attention else mask * 3 // 2
        return 2 * self._values(self.width, tokens) + masks + _SMALL_BYTES

    def pipeline_bytes(self, context: int, batch: int, *, has_flash_attention: bool) -> int:
        """What a device takes besides when several work in turn: llama.cpp keeps four batches."""
        tokens = min(batch, padded(context, CELLS))
        mask = _mask_bytes(context, tokens, has_flash_attention=has_flash_attention)
        return 8 * self._values(self.width, tokens) + 3 * mask

    def work_bytes(self, context: int, batch: int, *, has_flash_attention: bool) -> int:
        """What the CPU takes besides: activations in the type of what they are multiplied with.

        See `ggml_graph_plan`. Without flash attention the scores are, too, for the values.
        """
        tokens = min(batch, padded(context, CELLS))
        blocks = -(-max(self.width, self.ffn_width) // _Q8_K)
        scores = 0 if has_flash_attention else self._scores_bytes(context, tokens) * _F16 // _F32
        return max(tokens * blocks * _Q8_K_BYTES, scores)

    def _scores_bytes(self, context: int, tokens: int) -> int:
        return self._values(self.heads * padded(context, CELLS), tokens)

    @staticmethod
    def _values(width: int, tokens: int) -> int:
        return _F32 * width * tokens


def footprint(header: GgufHeader, features: str) -> Footprint:
    """The sizes of a file's model. Of one that is none they mean nothing.

    `features` is what `llama_print_system_info` says of the processor: which weights are repacked
    depends on it.
    """
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    # What the tensors show is not asked of the metadata: they are known to be in the file.
    width, vocabulary = _matrix(shapes, EMBEDDING)
    heads = min(_number(header, "attention.head_count"), width)
    head_size = _number(header, "attention.key_length", max(1, width // heads))
    return of_tensors(
        header.tensors,
        features,
        layers=min(_number(header, "block_count"), len(header.tensors), _MOST_LAYERS),
        width=width,
        ffn_width=_matrix(shapes, "blk.0.ffn_up.weight")[1],
        kv_width=_matrix(shapes, "blk.0.attn_k.weight")[1],
        heads=heads,
        head_size=min(head_size, width),
        vocabulary=vocabulary,
        trained_context=_number(header, "context_length"),
    )


def _number(header: GgufHeader, key: str, default: int = 1) -> int:
    """A number of the metadata that is 1 at least."""
    value = header.metadata.get(f"llama.{key}", default)
    return value if isinstance(value, int) and value > 0 else default


def _matrix(shapes: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, int]:
    """Columns and rows of a matrix."""
    columns, rows, *_ = (*shapes.get(name, ()), 1, 1)
    return columns, rows


def of_tensors(
    tensors: Iterable[TensorInfo],
    features: str,
    *,
    layers: int,
    width: int,
    ffn_width: int,
    kv_width: int,
    heads: int,
    head_size: int,
    vocabulary: int,
    trained_context: int,
) -> Footprint:
    """The sizes of a model with these tensors."""
    repacked_types = frozenset[int]().union(
        *(types for feature, types in _REPACKED.items() if feature in features)
    )
    # The input, the layers, the output.
    sizes, repacked = [0] * (layers + 2), [0] * (layers + 2)
    largest = 0
    names = set()
    for tensor in tensors:
        names.add(tensor.name)
        place = _place(tensor.name, layers)
        sizes[place] += tensor.size_bytes
        is_matrix = len(tensor.shape) == 2 and place > 0
        if is_matrix:
            largest = max(largest, tensor.size_bytes)
        if is_matrix and tensor.type_id in repacked_types:
            repacked[place] += tensor.size_bytes * (tensor.shape[1] % _REPACKED_ROWS == 0)
    return Footprint(
        tuple(sizes[1:-1]),
        sizes[0],
        sizes[-1],
        tuple(repacked[1:-1]),
        repacked[-1],
        largest,
        OUTPUT[0] not in names,
        width,
        ffn_width,
        kv_width,
        heads,
        head_size,
        vocabulary,
        trained_context,
    )


def padded(size: int, unit: int) -> int:
    """The next multiple of the unit."""
    return -(-size // unit) * unit


def _place(name: str, layers: int) -> int:
    """0 for the input, which stays on the CPU, then the layers, last the output."""
    if name in OUTPUT:
        return layers + 1
    kind, _, rest = name.partition(".")
    layer = rest.partition(".")[0]
    if kind == "blk" and layer.isdecimal() and int(layer) < layers:
        return int(layer) + 1
    return 0


def _mask_bytes(context: int, tokens: int, *, has_flash_attention: bool) -> int:
    """Who attends to whom."""
    size_bytes = _F16 if has_flash_attention else _F32
    return size_bytes * padded(context, CELLS) * tokens
