"""Saves the KV cache of a sequence to a file, and brings it back instead of decoding again.

A file is: magic, version of this format, length of the header, SHA-256 of all that follows; the
header, JSON; the tokens, 32 bits each; what `llama_state_seq_get_data` gives. Numbers are
little-endian. It holds the conversation in plain form, so only its owner may read it.

Such a file is worth something only to the program that wrote it, or one just like it: the form of
the last part is llama.cpp's own business, and it changes without notice. So the file is bound to
the model, the type of the KV cache and the version of llama.cpp. The checksum tells damage; it does
not tell a file that someone made on purpose.

SHA-256 because processors of the last years compute it in hardware. Of 2,000 tokens of a 7B model,
262 MB with f16, loading takes 0.22 s of processor time, 0.17 s of it the checksum (Xeon of 2023);
blake2b would take 0.42 s.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import stat
import struct
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path

from starling_local.engine import library
from starling_local.engine.context import Context
from starling_local.engine.llama import llama_cpp
from starling_local.errors import BadFileError, NotFoundError
from starling_local.files import write_whole

MAGIC = b"STARLKV\0"
VERSION = 1
MAX_HEADER_BYTES = 1 << 16
# Magic, version, length of the header, SHA-256 of what follows.
PREFIX = struct.Struct("<8sII32s")
TOKEN_BYTES = 4

_AGAIN = "the conversation can be read again instead, which takes longer"


class StateMismatchError(BadFileError):
    """A saved state is sound, but of another model, KV type, version, or too long."""


@dataclass(frozen=True)
class _Header:
    model: str
    """The model's fingerprint."""
    kv_type: str
    llama_cpp: str
    """The version of llama-cpp-python, which carries llama.cpp."""
    tokens: int
    payload_bytes: int


def save_state(context: Context, path: Path, sequence: int = 0) -> None:
    """Write a sequence's tokens with their keys and values; the file is replaced as a whole.

    If two processes save to one path, the last one's file stays.

    Raises:
        ConversionError: the file cannot be written; what was there before is unharmed.
        BadFileError: the model's file has been changed since it was loaded.
    """
    tokens, payload = context.tokens(sequence), context.snapshot(sequence)
    header = _Header(
        context.model.fingerprint,
        context.kv_type.value,
        llama_cpp.__version__,
        len(tokens),
        len(payload),
    )
    encoded = json.dumps(asdict(header)).encode()
    content = (encoded, struct.pack(f"<{len(tokens)}i", *tokens), payload)
    digest = sha256()
    for part in content:
        digest.update(part)
    prefix = PREFIX.pack(MAGIC, VERSION, len(encoded), digest.digest())
    write_whole(path, (prefix, *content))


def load_state(context: Context, path: Path, sequence: int = 0) -> tuple[int, ...]:
    """Make a sequence hold what was saved; returns its tokens.

    The file is checked as a whole before llama.cpp sees any of it, and the sequence stays as it was
    if the file is refused. If it is llama.cpp that refuses, the sequence is empty.

    There are no logits afterwards: `Context.prefill` makes those by decoding the last token again.

    Raises:
        NotFoundError: there is no such file.
        BadFileError: it is damaged, or not such a file at all.
        StateMismatchError: it is of another model, KV type or version, or does not fit the context.
    """
    data = _map(path)
    header, start = _checked_header(data, path)
    _check_match(header, context, path)
    tokens: tuple[int, ...] = struct.unpack_from(f"<{header.tokens}i", data, start)
    if tokens and not 0 <= min(tokens) <= max(tokens) < context.model.vocabulary.size:
        raise BadFileError(f"{path} is damaged: it has tokens that the model does not know")
    if len(tokens) > context.size:
        raise _too_long(path, len(tokens), f"the context holds {context.size}")
    start += header.tokens * TOKEN_BYTES
    payload = (ctypes.c_uint8 * header.payload_bytes).from_buffer(data, start)
    if not context.restore(payload, tokens, sequence):
        used = sum(len(context.tokens(other)) for other in range(context.sequences))
        if used + len(tokens) > context.size:
            raise _too_long(path, len(tokens), f"{used} of {context.size} are in use")
        reason = "; ".join(list(library.log.lines)[-2:])
        raise StateMismatchError(f"llama.cpp does not take {path}: {reason}", hint=_AGAIN)
    return tokens


