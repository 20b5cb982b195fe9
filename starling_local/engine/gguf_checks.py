"""Values in a GGUF's metadata that llama.cpp ends the process for.

It does so with GGML_ASSERT in `llama_model_base::load_hparams` (src/llama-model.cpp) and
`llama_vocab::impl::load` (src/llama-vocab.cpp).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping

from starling_local.engine.gguf_source import Source, Strings, Value

# LLAMA_MAX_LAYERS, LLAMA_MAX_EXPERTS of llama.cpp.
_MAX_LAYERS, _MAX_EXPERTS = 512, 1024
_BYTE_TOKEN = 6  # LLAMA_TOKEN_TYPE_BYTE
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")


def check_metadata(source: Source, metadata: Mapping[str, Value]) -> None:
    """Refuse what cannot be loaded alone, and the values that llama.cpp ends the process for.

    Most other contradictions it reports, among them values of a wrong type. Raises BadFileError.
    """
    parts = metadata.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise source.bad(
            f"this file is one of {parts} parts of a model",
            "join them: llama-gguf-split --merge FIRST_PART OUTPUT",
        )
    architecture = metadata.get("general.architecture")
    prefix = f"{architecture}."
    layers = metadata.get(prefix + "block_count", 1)
    if isinstance(layers, int) and not 1 <= layers <= _MAX_LAYERS:
        raise source.bad(f"{prefix}block_count is {layers}; 1 to {_MAX_LAYERS} are possible")
    scaling = metadata.get(prefix + "rope.scaling.type")
    if isinstance(scaling, str) and scaling not in _ROPE_SCALINGS:
        raise source.bad(f"{prefix}rope.scaling.type {scaling!r:.40} is unknown to llama.cpp")
    if not _are_experts_possible(metadata, prefix):
        raise source.bad(f"the numbers of experts, {prefix}expert_*, contradict each other")
    last = metadata.get(prefix + "nextn_predict_layers", 0)
    if isinstance(last, int) and isinstance(layers, int) and last > layers:
        raise source.bad(f"{prefix}nextn_predict_layers is {last}, of {layers} layers")
    tokens = metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, Strings):
        _check_tokens(source, tokens)
    types = metadata.get("tokenizer.ggml.token_type")
    is_bert = metadata.get("tokenizer.ggml.model") == "bert"
    if is_bert and isinstance(types, array) and _BYTE_TOKEN in types:
        raise source.bad("a vocabulary of type bert has byte tokens")


def _are_experts_possible(metadata: Mapping[str, Value], prefix: str) -> bool:
    def number(name: str) -> int:
        value = metadata.get(prefix + name, 0)
        if isinstance(value, array) and value.typecode not in "fd":
            return int(max(value, default=0))
        return value if isinstance(value, int) else 0

    experts, used = number("expert_count"), number("expert_used_count")
    groups, groups_used = number("expert_group_count"), number("expert_group_used_count")
    if experts == 0:
        return used == 0 and groups == 0
    if groups > 1 and not (experts % groups == 0 and 0 < groups_used < groups):
        return False
    return 0 < used <= experts <= _MAX_EXPERTS and 0 <= groups < experts


def token_texts(tokens: Strings) -> list[bytes]:
    """The tokens' texts as llama.cpp reads them: C strings, with names for the empty ones."""
    texts = tokens.undecoded()
    if b"\0" in b"".join(texts):
        texts = [text.partition(b"\0")[0] for text in texts]
    if b"" in texts:
        texts = [text or b"[EMPTY_%d]" % number for number, text in enumerate(texts)]
    return texts


def _check_tokens(source: Source, tokens: Strings) -> None:
    """Refuse a vocabulary with the same text twice."""
    texts = token_texts(tokens)
    if len(set(texts)) < len(texts):
        ((twice, _),) = Counter(texts).most_common(1)
        raise source.bad(f"the token {twice.decode('utf-8', 'replace')!r:.80} is there twice")
