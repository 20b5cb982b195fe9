"""What the hub says of a repository: its files with sizes and hashes, and its licence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starling_local.errors import DownloadError
from starling_local.store.hub_errors import translated
from starling_local.store.hub_log import hub_messages
from starling_local.store.retry import Note, retrying

# They become names of files in the cache.
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository. `sha256` is that of files in LFS; the others have only a git hash.

    The hub's cache keeps a file under `blob`, which is the one or the other.
    """

    name: str
    size_bytes: int
    blob: str
    sha256: str | None


@dataclass(frozen=True)
class Repository:
    """A repository at one commit."""

    repo: str
    commit: str
    files: Mapping[str, HubFile]
    licence: str | None


def is_offline(environ: Mapping[str, str]) -> bool:
    """Whether the environment forbids the network, as huggingface-hub reads it."""
    return any(
        environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in _OFFLINE_VARIABLES
    )


def read_repository(repo: str, revision: str, note: Note) -> Repository:
    """Ask the hub what a repository holds at a revision. Raises DownloadError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    what = f"cannot read {repo} at {revision}"
    with translated(what), hub_messages(note):
        try:
            info = retrying(
                lambda: HfApi().model_info(
                    repo, revision=revision, files_metadata=True, timeout=30
                ),
                note,
            )
        except (HfHubHTTPError, HFValidationError):
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise DownloadError(
                f"{what}: the answer is none of the hub's ({error})",
                hint="check HF_ENDPOINT, and whether the network asks for a login",
            ) from error
    files = {}
    for sibling in info.siblings or ():
        sha256 = sibling.lfs.sha256 if sibling.lfs else None
        blob = sha256 or sibling.blob_id
        if blob is None or not _HASH.fullmatch(blob) or not isinstance(sibling.size, int):
            raise DownloadError(f"{what}: the hub does not tell the hash of {sibling.rfilename}")
        files[sibling.rfilename] = HubFile(sibling.rfilename, sibling.size, blob, sha256)
    if info.sha is None or not _HASH.fullmatch(info.sha):
        raise DownloadError(f"{what}: the hub does not tell the commit")
    # By the name that was asked for, which the hub and its cache know even if it has another now.
    return Repository(repo, info.sha, files, _licence(info.card_data))


def cache_folder_of(repo: str) -> Path:
    """The folder of a repository in the hub's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def cached_repository(repo: str, revision: str) -> Repository:
    """What the cache holds of a repository, without asking the hub. Raises DownloadError."""
    folder = cache_folder_of(repo)
    with translated(f"cannot read what the hub's cache has of {repo}"):
        reference = folder / "refs" / revision
        commit = reference.read_text().strip() if reference.is_file() else revision
        snapshot = folder / "snapshots" / commit
        names = sorted(path for path in snapshot.rglob("*") if path.is_file())
        files = {path.relative_to(snapshot).as_posix(): _cached(path, snapshot) for path in names}
    if not files:
        raise DownloadError(
            f"{repo} at {revision} is not in the hub's cache, {folder.parent}, and the network is "
            "not to be used",
            hint="pull it once without --offline and HF_HUB_OFFLINE",
        )
    return Repository(repo, commit, files, None)


def _cached(path: Path, snapshot: Path) -> HubFile:
    """A file of the cache: a link to a blob, whose name is the hash; or without links, itself."""
    blob = Path(os.path.realpath(path)).name
    sha256 = blob if len(blob) == 64 else None
    return HubFile(path.relative_to(snapshot).as_posix(), path.stat().st_size, blob, sha256)


def _licence(card: Any) -> str | None:
    """The licence of a model card: its id, or the name that "other" has been given."""
    if card is None:
        return None
    for name in ("license_name", "license"):
        value = getattr(card, name, None)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if isinstance(value, str) and value:
            return value
    return None
