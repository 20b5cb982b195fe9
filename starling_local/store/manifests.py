"""The models that can be pulled by a short name: where they are, and under which terms."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PACKAGE = Path(__file__).resolve().parent.parent
# Inside an installed package, and in the repository (an editable install or a bare checkout).
_PLACES = (_PACKAGE / "embedded" / "manifests", _PACKAGE.parent / "models" / "manifests")


@dataclass(frozen=True)
class Manifest:
    """What is known of a published checkpoint.

    `weights` are its safetensors, none if there are only pickled ones; `sha256` has the hashes that
    are known, by file.
    """

    name: str
    title: str
    repo: str
    revision: str
    architecture: str
    parameters: int
    licence: str
    non_commercial: bool
    terms: str
    hint: str | None = None
    weights: Sequence[str] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def download_bytes(self) -> int:
        """About what the weights take: two bytes for each."""
        return 2 * self.parameters


def all_manifests() -> tuple[Manifest, ...]:
    """The manifests that come with the program, by name; none if it was installed without them."""
    folder = next((place for place in _PLACES if place.is_dir()), None)
    paths = sorted(folder.glob("*.toml")) if folder else []
    return tuple(
        Manifest(name=path.stem, **tomllib.loads(path.read_text(encoding="utf-8")))
        for path in paths
    )
