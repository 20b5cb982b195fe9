"""What the hub says of a repository: its files with sizes and hashes, and its licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starling_local.errors import DownloadError
from starling_local.plain_text import in_short
from starling_local.store.hub_errors import translated
from starling_local.store.hub_log import hub_messages
from starling_local.store.retry import Note, retrying

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

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
    what = f"cannot read {repo} at {revision}"
    with translated(what), hub_messages(note):
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            info = retrying(
                lambda: HfApi().model_info(
                    repo, revision=revision, files_metadata=True, timeout=30
                ),
                note,
            )
        except (HfHubHTTPError, HFValidationError):
            raise
        except UnicodeEncodeError as error:
            raise DownloadError(
                f"{what}: the token has characters that no token has",
                hint="check HF_TOKEN, or log in again with `hf auth login`",
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise DownloadError(
                f"{what}: the answer is none of the hub's ({error})",
                hint="check HF_ENDPOINT, and whether the network asks for a login",
            ) from error
    files = {sibling.rfilename: _file(sibling, what) for sibling in info.siblings or ()}
    if info.sha is None or not _HASH.fullmatch(info.sha):
        raise DownloadError(f"{what}: the hub does not tell the commit")
    # By the name that was asked for, which the hub and its cache know even if it has another now.
    return Repository(repo, info.sha, files, _licence(info.card_data))


def _file(sibling: RepoSibling, what: str) -> HubFile:
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    blob = sha256 or sibling.blob_id
    is_known = isinstance(blob, str) and _HASH.fullmatch(blob) and isinstance(sibling.size, int)
    if not is_known or not isinstance(sibling.rfilename, str):
        raise DownloadError(f"{what}: the hub does not tell the hash of {sibling.rfilename}")
    return HubFile(sibling.rfilename, sibling.size or 0, blob or "", sha256)


def _licence(card: Any) -> str | None:
    """The licence of a model card: its id, or the name that "other" has been given."""
    if card is None:
        return None
    for name in ("license_name", "license"):
        value = getattr(card, name, None)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if isinstance(value, str) and value:
            return in_short(value)
    return None
