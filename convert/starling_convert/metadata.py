"""The key-value part of a file: what llama.cpp's converter writes, and where the file came from.

Source: `LlamaModel.set_gguf_parameters`, `TextModel.set_gguf_parameters` and `gguf.Metadata`. Keys
and value types are the gguf library's own, so they follow llama.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starling_convert.config import ModelConfig
from starling_convert.files import is_there, read_optional_json, read_text
from starling_convert.imatrix import ImportanceMatrix
from starling_convert.recipe import FileType
from starling_convert.vocabulary import Vocabulary
from starling_local import __version__
from starling_local.errors import BadFileError

if TYPE_CHECKING:
    from gguf import GGUFValue, GGUFWriter

GENERATION_CONFIG_NAME = "generation_config.json"
_LONGEST_OVERRIDE = 127  # bytes of `val_str` in llama_model_kv_override
QUANTISATION_VERSION = 2  # GGML_QNT_VERSION
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Source:
    """What is known of where a checkpoint came from, and the name its files get."""

    name: str
    repo: str | None
    revision: str | None


def find_source(folder: Path, card: Mapping[str, Any]) -> Source:
    """The hub repository and revision that `folder`'s place tells, and the checkpoint's name.

    Known are the hub cache (`models--ORG--NAME/snapshots/REVISION`) and folders that
    `hf download --local-dir` filled, which keep the revision of each file. The name is that of the
    repository, or `model_name` of the model card, or that of the folder. `_name_or_path` of
    config.json is no source: it names the model that training started from.
    """
    folder = folder.resolve()
    match = re.fullmatch(r"models--(.+?)--(.+)", folder.parent.parent.name)
    if match and folder.parent.name == "snapshots":
        revision = folder.name if _REVISION.fullmatch(folder.name) else None
        return Source(_file_name(match[2]), f"{match[1]}/{match[2]}", revision)
    record = folder / ".cache" / "huggingface" / "download" / "config.json.metadata"
    first_line = read_text(record).split("\n")[0] if is_there(record) else ""
    name = card.get("model_name")
    return Source(
        _file_name(name if isinstance(name, str) else folder.name),
        None,
        first_line if _REVISION.fullmatch(first_line) else None,
    )


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "model"


def model_metadata(
    folder: Path,
    config: ModelConfig,
    vocabulary: Vocabulary,
    source: Source,
    card: Mapping[str, Any],
    n_parameters: int,
) -> dict[str, GGUFValue]:
    """The key-value pairs that all files of a checkpoint share."""
    from gguf import GGUFType, GGUFWriter

    writer = GGUFWriter(path=None, arch="llama")
    writer.add_type(GGUFType.MODEL)
    _add_general(writer, folder, source, card, n_parameters)
    _add_architecture(writer, config)
    _add_vocabulary(writer, vocabulary)
    return dict(writer.kv_data[0])


def file_metadata(
    file_type: FileType,
    source: Source,
    sha256: Mapping[str, str],
    importance: ImportanceMatrix | None,
) -> dict[str, GGUFValue]:
    """The key-value pairs of one file: its type and its provenance.

    `sha256` has the hash of each input file by its name.
    """
    from gguf import GGUFWriter

    writer = GGUFWriter(path=None, arch="llama")
    writer.add_file_type(file_type.ftype_id)
    writer.add_quantization_version(QUANTISATION_VERSION)
    if importance is not None:
        _add_importance(writer, importance)
    writer.add_string("starling.convert.version", __version__)
    if source.repo:
        writer.add_string("starling.source.repo", source.repo)
    if source.revision:
        writer.add_string("starling.source.revision", source.revision)
    writer.add_array("starling.source.files", list(sha256))
    writer.add_array("starling.source.sha256", list(sha256.values()))
    return dict(writer.kv_data[0])


def _add_importance(writer: GGUFWriter, importance: ImportanceMatrix) -> None:
    """What llama-quantize's main writes of an importance matrix (tools/quantize/quantize.cpp)."""
    writer.add_string("quantize.imatrix.file", _cut(importance.file))
    if importance.dataset is not None:
        writer.add_string("quantize.imatrix.dataset", _cut(importance.dataset))
    writer.add_uint32("quantize.imatrix.entries_count", importance.entries)
    if importance.chunks > 0:
        writer.add_uint32("quantize.imatrix.chunks_count", importance.chunks)


