"""Which files of a repository are needed: a checkpoint's, or one GGUF. Pickled ones never are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starling_local.errors import BadFileError, NotFoundError
from starling_local.plain_text import sized
from starling_local.store.hub import HubFile, Repository
from starling_local.store.names import is_model_name, name_of_file, preference

DEFAULT_TYPE = "Q4_K_M"
INDEX = "model.safetensors.index.json"
# What the converter reads, and the licence.
_SMALL = (
    "config.json", "generation_config.json", "tokenizer.model", "tokenizer_config.json",
    "added_tokens.json", "special_tokens_map.json", "tokenizer.json", "chat_template.jinja",
    "chat_template.json", "README.md", "LICENSE", "LICENSE.txt",
)  # fmt: skip
_NEEDED = ("config.json", "tokenizer.model")
_SHARD = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
# None of them is larger, and all are read into memory.
_MOST_SMALL_BYTES = 100_000_000
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


@dataclass(frozen=True)
class Selection:
    """A checkpoint's files: first the small ones, which are read before the weights come."""

    small: tuple[HubFile, ...]
    weights: tuple[HubFile, ...]


def holds_ggufs_only(repository: Repository) -> bool:
    """Whether there are GGUF files, and no safetensors of a whole model."""
    return bool(_ggufs(repository)) and not any(map(_SHARD.fullmatch, repository.files))


def select_checkpoint(repository: Repository, hint: str | None = None) -> Selection:
    """The files that a conversion reads.

    `hint` is what to do where only pickled weights are. Raises BadFileError if what a conversion
    needs is not there.
    """
    names = repository.files
    shards = sorted(filter(_SHARD.fullmatch, names))
    if not shards:
        raise _no_weights(repository, hint)
    for name in _NEEDED:
        if name not in names:
            raise BadFileError(
                f"{repository.repo} has no {name}, which a conversion needs",
                hint="name a repository with the whole checkpoint, or a GGUF file: "
                "OWNER/NAME/FILE.gguf",
            )
    small = [name for name in (*_SMALL, INDEX) if name in names]
    for name in small:
        if names[name].size_bytes > _MOST_SMALL_BYTES:
            raise BadFileError(f"{name} of {repository.repo} has {sized(names[name].size_bytes)}")
    if INDEX not in names and "model.safetensors" in shards:
        shards = ["model.safetensors"]
    return Selection(tuple(names[name] for name in small), tuple(names[name] for name in shards))


def indexed_weights(selection: Selection, folder: Path) -> tuple[HubFile, ...]:
    """The weights' files that the index in `folder` names; all, if there is none.

    Raises BadFileError if the index is damaged, or names files that the repository lacks.
    """
    path = folder / INDEX
    if not path.is_file():
        return selection.weights
    try:
        weight_map = json.loads(path.read_bytes())["weight_map"]
        wanted = sorted(set(weight_map.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFileError(f"{path} is no index of safetensors: {error}") from error
    found = {file.name: file for file in selection.weights}
    missing = [str(name) for name in wanted if name not in found]
    if missing:
        raise BadFileError(f"the repository lacks {', '.join(missing)}, which its index names")
    return tuple(found[name] for name in wanted)


def select_gguf(repository: Repository, name: str | None, types: Sequence[str]) -> list[HubFile]:
    """The GGUF files that are asked for: one by its name, or one for each type.

    Raises:
        NotFoundError: the repository lacks one.
        BadFileError: it is one part of several, which llama.cpp has to join first.
    """
    ggufs = _ggufs(repository)
    if name is not None:
        chosen = [name]
    elif len(ggufs) == 1 and not types:
        chosen = list(ggufs)
    else:
        of_type = {name_of_file(Path(one).stem).tag: one for one in sorted(ggufs, reverse=True)}
        chosen = [of_type.get(kind, kind) for kind in types or [DEFAULT_TYPE]]
    for one in chosen:
        if one not in ggufs:
            raise NotFoundError(
                f"{repository.repo} has no {one}; it has "
                f"{', '.join(_sorted(ggufs)) or 'no GGUF file'}",
                hint="name a type with -q, or a file: OWNER/NAME/FILE.gguf",
            )
        if _SPLIT.search(one):
            raise BadFileError(
                f"{one} is one part of several, which are not joined here",
                hint="choose a type that is one file, or convert the original: starling pull "
                "starling-7b-alpha",
            )
    return [ggufs[one] for one in chosen]


def _ggufs(repository: Repository) -> dict[str, HubFile]:
    """The files that can be models of the store; one that could drive a terminal is none."""
    return {
        name: file
        for name, file in repository.files.items()
        if is_model_name(name.rpartition("/")[2]) and name.isprintable()
    }


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: preference(name_of_file(Path(name).stem).tag))


def _no_weights(repository: Repository, hint: str | None) -> BadFileError:
    if any(name.endswith(_PICKLED) for name in repository.files):
        return BadFileError(
            f"{repository.repo} holds only pickled weights (.bin), which are never loaded: "
            "unpickling runs whatever code the file carries",
            hint=hint or "hubs often keep safetensors in a pull request: --revision refs/pr/1",
        )
    return BadFileError(
        f"{repository.repo} holds neither safetensors nor GGUF files",
        hint="name a repository with a checkpoint, or with GGUF files",
    )
