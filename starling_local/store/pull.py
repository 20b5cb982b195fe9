"""From the hub to this machine: a checkpoint into the hub's cache, or GGUF files into the store."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starling_local.engine.gguf_header import read_header
from starling_local.errors import BadFileError, DownloadError, UsageError
from starling_local.store.hub import HubFile, Repository, read_repository
from starling_local.store.hub_cache import (
    cache_folder_of,
    cached_repository,
    fetch_into_cache,
    snapshot_folder,
)
from starling_local.store.hub_errors import translated
from starling_local.store.records import Record, read_record, write_record
from starling_local.store.reference import Reference
from starling_local.store.selection import indexed_weights, select_checkpoint, select_gguf
from starling_local.store.space import check_space
from starling_local.store.transfer import TransferEvents, fetch, is_whole, missing_bytes, part_path

# In names of licences: cc-by-nc-4.0, fair-noncommercial-research-license, non-commercial.
_NON_COMMERCIAL = re.compile(r"\bnc\b|non[- ]?commercial", re.IGNORECASE)


@dataclass(frozen=True)
class Terms:
    """The licence of a model, in its own words and ours; `non_commercial` None if unknown."""

    licence: str | None
    non_commercial: bool | None
    text: str


@dataclass(frozen=True)
class Pulled:
    """A GGUF file in the store. `is_new` is false if it was there before."""

    path: Path
    record: Record
    is_new: bool


@dataclass(frozen=True)
class Source:
    """Where models come from, how they are fetched, and where to."""

    reference: Reference
    repository: Repository
    models: Path
    is_offline: bool
    when: str
    events: TransferEvents

    @property
    def terms(self) -> Terms:
        """The licence, by the manifest and the hub."""
        manifest, licence = self.reference.manifest, self.repository.licence
        if manifest and not self.reference.file:
            text = manifest.terms
            if licence and licence != manifest.licence:
                text += f" The hub now says: {licence}."
            return Terms(manifest.licence, manifest.non_commercial, text)
        if licence is None:
            return Terms(None, None, "The hub tells no licence; the model's page may.")
        non_commercial = bool(_NON_COMMERCIAL.search(licence))
        return Terms(licence, non_commercial or None, f"The hub says: {licence}.")

    def record(self, file: Path, sha256: str, made: str, source_file: str | None = None) -> Record:
        """Write down what is known of a file that has come into the store."""
        record = Record(
            size_bytes=file.stat().st_size,
            sha256=sha256,
            made=made,
            when=self.when,
            repo=self.repository.repo,
            revision=self.repository.commit,
            source_file=source_file,
            licence=self.terms.licence,
            non_commercial=self.terms.non_commercial,
        )
        write_record(self.models, file, record)
        return record


def open_source(
    reference: Reference, models: Path, *, is_offline: bool, when: str, events: TransferEvents
) -> Source:
    """Ask the hub, or its cache if offline, what is there. Raises DownloadError."""
    if is_offline:
        repository = cached_repository(reference.repo, reference.revision)
    else:
        repository = read_repository(reference.repo, reference.revision, events.on_note)
        _compare_with_manifest(reference, repository, events.on_note)
    return Source(reference, repository, models, is_offline, when, events)


def present(source: Source, types: Sequence[str], *, force: bool) -> dict[str, Pulled]:
    """The conversions of this very commit that are in the store, by type.

    Raises UsageError if another file has the name that a conversion would get, unless `force`.
    """
    found: dict[str, Pulled] = {}
    for kind in () if force else types:
        path = source.models / f"{source.repository.repo.split('/')[1]}-{kind}.gguf"
        if not path.exists():
            continue
        record = read_record(source.models, path) or _adopted(source, path)
        if record is None or record.revision != source.repository.commit:
            raise UsageError(
                f"{path} exists already, and is not made from commit {source.repository.commit}",
                hint="replace it with --force",
            )
        found[kind] = Pulled(path, record, is_new=False)
    return found


def _adopted(source: Source, path: Path) -> Record | None:
    """A record for a conversion whose process ended before it wrote one, as its header tells."""
    try:
        revision = read_header(path).metadata.get("starling.source.revision")
    except BadFileError:
        return None
    if revision != source.repository.commit:
        return None
    return source.record(path, _sha256(path), "converted")


def pull_checkpoint(
    source: Source, check_config: Callable[[Path], None], output_bytes: Callable[[int], int]
) -> Path:
    """Bring a checkpoint into the hub's cache; the folder that has its files.

    `check_config` sees the folder before the weights come, and may refuse it. `output_bytes` says
    how much room in the store is needed beside so many bytes of weights.

    Raises:
        BadFileError: the repository has no safetensors, or what a conversion needs is not there.
        DownloadError: as `transfer.fetch`; or offline, and not all is in the cache.
        ConversionError: there is too little space.
    """
    manifest, repository = source.reference.manifest, source.repository
    with _of_cache(source):
        selection = select_checkpoint(repository, manifest.hint if manifest else None)
    for file in selection.small:
        folder = _into_cache(source, file)
    check_config(folder)
    with _of_cache(source):
        weights = indexed_weights(selection, folder)
    blobs = cache_folder_of(repository.repo) / "blobs"
    missing = sum(missing_bytes(blobs / file.blob, file.size_bytes) for file in weights)
    total = sum(file.size_bytes for file in weights)
    check_space([(blobs, missing), (source.models, output_bytes(total))])
    for file in weights:
        _into_cache(source, file)
    return folder


@contextmanager
def _of_cache(source: Source) -> Iterator[None]:
    """What a repository seems to lack may only not be in the cache, if that is all we look at."""
    try:
        yield
    except BadFileError as error:
        if not source.is_offline:
            raise
        raise DownloadError(
            f"{error.message}, as far as the hub's cache has it", hint="pull without --offline"
        ) from error


def pull_ggufs(source: Source, types: Sequence[str], *, force: bool) -> list[Pulled]:
    """Bring GGUF files into the store: the one that was named, or one for each type.

    Raises:
        NotFoundError, BadFileError: as `selection.select_gguf`.
        UsageError: another file has the name, unless `force`.
        DownloadError, ConversionError: as `pull_checkpoint`.
    """
    files = select_gguf(source.repository, source.reference.file, types)
    places = {file: source.models / Path(file.name).name for file in files}
    check_space(
        (source.models, missing_bytes(path, file.size_bytes)) for file, path in places.items()
    )
    return [_into_store(source, file, path, force) for file, path in places.items()]


def _into_cache(source: Source, file: HubFile) -> Path:
    """A file's place in the hub's cache, verified; the folder of its commit."""
    folder = snapshot_folder(source.repository)
    if source.is_offline:
        _check_offline(folder / file.name, file, source.events)
    else:
        fetch_into_cache(source.repository, file, source.reference.revision, source.events)
    return folder


def _into_store(source: Source, file: HubFile, path: Path, force: bool) -> Pulled:
    if path.exists() and not force:
        record = read_record(source.models, path)
        if record and record.sha256 == file.sha256 and record.size_bytes == path.stat().st_size:
            return Pulled(path, record, is_new=False)
        if not is_whole(path, file, source.events):
            raise UsageError(
                f"{path} exists already, and is another file", hint="replace it with --force"
            )
    cached = cache_folder_of(source.repository.repo) / "blobs" / file.blob
    if cached.is_file() and (source.is_offline or is_whole(cached, file, source.events)):
        if source.is_offline:
            _check_offline(cached, file, source.events)
        with translated(f"cannot put {file.name} into the store"):
            _link_or_copy(cached, path)
    elif source.is_offline:
        raise DownloadError(f"{file.name} is not in the hub's cache", hint="pull without --offline")
    else:
        fetch(source.repository, file, path, source.events)
    sha256 = file.sha256 or _sha256(path)
    return Pulled(path, source.record(path, sha256, "downloaded", file.name), is_new=True)


def _link_or_copy(cached: Path, path: Path) -> None:
    """Give a cached file a second name, or where that is not possible make a copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(path)
    part.unlink(missing_ok=True)
    try:
        os.link(cached, part)
    except OSError:
        shutil.copyfile(cached, part)
    part.replace(path)


def _check_offline(path: Path, file: HubFile, events: TransferEvents) -> None:
    """The cache's name of a file is its hash; without links there is none to compare with."""
    if file.sha256 and not is_whole(path, file, events):
        raise DownloadError(
            f"{path} is damaged: its hash is not {file.blob}",
            hint="pull again without --offline: it is replaced",
        )


def _compare_with_manifest(
    reference: Reference, repository: Repository, note: Callable[[str], None]
) -> None:
    """Tell of what the hub has in place of what is known."""
    manifest = reference.manifest
    if manifest is None:
        return
    missing = [name for name in manifest.weights if name not in repository.files]
    if missing:
        note(f"{repository.repo} has other files than this program knows: no {', '.join(missing)}")
    for name, sha256 in manifest.sha256.items():
        file = repository.files.get(name)
        if file and file.sha256 and file.sha256 != sha256:
            note(
                f"{name} is not the file that this program knows: the hub says sha256 "
                f"{file.sha256}, known is {sha256}"
            )


def _sha256(path: Path) -> str:
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
