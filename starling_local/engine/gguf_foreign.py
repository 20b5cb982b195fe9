"""What is found where a GGUF file should be, told by its first bytes."""

from __future__ import annotations

CONVERT = "starling convert makes a GGUF file of a checkpoint folder"
# First bytes (letters in lower case), name, hint.
_FOREIGN = (
    ((b"version https://git-lfs",), "a Git LFS pointer", "fetch what it stands for: git lfs pull"),
    ((b"pk\3\4",), "a zip archive, as PyTorch saves checkpoints", CONVERT),
    ((b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"), "a pickle, as PyTorch saves them", CONVERT),
    ((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zxz"), "a compressed file", "unpack it first"),
    (
        (b"lmgg", b"fmgg", b"tjgg"),
        "a GGML file from before GGUF",
        "download or convert the model as GGUF",
    ),
    (
        (b"<!doctype html", b"<html", b"<?xml"),
        "a web page",
        "download the .gguf file itself, not the page about it",
    ),
)


def foreign(start: bytes, size_bytes: int) -> tuple[str, str | None]:
    """What a file is that begins with `start`, and what to do with it."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for prefixes, what, hint in _FOREIGN:
        if text.startswith(prefixes):
            return what, hint
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size_bytes:
        return "a safetensors file", "convert the folder it is in: starling convert FOLDER"
    if not start.strip(b"\0"):
        return "a file of zeros, as a broken download leaves it", None
    return f"a file that begins with {start[:4]!r}", None
