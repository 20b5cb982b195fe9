"""The KV cache and the decoding of tokens into it, with every token of every sequence known."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import llama_cpp

from starling_local.engine import library
from starling_local.engine.abort import Abort
from starling_local.engine.model import Model
from starling_local.errors import DoesNotFitError, PromptTooLongError
from starling_local.settings import ContextSettings, KvType

_KV_TYPES = {KvType.F16: llama_cpp.GGML_TYPE_F16, KvType.Q8_0: llama_cpp.GGML_TYPE_Q8_0}
# What llama_decode returns, besides 0 for success and negative numbers for failures.
_NO_SPACE, _ABORTED = 1, 2


class Context:
    """A context of a model, and what is in its KV cache. Use it in a `with` statement.

    Raises DoesNotFitError if llama.cpp cannot get the memory.
    """

    def __init__(self, model: Model, settings: ContextSettings | None = None) -> None:
        settings = settings or ContextSettings()
        self.model = model
        self.abort = Abort()
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = settings.context
        params.n_batch = params.n_ubatch = min(settings.batch, settings.context)
        params.n_seq_max = settings.sequences
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = settings.threads or usable_cores()
        params.type_k = params.type_v = _KV_TYPES[settings.kv_type]
        self._context: Any = llama_cpp.llama_init_from_model(model.handle, params)
        if not self._context:
            raise DoesNotFitError(
                f"a context of {settings.context} tokens does not fit in memory: "
                f"{library.log.last('no reason given')}",
                hint="choose a shorter one with --ctx, or --kv-type q8_0",
            )
        self.abort.attach(self._context)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(params.n_batch, 0, 1)
        self.size: int = llama_cpp.llama_n_ctx(self._context)
        self.batch_size: int = params.n_batch
        self._tokens: list[list[int]] = [[] for _ in range(settings.sequences)]

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer."""
        return self._context

    def tokens(self, sequence: int = 0) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache, in order."""
        return tuple(self._tokens[sequence])

    def keep(self, length: int, sequence: int = 0) -> None:
        """Cut the sequence to its first `length` tokens."""
        if length < len(self._tokens[sequence]):
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1)
            del self._tokens[sequence][length:]

    def drop(self, start: int, end: int, sequence: int = 0) -> None:
        """Take tokens [start, end) out and move the later ones up, without decoding them again."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, end)
        llama_cpp.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)
        del self._tokens[sequence][start:end]

    def prefill(
        self,
        tokens: Sequence[int],
        sequence: int = 0,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> int:
        """Make the cache hold exactly these tokens, with the logits of the last; reuse what it can.

        `on_progress` gets tokens done and to do. Ctrl-C stops it at once: KeyboardInterrupt is
        raised, and the cache holds what was finished. Returns how many tokens were decoded.

        Raises PromptTooLongError if they do not fit.
        """
        if len(tokens) > self.size:
            raise PromptTooLongError(
                f"the prompt has {len(tokens)} tokens, the context holds {self.size}",
                hint="shorten it, or choose a longer context with --ctx",
            )
        # The logits of the last token are wanted, so it is decoded even if it is there already.
        common = min(common_length(self._tokens[sequence], tokens), len(tokens) - 1)
        self.keep(common, sequence)
        todo = len(tokens) - common
        for start in range(common, len(tokens), self.batch_size):
            on_progress(start - common, todo)
            self._decode_interruptibly(tokens[start : start + self.batch_size], sequence)
        on_progress(todo, todo)
        return todo

    def decode_next(self, token: int, sequence: int = 0) -> None:
        """Add one token to the sequence; its logits are then in row 0, the last.

        Raises PromptTooLongError if the context is full, KeyboardInterrupt if it was aborted.
        """
        self._decode((token,), sequence)

    def _decode_interruptibly(self, tokens: Sequence[int], sequence: int) -> None:
        """Decode on another thread, so that Ctrl-C reaches this one, which then aborts it."""
        failure: list[BaseException] = []
        # Not Thread.join: interrupted, it takes a running thread for a finished one in some
        # versions of Python.
        finished = threading.Event()

        def work() -> None:
            try:
                self._decode(tokens, sequence)
            except (KeyboardInterrupt, PromptTooLongError, RuntimeError) as error:
                failure.append(error)
            finally:
                finished.set()

        threading.Thread(target=work, daemon=True).start()
        while not finished.is_set():
            try:
                finished.wait()
            except KeyboardInterrupt:
                self.abort.set()
        if self.abort.is_set:
            self.abort.clear()
            raise KeyboardInterrupt
        if failure:
            raise failure[0]

    def _decode(self, tokens: Sequence[int], sequence: int) -> None:
        """Decode tokens at the end of the sequence; on failure the cache is as before."""
        batch, position = self._batch, len(self._tokens[sequence])
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = False
        batch.logits[len(tokens) - 1] = True
        status = llama_cpp.llama_decode(self._context, batch)
        if status == 0:
            self._tokens[sequence] += tokens
            return
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, position, -1)
        if status == _ABORTED:
            raise KeyboardInterrupt
        if status == _NO_SPACE:
            raise PromptTooLongError(
                f"the context of {self.size} tokens is full",
                hint="choose a longer one with --ctx, or start a new conversation",
            )
        raise RuntimeError(f"llama_decode failed with {status}: {library.log.last('no reason')}")

    def close(self) -> None:
        """Free the memory."""
        if self._context:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._context)
            self._context = None

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens at the start are equal."""
    length = min(len(first), len(second))
    for index in range(length):
        if first[index] != second[index]:
            return index
    return length
