"""Starling Nano, the model that ships with the program: its checkpoint, and its GGUF in the cache.

The GGUF is made on first use, by the same converter that makes Starling's. Its folder carries a
hash of the checkpoint and the program's version, so that neither ever meets an old file.
"""

from __future__ import annotations

import atexit
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from starling_local import __version__
from starling_local.errors import ConversionError, NotFoundError
from starling_local.store.folders import cache_folder

NAME = "nano"
FILE_TYPE = "Q8_0"
_PACKAGE = Path(__file__).resolve().parent.parent
# Inside an installed package, and in the repository (an editable install or a bare checkout).
_PLACES = (_PACKAGE / "embedded" / NAME, _PACKAGE.parent / "models" / NAME)


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
        lock = (folder / "lock").open("wb")
    except OSError as error:
        return _convert_for_this_run(checkpoint, folder, error, note)
    with lock:
        _wait_for(lock)
        return _converted(folder) or _convert(checkpoint, folder)


def nano_file(environ: Mapping[str, str]) -> Path | None:
    """The GGUF of Starling Nano if it has been converted. Raises NotFoundError as `nano_model`."""
    return _converted(cache_folder(environ) / NAME / _fingerprint(nano_checkpoint()))


def _fingerprint(checkpoint: Path) -> str:
    """Sixteen hex digits that stand for all that the file is made from."""
    digest = sha256(f"{__version__} {FILE_TYPE}".encode())
    for path in sorted(path for path in checkpoint.iterdir() if path.is_file()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _converted(folder: Path) -> Path | None:
    return next((path for path in folder.glob("*.gguf") if path.is_file()), None)


def _convert(checkpoint: Path, folder: Path) -> Path:
    # Imported here: nothing of the converter is needed once the file is there.
    from starling_convert.conversion import ConversionEvents, ConversionSettings, run_conversion
    from starling_convert.plan import plan_conversion
    from starling_convert.recipe import parse_file_type

    plan = plan_conversion(checkpoint, [parse_file_type(FILE_TYPE)], folder)
    # Not verified: this project's tests do that, and the engine checks the file on loading. Forced:
    # where locks do not work, two processes write the same bytes, and the last one's stay.
    settings = ConversionSettings(force=True, verify=False)
    (written,) = run_conversion(plan, settings, ConversionEvents())
    return written.planned.path


def _convert_for_this_run(
    checkpoint: Path, folder: Path, error: OSError, note: Callable[[str], None]
) -> Path:
    """Convert into a temporary folder that goes when the process ends."""
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f"starling-{NAME}-"))
    except OSError as no_place:
        raise ConversionError(
            f"cannot write to {folder} ({error.strerror or error}), nor to a temporary folder "
            f"({no_place.strerror or no_place})",
            hint="name a folder that can be written: STARLING_CACHE_DIR=FOLDER",
        ) from no_place
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    note(
        f"cannot write to {folder} ({error.strerror or error}); {NAME} is in {temporary} for this "
        "run"
    )
    return _convert(checkpoint, temporary)


def _wait_for(lock: BinaryIO) -> None:
    """Wait until no other process holds the lock; it goes with its process, however that ends."""
    # A file system without locks does not stop us.
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