def _cut(text: str) -> str:
    """As much of `text` as llama-quantize keeps, without half a letter at the end."""
    raw = text.encode("utf-8", "backslashreplace")
    return raw[:_LONGEST_OVERRIDE].decode("utf-8", "ignore")


def _add_general(
    writer: GGUFWriter,
    folder: Path,
    source: Source,
    card: Mapping[str, Any],
    n_parameters: int,
) -> None:
    from gguf import Metadata, size_label

    identity = {"_name_or_path": source.repo or source.name}
    metadata = Metadata.apply_metadata_heuristic(
        Metadata(), dict(card), identity, None, n_parameters
    )
    path = folder / GENERATION_CONFIG_NAME
    for name, value in _sampling(read_optional_json(path), path).items():
        setattr(metadata, f"sampling_{name}", value)
    if metadata.size_label is None:
        metadata.size_label = size_label(n_parameters, 0, 0, 0)
    if source.repo and metadata.source_repo_url is None:
        metadata.source_repo_url = f"https://huggingface.co/{source.repo}"
    metadata.set_gguf_meta_model(writer)


# `general.sampling.*` and transformers' names (`Metadata.load` in llama.cpp's gguf-py).
_SAMPLING = {
    "top_k": ("top_k",),
    "top_p": ("top_p",),
    "min_p": ("min_p",),
    "xtc_probability": ("xtc_probability",),
    "xtc_threshold": ("xtc_threshold",),
    "temp": ("temperature",),
    "penalty_last_n": ("penalty_last_n",),
    "penalty_repeat": ("penalty_repeat", "repetition_penalty"),
    "mirostat": ("mirostat",),
    "mirostat_tau": ("mirostat_tau",),
    "mirostat_eta": ("mirostat_eta",),
}
_WHOLE_NUMBERS = ("top_k", "penalty_last_n", "mirostat")


def _sampling(generation: Mapping[str, Any], path: Path) -> dict[str, int | float]:
    """Sampling settings by their GGUF names, from generation_config.json."""
    found: dict[str, int | float] = {}
    for name, fields in _SAMPLING.items():
        value = next((generation[key] for key in fields if generation.get(key) is not None), None)
        if value is None:
            continue
        kinds = (int,) if name in _WHOLE_NUMBERS else (int, float)
        if type(value) not in kinds or not -(2**31) <= value < 2**31:
            raise BadFileError(f"{path}: {fields[-1]} = {value!r:.100} is no such setting")
        found[name] = value
    return found


def _add_architecture(writer: GGUFWriter, config: ModelConfig) -> None:
    from gguf import RopeScalingType

    writer.add_block_count(config.n_layers)
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.ffn_size)
    writer.add_head_count(config.n_heads)
    writer.add_head_count_kv(config.n_kv_heads)
    if config.rope_linear_factor is not None:
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_linear_factor)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.head_dim)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    if vocabulary.add_space_prefix is not None:
        writer.add_add_space_prefix(vocabulary.add_space_prefix)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_scores(list(vocabulary.scores))
    writer.add_token_types([int(kind) for kind in vocabulary.kinds])
    ids = vocabulary.special_ids
    if "bos" in ids:
        writer.add_bos_token_id(ids["bos"])
    if "eos" in ids:
        writer.add_eos_token_id(ids["eos"])
    if "unk" in ids:
        writer.add_unk_token_id(ids["unk"])
    if "pad" in ids:
        writer.add_pad_token_id(ids["pad"])
    if vocabulary.add_bos is not None:
        writer.add_add_bos_token(vocabulary.add_bos)
    if vocabulary.add_eos is not None:
        writer.add_add_eos_token(vocabulary.add_eos)
    if vocabulary.chat_template is not None:
        writer.add_chat_template(vocabulary.chat_template)