def _too_long(path: Path, length: int, but: str) -> StateMismatchError:
    return StateMismatchError(
        f"{path} has {length} tokens; {but}", hint="choose a longer context with --ctx"
    )


def _map(path: Path) -> mmap.mmap:
    """The file's bytes, copied only where they are written to, which nobody does.

    Not closed by hand, for what llama.cpp reads is part of it. A file that `save_state` replaces
    meanwhile stays what it was.
    """
    try:
        # Asked before it is opened: to open a pipe waits for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadFileError(f"{path} is not a file")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < PREFIX.size:
                raise BadFileError(f"{path} is no saved state, or was cut short")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file: {path}", hint="check the path") from error
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error


def _checked_header(data: mmap.mmap, path: Path) -> tuple[_Header, int]:
    """The header of a file that is whole and undamaged, and where the tokens begin."""
    magic, version, header_bytes, digest = PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise BadFileError(f"{path} is no saved state: it begins with {magic[:4]!r}")
    if version != VERSION:
        raise StateMismatchError(
            f"{path} is of version {version} of the format, this program's is {VERSION}",
            hint=_AGAIN,
        )
    start = PREFIX.size + header_bytes
    if start > len(data) or header_bytes > MAX_HEADER_BYTES:
        raise BadFileError(f"{path} is damaged: a header of {header_bytes} bytes")
    header = _parse(data[PREFIX.size : start], path)
    expected = start + header.tokens * TOKEN_BYTES + header.payload_bytes
    if len(data) != expected:
        raise BadFileError(f"{path} is damaged: {len(data)} bytes, not {expected}")
    with memoryview(data) as whole, whole[PREFIX.size :] as content:
        if sha256(content).digest() != digest:
            raise BadFileError(f"{path} is damaged: its checksum is wrong")
    return header, start


def _parse(raw: bytes, path: Path) -> _Header:
    """The header from its JSON, every field there and of its type."""
    try:
        found = json.loads(raw)
        values = [found[field.name] for field in fields(_Header)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFileError(f"{path} is damaged: its header cannot be read") from error
    if [type(value) for value in values] != [str, str, str, int, int] or min(values[3:]) < 0:
        raise BadFileError(f"{path} is damaged: its header has values of wrong types")
    return _Header(*values)


def _check_match(header: _Header, context: Context, path: Path) -> None:
    """Raise StateMismatchError that says what differs, if anything does."""
    for what, saved, here in (
        ("the model", header.model, context.model.fingerprint),
        ("the type of the KV cache", header.kv_type, context.kv_type.value),
        ("llama-cpp-python", header.llama_cpp, llama_cpp.__version__),
    ):
        if saved != here:
            raise StateMismatchError(
                f"{path} does not fit: {what} was {saved:.12}, and is {here:.12} now", hint=_AGAIN
            )


def binding(context: Context) -> str:
    """A short name for what a state of such a context is bound to."""
    bound = (context.model.fingerprint, context.kv_type.value, llama_cpp.__version__)
    return sha256("\n".join(bound).encode()).hexdigest()[:16]


def saved_tokens(path: Path) -> tuple[int, ...]:
    """The tokens of a saved state, read without the rest; whether it is whole is for `load_state`.

    Raises NotFoundError, or BadFileError.
    """
    data = _map(path)
    magic, _, header_bytes, _ = PREFIX.unpack_from(data)
    start = PREFIX.size + header_bytes
    if magic != MAGIC or header_bytes > MAX_HEADER_BYTES:
        raise BadFileError(f"{path} is no saved state")
    header = _parse(data[PREFIX.size : start], path)
    if start + header.tokens * TOKEN_BYTES > len(data):
        raise BadFileError(f"{path} was cut short")
    return struct.unpack_from(f"<{header.tokens}i", data, start)
