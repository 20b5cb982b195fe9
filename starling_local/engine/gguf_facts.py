"""What a GGUF's header says of the model: its shape, its types, and where it comes from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from starling_local.engine.gguf_header import Strings, TensorInfo, Value
from starling_local.engine.gguf_types import FILE_TYPE_NAMES, TYPE_NAMES
from starling_local.engine.identity import one_for_all

_LAYER = re.compile(r"^blk\.\d+\.")
_F16_BYTES, _Q8_BLOCK, _Q8_BLOCK_BYTES = 2, 32, 34
_PROVENANCE = {
    "general.name": "name",
    "general.organization": "organisation",
    "general.author": "author",
    "general.finetune": "fine-tune",
    "general.version": "version",
    "general.quantized_by": "quantised by",
    "general.license": "licence",
    "general.license.name": "licence's name",
    "general.license.link": "licence's text",
    "starling.source.repo": "source",
    "starling.source.revision": "source's revision",
    "general.source.huggingface.repository": "source",
    "general.source.repo_url": "source",
    "general.source.url": "source",
    "general.repo_url": "repository",
    "general.url": "page",
    "general.base_model.0.name": "base model",
    "general.base_model.0.repo_url": "base model's source",
    "general.quantization_version": "quantisation version",
    "quantize.imatrix.file": "importance matrix",
    "quantize.imatrix.dataset": "its text",
    "quantize.imatrix.entries_count": "its tensors",
    "quantize.imatrix.chunks_count": "its chunks",
}


@dataclass(frozen=True)
class Architecture:
    """The shape of a model; None is what the file does not say, or not as one number.

    Sizes are numbers of elements; `context` is a number of tokens.
    """

    name: str | None
    layers: int | None
    hidden: int | None
    ffn: int | None
    heads: int | None
    kv_heads: int | None
    head_size: int | None
    context: int | None
    rope_theta: float | None
    norm_epsilon: float | None
    vocabulary: int | None

    def kv_bytes_per_token(self, *, is_quantised: bool) -> int | None:
        """Bytes of the KV cache for each token, as f16 or as q8_0; None if they are not known."""
        if self.layers is None or self.kv_heads is None or self.head_size is None:
            return None
        elements = 2 * self.layers * self.kv_heads * self.head_size
        return elements * _Q8_BLOCK_BYTES // _Q8_BLOCK if is_quantised else elements * _F16_BYTES


@dataclass(frozen=True)
class KindCount:
    """How many of a model's tensors of a kind, such as `attn_v`, are meant, and how many it has."""

    kind: str
    count: int
    of: int


@dataclass(frozen=True)
class TypeShare:
    """The tensors of one type."""

    name: str
    tensors: int
    weights: int
    size_bytes: int
    kinds: tuple[KindCount, ...]

    @property
    def bits_per_weight(self) -> float:
        """Bits of its blocks, scales included, for each weight."""
        return self.size_bytes * 8 / self.weights


def architecture(metadata: Mapping[str, Value]) -> Architecture:
    """The shape, as far as the metadata give it in the form that the Starling models have."""
    name = metadata.get("general.architecture")
    prefix = name if isinstance(name, str) else "llama"

    def number(key: str) -> int | None:
        value = one_for_all(metadata.get(f"{prefix}.{key}", ""))
        return value if type(value) is int and value >= 0 else None

    def real(key: str) -> float | None:
        value = metadata.get(f"{prefix}.{key}")
        return value if isinstance(value, float) else None

    hidden, heads = number("embedding_length"), number("attention.head_count")
    head_size = number("attention.key_length")
    if head_size is None and hidden and heads:
        head_size = hidden // heads
    kv_heads = number("attention.head_count_kv")
    tokens = metadata.get("tokenizer.ggml.tokens")
    return Architecture(
        name=name if isinstance(name, str) else None,
        layers=number("block_count"),
        hidden=hidden,
        ffn=number("feed_forward_length"),
        heads=heads,
        kv_heads=heads if f"{prefix}.attention.head_count_kv" not in metadata else kv_heads,
        head_size=head_size,
        context=number("context_length"),
        rope_theta=real("rope.freq_base"),
        norm_epsilon=real("attention.layer_norm_rms_epsilon"),
        vocabulary=len(tokens) if isinstance(tokens, Strings) else None,
    )


def type_shares(tensors: Sequence[TensorInfo]) -> tuple[TypeShare, ...]:
    """The types of the tensors, the one with the most bytes first."""
    of_type: dict[int, list[TensorInfo]] = defaultdict(list)
    for tensor in tensors:
        of_type[tensor.type_id].append(tensor)
    whole = Counter(kind_of(tensor.name) for tensor in tensors)
    shares = [
        TypeShare(
            TYPE_NAMES[type_id],
            len(some),
            sum(prod(tensor.shape) for tensor in some),
            sum(tensor.size_bytes for tensor in some),
            tuple(
                KindCount(kind, count, whole[kind])
                for kind, count in Counter(kind_of(tensor.name) for tensor in some).items()
            ),
        )
        for type_id, some in of_type.items()
    ]
    return tuple(sorted(shares, key=lambda share: -share.size_bytes))


def kind_of(name: str) -> str:
    """What a tensor is for, in whichever layer: `attn_v` for `blk.3.attn_v.weight`."""
    return _LAYER.sub("", name).removesuffix(".weight")


def type_name(type_id: int) -> str:
    """A tensor type's name in ggml."""
    return TYPE_NAMES[type_id]


def file_type_name(metadata: Mapping[str, Value]) -> str | None:
    """The name of the file's mixture of types, such as Q4_K_M, as its metadata say."""
    value = metadata.get("general.file_type")
    return FILE_TYPE_NAMES.get(value) if isinstance(value, int) else None


def provenance(metadata: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    """Where the file comes from: pairs of a label and a text, from the file and not made safe."""
    found = [
        (label, str(metadata[key]))
        for key, label in _PROVENANCE.items()
        if isinstance(metadata.get(key), (str, int))
    ]
    version = metadata.get("starling.convert.version")
    if isinstance(version, str):
        found.append(("converter", f"starling-local {version}"))
    hashes = metadata.get("starling.source.sha256")
    if isinstance(hashes, Strings):
        found.append(("source's files", f"{len(hashes)}, with their sha256"))
    return tuple(found)
