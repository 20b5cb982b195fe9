"""Starling Nano, the model that ships with the program: its checkpoint, and its GGUF in the cache.

The GGUF is made on first use, by the same converter that makes Starling's. Its folder carries a
hash of the checkpoint, so a new version of the model never meets an old file.
"""

from __future__ import annotations

import atexit
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from starling_local.errors import NotFoundError
from starling_local.store.folders import cache_folder

NAME = "nano"
FILE_TYPE = "Q8_0"
_PACKAGE = Path(__file__).resolve().parent.parent
# Inside an installed package, and in the repository (an editable install or a bare checkout).
_PLACES = (_PACKAGE / "embedded" / NAME, _PACKAGE.parent / "models" / NAME)
_HASHED = ("model.safetensors", "config.json", "tokenizer.model", "tokenizer_config.json")


def nano_checkpoint() -> Path:
    """The folder with the checkpoint, as Hugging Face lays it out.

    Raises NotFoundError when the installation is without it.
    """
    for folder in _PLACES:
        if (folder / "model.safetensors").is_file():
            return folder
    raise NotFoundError(
        f"the checkpoint of {NAME} is missing from this installation: {_PLACES[0]}",
        hint="install again: pip install --force-reinstall starling-local",
    )


def named_checkpoint(name: Path) -> Path:
    """The folder a user means: `nano` is the built-in one, unless a folder has that name."""
    return nano_checkpoint() if name == Path(NAME) and not name.exists() else name


def nano_model(environ: Mapping[str, str], note: Callable[[str], None]) -> Path:
    """The GGUF of Starling Nano, converted now if it was not before.

    Two processes may ask at once: one converts, the other waits for it. If the cache cannot be
    written, `note` is told, and the file lives in a temporary folder until the process ends.

    Raises:
        NotFoundError: the installation is without the checkpoint.
        ConversionError: the file cannot be written, for example because the disk is full.
    """
    checkpoint = nano_checkpoint()
    folder = cache_folder(environ) / NAME / _fingerprint(checkpoint)
    made = _converted(folder)
    if made:
        return made
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
            return _converted(folder) or _convert(checkpoint, folder)
    except OSError as error:
        temporary = Path(tempfile.mkdtemp(prefix=f"starling-{NAME}-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        note(f"cannot write to {folder} ({error.strerror}); {NAME} is in {temporary} for this run")
        return _convert(checkpoint, temporary)


def _fingerprint(checkpoint: Path) -> str:
    """Sixteen hex digits that stand for the checkpoint's contents."""
    digest = sha256()
    for name in _HASHED:
        digest.update((checkpoint / name).read_bytes())
    return digest.hexdigest()[:16]


def _converted(folder: Path) -> Path | None:
    return next(folder.glob("*.gguf"), None)


def _convert(checkpoint: Path, folder: Path) -> Path:
    # Imported here: nothing of the converter is needed once the file is there.
    from starling_convert.conversion import ConversionEvents, ConversionSettings, run_conversion
    from starling_convert.plan import plan_conversion
    from starling_convert.recipe import parse_file_type

    plan = plan_conversion(checkpoint, [parse_file_type(FILE_TYPE)], folder)
    # The file is checked in this project's tests, and again by the engine when it is loaded.
    (written,) = run_conversion(plan, ConversionSettings(verify=False), ConversionEvents())
    return written.planned.path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; it goes with the process, however that ends."""
    with path.open("wb") as file:
        # A file system without locks: at worst both convert, and the same bytes replace each other.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
