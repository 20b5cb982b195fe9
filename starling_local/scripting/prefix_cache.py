"""What was computed for prompts, kept on disk between processes.

Scripts repeat long beginnings: instructions, examples, a document. The keys and values of a prompt
are saved once; a later prompt that begins with the same tokens loads them instead of computing
them again. A file is found by what it is bound to (the model, the type of the KV cache, the version
of llama.cpp) and by its tokens, of which the longest common beginning is used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from starling_local.engine.context import Context, common_length
from starling_local.engine.state import binding, load_state, save_state, saved_tokens
from starling_local.errors import BadFileError, ConversionError, NotFoundError

# Fewer tokens are computed again nearly as fast as they are read.
FEWEST_TOKENS = 64
LONG_END = 256
LIMIT_BYTES = 4 * 2**30


class PrefixCache:
    """A folder of saved prompts, used for one prompt; made when the first one is kept.

    Any number of processes may use it at once: files come whole and go whole. When they exceed
    `limit_bytes` together, those unused for the longest time are removed.
    """

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._used: Path | None = None
        # Of the prompt: so many tokens were on disk; and whether the file ends there.
        self._covered = 0
        self._is_extended = False

    def fill(self, context: Context, prompt: Sequence[int]) -> None:
        """Put the beginning of the prompt into the context's first sequence, if it was kept."""
        found = ((self._in_common(path, context, prompt), path) for path in self._paths(context))
        self._covered, self._used = max(found, default=(0, None), key=lambda pair: pair[0])
        if self._used is None or self._covered < FEWEST_TOKENS:
            self._covered, self._used = 0, None
            return
        try:
            length = len(load_state(context, self._used))
            self._is_extended = length == self._covered
            os.utime(self._used)
        except (BadFileError, NotFoundError, OSError):
            # Damaged, or removed by another process just now: as if it had never been.
            with suppress(OSError):
                self._used.unlink(missing_ok=True)
            context.keep(0)
            self._covered, self._used = 0, None

    def keep(self, context: Context, prompt: Sequence[int]) -> None:
        """Save the prompt, unless most of it is there already; an answer after it is forgotten.

        A prompt that goes on where a kept one ends takes its place, as a conversation grows. Of one
        that only begins like it, a short end is not worth a file: it is likely to be another each
        time, like a question about the same document.

        Raises ConversionError if the file cannot be written.
        """
        missing = len(prompt) - self._covered
        worth = FEWEST_TOKENS if self._is_extended or not self._covered else LONG_END
        if missing < worth:
            return
        if context.tokens()[: len(prompt)] != tuple(prompt):
            return
        context.keep(len(prompt))
        self._make_folder()
        name = sha256(repr(list(prompt)).encode()).hexdigest()[:16]
        path = self._folder / f"{binding(context)}-{name}.state"
        save_state(context, path)
        if self._is_extended and self._used is not None:
            self._used.unlink(missing_ok=True)
        self._remove_oldest(path)

    def _paths(self, context: Context) -> list[Path]:
        return list(self._folder.glob(f"{binding(context)}-*.state"))

    def _in_common(self, path: Path, context: Context, prompt: Sequence[int]) -> int:
        """How many tokens of the prompt a file can give."""
        try:
            tokens = saved_tokens(path)
        except (BadFileError, NotFoundError):
            return 0
        return common_length(tokens, prompt) if len(tokens) <= context.size else 0

    def _make_folder(self) -> None:
        try:
            # The prompts are in there, in plain form.
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConversionError(f"cannot make {self._folder}: {error.strerror}") from error

    def _remove_oldest(self, newest: Path) -> None:
        """Keep to the limit; the newest file stays in any case."""
        files = []
        # Those that another process was killed in the middle of are among them.
        for path in self._folder.glob("*.state*"):
            with suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._limit_bytes or path == newest:
                continue
            with suppress(OSError):
                path.unlink(missing_ok=True)
                total -= size
