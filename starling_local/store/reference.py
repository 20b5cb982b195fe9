"""What a user asks `starling pull` for: a short name, a repository of the hub, or a file in one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import unquote, urlsplit

from starling_local.errors import NotFoundError, UsageError
from starling_local.store.manifests import Manifest, all_manifests
from starling_local.store.names import parse_name
from starling_local.store.nano import NAME as NANO

_PART = r"[A-Za-z0-9][\w.-]*"
_REVISION = re.compile(rf"{_PART}(/{_PART})*")
_REPO = re.compile(rf"{_PART}/{_PART}")
_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_FORMS = (
    "give a name (starling models list --available), OWNER/NAME, OWNER/NAME/FILE.gguf, or its URL"
)


@dataclass(frozen=True)
class Reference:
    """A repository of the hub at a revision; `file` is one GGUF in it, if one was asked for."""

    repo: str
    revision: str
    file: str | None = None
    manifest: Manifest | None = None


def parse_reference(
    text: str, revision: str | None, environ: Mapping[str, str] | None = None
) -> Reference:
    """What `text` means; `revision` is what `--revision` says, HF_ENDPOINT names another hub.

    Raises:
        NotFoundError: no model has this short name.
        UsageError: it is neither a name nor a repository, or two revisions are asked for.
    """
    if revision and not _REVISION.fullmatch(revision):
        raise UsageError(f"{revision} is no revision", hint="a branch, tag, commit, or refs/pr/N")
    if "/" not in text:
        named = _named(text)
        return Reference(named.repo, revision or named.revision, None, named)
    path, of_url = _parts(text, environ or {})
    if revision and of_url and revision != of_url:
        raise UsageError(f"the URL names the revision {of_url}, --revision {revision}")
    repo, file = "/".join(path[:2]), "/".join(path[2:]) or None
    if not _REPO.fullmatch(repo) or any(part in ("", ".", "..") for part in path):
        raise UsageError(f"{text} is no repository of the hub", hint=_FORMS)
    if file and not file.endswith(".gguf"):
        raise UsageError(f"{file} is no GGUF file", hint=f"name {repo} for the whole checkpoint")
    manifest = next((one for one in all_manifests() if one.repo.lower() == repo.lower()), None)
    return Reference(repo, revision or of_url or "main", file, manifest)


def _named(text: str) -> Manifest:
    if text == NANO:
        raise UsageError(f"{NANO} is built in", hint=f"starling chat -m {NANO}")
    base = parse_name(text).base
    manifests = {manifest.name: manifest for manifest in all_manifests()}
    if base in manifests:
        return manifests[base]
    near = get_close_matches(base, manifests, n=2) or list(manifests)
    raise NotFoundError(f"no model is called {text!r}; there is {', '.join(near)}", hint=_FORMS)


def _parts(text: str, environ: Mapping[str, str]) -> tuple[list[str], str | None]:
    """The repository's and the file's parts, and the revision, if a URL names one."""
    if "://" not in text:
        return text.split("/"), None
    try:
        url, hub = urlsplit(text), urlsplit(environ.get("HF_ENDPOINT", ""))
    except ValueError as error:
        raise UsageError(f"{text} is no URL: {error}", hint=_FORMS) from error
    if url.netloc not in (*_HOSTS, hub.netloc):
        raise UsageError(
            f"{url.netloc} is not the hub",
            hint=f"if it is a mirror of the hub: HF_ENDPOINT={url.scheme}://{url.netloc}",
        )
    path = [unquote(part) for part in url.path.strip("/").split("/")]
    # OWNER/NAME/blob/REVISION/FILE, as browsers show it, and what the links to files say.
    if len(path) > 3 and path[2] in ("blob", "resolve", "tree"):
        # A pull request's revision has slashes: refs/pr/1.
        length = 3 if path[3] == "refs" else 1
        return path[:2] + path[3 + length :], "/".join(path[3 : 3 + length])
    return path, None
