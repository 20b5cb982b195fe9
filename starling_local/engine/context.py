"""The KV cache and the decoding of tokens into it, with every token of every sequence known."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from starling_local.engine import library
from starling_local.engine.abort import Abort
from starling_local.engine.batch import Batch
from starling_local.engine.context_params import context_params
from starling_local.engine.llama import llama_cpp
from starling_local.engine.model import Model
from starling_local.engine.resource import Resource
from starling_local.engine.steps import Steps
from starling_local.engine.stoppable import is_main_thread, made_stoppably, run_stoppably
from starling_local.errors import DoesNotFitError, PromptTooLongError
from starling_local.settings import ContextSettings

# What llama_decode returns, besides 0 for success and negative numbers for failures.
_NO_SPACE, _ABORTED = 1, 2


class Context(Resource):
    """A context of a model, and what is in its KV cache. Use it in a `with` statement.

    Its sequences share the `size` tokens that it holds; a token that two of them share counts once.

    Raises:
        UsageError: a setting is not possible.
        DoesNotFitError: llama.cpp cannot get the memory.

    After `close`, RuntimeError is raised by what would compute.
    """

    def __init__(self, model: Model, settings: ContextSettings | None = None) -> None:
        settings = settings or ContextSettings()
        self.model = model
        self.kv_type = settings.kv_type
        self.abort, self._unheard = Abort(), Abort()
        layers = model.header.metadata.get("llama.block_count")
        self._steps = Steps(self.abort, layers if isinstance(layers, int) else 1)
        params = context_params(settings)
        library.log.forget_errors()
        make = partial(llama_cpp.llama_init_from_model, model.handle, params)
        self._context: Any = made_stoppably(make, llama_cpp.llama_free, Abort())
        if not self._context:
            raise DoesNotFitError(
                f"a context of {settings.context} tokens does not fit in memory: "
                f"{library.log.reason('no reason given')}",
                hint="choose a shorter one with --ctx, or --kv-type q8_0",
            )
        self.abort.attach(self._context)
        self._batch = Batch(params.n_batch)
        self.size: int = llama_cpp.llama_n_ctx(self._context)
        self.batch_size: int = params.n_batch
        self.sequences = settings.sequences
        self._tokens: list[list[int]] = [[] for _ in range(settings.sequences)]
        # How many at the start of each sequence may be in cells of another one too.
        self._shared = [0] * settings.sequences

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer."""
        if self._context is None:
            raise RuntimeError("the context is used after it was closed")
        return self._context

    @property
    def _memory(self) -> Any:
        return llama_cpp.llama_get_memory(self.handle)

    def tokens(self, sequence: int = 0) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache, in order."""
        return tuple(self._tokens[sequence])

    def length(self, sequence: int = 0) -> int:
        """How many tokens of the sequence are in the cache."""
        return len(self._tokens[sequence])

    def keep(self, length: int, sequence: int = 0) -> None:
        """Cut the sequence to its first `length` tokens."""
        del self._tokens[sequence][length:]
        self._shared[sequence] = min(self._shared[sequence], length)
        self._free_rest(sequence)

    def drop(self, start: int, end: int, sequence: int = 0) -> None:
        """Take tokens [start, end) out and move the later ones up.

        The later ones are not decoded again, but for the last: llama.cpp turns the keys to their
        new positions only when it decodes next (`llama_kv_cache::update`), and before that they
        must neither be saved nor meet an abort, which would leave some layers turned and some not.

        Tokens that are shared with another sequence cannot be moved for this one alone. If there
        are such among the later ones, all of those are decoded again, as `prefill` does it.

        Raises PromptTooLongError if there is no room for that. If moving fails, the sequence is
        empty.
        """
        tokens = self._tokens[sequence]
        if end >= len(tokens):
            self.keep(start, sequence)
        elif self._shared_length(sequence) > end:
            self.prefill([*tokens[:start], *tokens[end:]], sequence)
        elif start < end:
            self._move(start, end, sequence)

    def copy(self, source: int, target: int, length: int) -> None:
        """Make the target hold the first `length` tokens of the source, in the same cells.

        Nothing is decoded, and no space is taken, until the sequences go on differently.
        """
        if source == target:
            self.keep(length, target)
            return
        self.keep(0, target)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)
        self._tokens[target] = self._tokens[source][:length]
        self._shared[target] = len(self._tokens[target])
        self._shared[source] = max(self._shared[source], self._shared[target])

    def prefill(
        self,
        tokens: Sequence[int],
        sequence: int = 0,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make the cache hold exactly these tokens, with the logits of the last; reuse what it can.

        `on_progress` gets tokens done and to do, some times a second. Ctrl-C stops it at once:
        KeyboardInterrupt is raised, and the cache holds what was finished. Returns how many tokens
        were decoded.

        Raises PromptTooLongError if they do not fit.
        """
        if len(tokens) > self.size:
            raise PromptTooLongError(
                f"the prompt has {len(tokens)} tokens, the context holds {self.size}",
                hint="shorten it, or choose a longer context with --ctx",
            )
        # The logits of the last token are wanted, so it is decoded even if it is there already.
        common = max(0, min(common_length(self._tokens[sequence], tokens), len(tokens) - 1))
        self.keep(common, sequence)
        todo = tokens[common:]
        for start in range(0, len(todo), self.batch_size):
            piece = todo[start : start + self.batch_size]
            report = on_progress and partial(_report, on_progress, start, len(piece), len(todo))
            run_stoppably(partial(self._read, {sequence: piece}, report), self.abort)
        if on_progress is not None:
            on_progress(len(todo), len(todo))
        return len(todo)

    def decode_next(self, token: int, sequence: int = 0) -> None:
        """Add one token to the sequence; its logits are then in row 0, the last.

        Raises PromptTooLongError if the context is full, KeyboardInterrupt if it was aborted.
        """
        context, tokens = self.handle, self._tokens[sequence]
        self._batch.put_one(token, len(tokens), sequence)
        try:
            status = llama_cpp.llama_decode(context, self._batch.handle)
            if status:
                self._raise(status)
            tokens.append(token)
        except BaseException:
            self._free_rest(sequence)
            raise

    def decode_together(self, tokens: Mapping[int, int]) -> dict[int, int]:
        """Add one token to each of several sequences, as `decode_many` does."""
        return self.decode_many({sequence: (token,) for sequence, token in tokens.items()})

    def decode_many(self, tokens: Mapping[int, Sequence[int]]) -> dict[int, int]:
        """Add tokens, at most `batch_size` in all, to several sequences in one computation.

        Takes sequence and tokens; returns sequence and the row in which the logits of the last of
        its tokens are, for `Sampler.sample`. On failure no sequence has got its tokens.

        Raises PromptTooLongError if the context is full, KeyboardInterrupt if it was aborted.
        """
        return self._decode(tokens) if tokens else {}

    def snapshot(self, sequence: int = 0) -> ctypes.Array[ctypes.c_uint8]:
        """The sequence's keys and values, in the form of `llama_state_seq_get_data`."""
        size_bytes = llama_cpp.llama_state_seq_get_size(self.handle, sequence)
        payload: ctypes.Array[ctypes.c_uint8] = (ctypes.c_uint8 * size_bytes)()
        written = llama_cpp.llama_state_seq_get_data(self.handle, payload, size_bytes, sequence)
        if written != size_bytes or not self._has_positions(len(self._tokens[sequence]), sequence):
            raise RuntimeError(f"llama_state_seq_get_data: {library.log.last('no reason given')}")
        return payload

    def restore(
        self, payload: ctypes.Array[ctypes.c_uint8], tokens: Sequence[int], sequence: int = 0
    ) -> bool:
        """Make the sequence hold these tokens, whose keys and values `snapshot` returned.

        Whether llama.cpp accepts them; if it does not, the sequence is empty. There are no logits
        afterwards: `prefill` makes those by decoding the last token again.
        """
        self.keep(0, sequence)
        try:
            size_bytes = len(payload)
            read = llama_cpp.llama_state_seq_set_data(self.handle, payload, size_bytes, sequence)
            is_whole = read == size_bytes and self._has_positions(len(tokens), sequence)
            if is_whole:
                self._tokens[sequence] = list(tokens)
            return is_whole
        finally:
            self._free_rest(sequence)

    def _has_positions(self, length: int, sequence: int) -> bool:
        """Whether llama.cpp, too, counts that many tokens in the sequence."""
        first = llama_cpp.llama_memory_seq_pos_min(self._memory, sequence)
        last = llama_cpp.llama_memory_seq_pos_max(self._memory, sequence)
        return bool((first, last) == ((0, length - 1) if length else (-1, -1)))

    def _shared_length(self, sequence: int) -> int:
        """How many tokens at the start are in cells of another sequence too, at most."""
        others = (other for number, other in enumerate(self._tokens) if number != sequence)
        common = (common_length(self._tokens[sequence], other) for other in others)
        return min(self._shared[sequence], max(common, default=0))

    def _free_rest(self, sequence: int) -> None:
        """Take out of the cache what is there beyond the sequence's known tokens."""
        length = len(self._tokens[sequence])
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1)

    def _move(self, start: int, end: int, sequence: int) -> None:
        """Move the tokens from `end` on to `start`; on any failure the sequence is empty."""
        *before, last = self._tokens[sequence]
        try:
            self.keep(len(before), sequence)
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, end)
            llama_cpp.llama_memory_seq_add(self._memory, sequence, end, -1, start - end)
            self._tokens[sequence] = before[:start] + before[end:]
            self._shared[sequence] = min(self._shared[sequence], start)
            # No field of this method: llama.cpp may read it after an interruption of `finally`.
            self._unheard.attach(self.handle)
            self._decode({sequence: (last,)})
        except BaseException:
            self._tokens[sequence] = []
            self._free_rest(sequence)
            raise
        finally:
            self.abort.attach(self.handle)

    def _read(
        self, added: Mapping[int, Sequence[int]], report: Callable[[float], None] | None
    ) -> None:
        """Decode many tokens, with `report` called, and signals heard, meanwhile."""
        if report is None and not is_main_thread():
            self._decode(added)
            return
        if report is not None:
            report(0)
        with self._steps.watched(self.handle, report):
            self._decode(added)

    def _decode(self, added: Mapping[int, Sequence[int]]) -> dict[int, int]:
        """Decode tokens at the ends of sequences; returns the row of each one's last logits.

        On failure, or if Python raises KeyboardInterrupt meanwhile, the cache holds the known
        tokens and nothing else.
        """
        context = self.handle
        rows = self._batch.put(added, {sequence: len(self._tokens[sequence]) for sequence in added})
        try:
            status = llama_cpp.llama_decode(context, self._batch.handle)
            if status:
                self._raise(status)
            for sequence, tokens in added.items():
                self._tokens[sequence] += tokens
        except BaseException:
            for sequence in added:
                self._free_rest(sequence)
            raise
        return rows

    def _raise(self, status: int) -> NoReturn:
        """Raise what an answer of llama_decode means."""
        if status == _ABORTED:
            raise KeyboardInterrupt
        if status == _NO_SPACE:
            raise PromptTooLongError(
                f"the context of {self.size} tokens is full",
                hint="choose a longer one with --ctx, or start a new conversation",
            )
        raise RuntimeError(
            f"llama_decode failed with {status}: {library.log.last('no reason given')}"
        )

    def close(self) -> None:
        """Free the memory."""
        context, self._context = self._context, None
        if context:
            llama_cpp.llama_free(context)


def _report(
    on_progress: Callable[[int, int], None], start: int, length: int, todo: int, part: float
) -> None:
    on_progress(start + int(length * part), todo)


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens at the start are equal."""
    length = min(len(first), len(second))
    for index in range(length):
        if first[index] != second[index]:
            return index
    return length
