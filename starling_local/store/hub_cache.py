"""The cache that the hub's programs share: `models--OWNER--NAME` with blobs, snapshots and refs."""

from __future__ import annotations

import os
from pathlib import Path

from starling_local.errors import DownloadError
from starling_local.store.hub import HubFile, Repository
from starling_local.store.hub_errors import translated
from starling_local.store.hub_log import hub_messages
from starling_local.store.retry import retrying
from starling_local.store.transfer import TransferEvents, fetch, is_whole


def cache_folder_of(repo: str) -> Path:
    """The folder of a repository in the hub's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def snapshot_folder(repository: Repository) -> Path:
    """The folder of a commit in the hub's cache."""
    return cache_folder_of(repository.repo) / "snapshots" / repository.commit


def cached_repository(repo: str, revision: str) -> Repository:
    """What the cache holds of a repository, without asking the hub. Raises DownloadError."""
    with translated(f"cannot read what the hub's cache has of {repo}"):
        folder = cache_folder_of(repo)
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


def fetch_into_cache(
    repository: Repository, file: HubFile, branch: str, events: TransferEvents
) -> None:
    """Bring a file into the cache, where it has its name when it is verified.

    `branch` is what the commit was asked for by. Raises as `transfer.fetch`.
    """
    folder = cache_folder_of(repository.repo)
    blob = folder / "blobs" / file.blob
    named = snapshot_folder(repository) / file.name
    # A cache that several users share, and may only read; or one on a disk without links.
    has_its_own_ways = not os.access(blob.parent, os.W_OK) or not blob.is_file()
    if named.is_file() and has_its_own_ways and is_whole(named, file, events):
        return
    fetch(repository, file, blob, events)
    with translated(f"cannot keep {file.name} in the hub's cache"):
        _name_in_cache(repository, file, blob, events)
        if branch != repository.commit:
            # What the branch means now, for a time without the hub.
            reference = folder / "refs" / branch
            reference.parent.mkdir(parents=True, exist_ok=True)
            reference.write_text(repository.commit)


def drop_from_cache(repository: Repository) -> int:
    """Remove a repository's commit from the hub's cache; the bytes that were freed."""
    if not snapshot_folder(repository).is_dir():
        return 0
    with translated(f"cannot remove {repository.repo} from the hub's cache"):
        from huggingface_hub import scan_cache_dir

        strategy = scan_cache_dir().delete_revisions(repository.commit)
        strategy.execute()
    return int(strategy.expected_freed_size)


def _cached(path: Path, snapshot: Path) -> HubFile:
    """A file of the cache: a link to a blob, whose name is the hash; or without links, itself."""
    blob = Path(os.path.realpath(path)).name
    sha256 = blob if len(blob) == 64 else None
    return HubFile(path.relative_to(snapshot).as_posix(), path.stat().st_size, blob, sha256)


def _name_in_cache(
    repository: Repository, file: HubFile, blob: Path, events: TransferEvents
) -> None:
    """Let a verified blob be found by the file's name, as the hub's library does it.

    What that name leads to is compared: it may be there from before, or the hub may say another
    hash now than in its list. Raises DownloadError, and nothing has the name then.
    """
    from huggingface_hub import hf_hub_download

    note = events.on_note
    named = snapshot_folder(repository) / file.name

    def is_right() -> bool:
        # Without links on its disk the cache has a copy.
        return named.exists() and (named.samefile(blob) or is_whole(named, file, events))

    if is_right():
        return
    named.unlink(missing_ok=True)
    with hub_messages(note):
        # It finds the blob, and makes the name that leads to it.
        retrying(
            lambda: hf_hub_download(repository.repo, file.name, revision=repository.commit), note
        )
    if not is_right():
        named.unlink(missing_ok=True)
        raise DownloadError(
            f"{file.name} of {repository.repo} has another hash than the hub's list says",
            hint="check HF_ENDPOINT: a mirror may be behind; pull again later",
        )
