"""Which settings are tried on a machine.

Each differs from the usual in one thing, the most promising first; what is better alone is tried
together. They change nothing but the speed, the rounding of sums apart. A KV cache of
q8_0, which rounds keys and values, is tried only where that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starling_local.machine.asked import Preferred
from starling_local.machine.tuned import Tuned
from starling_local.machine.tuning.workload import Workload
from starling_local.settings import KvType

BATCHES = (128, 256, 1024, 2048)


def candidates(
    preferred: Preferred, workload: Workload, cores: int, physical_cores: int, *, lossy: bool
) -> tuple[Tuned, ...]:
    """What to try beside the usual, on so many cores that this process may use."""
    return tuple(_candidates(preferred, workload, cores, physical_cores, lossy=lossy))


def _candidates(
    preferred: Preferred, workload: Workload, cores: int, physical_cores: int, *, lossy: bool
) -> Iterator[Tuned]:
    usual_threads = preferred.threads or cores
    yield Tuned(repack=not preferred.repack)
    for threads in dict.fromkeys((physical_cores, cores // 2, cores - 1, cores)):
        if 1 <= threads <= cores and threads != usual_threads:
            if workload.sequences == 1:
                # To write one token is limited by memory, to read many by the cores.
                yield Tuned(threads=threads, prefill_threads=usual_threads)
            yield Tuned(threads=threads)
    if lossy:
        yield Tuned(kv_type=KvType.Q8_0)
    # Batches that are longer than what is read are all the same.
    longest = workload.prompt * workload.sequences
    for batch in BATCHES:
        if batch != preferred.batch and min(batch, preferred.batch) < longest:
            yield Tuned(batch=batch)
    # How fast it is without depends on the depth more than anything else.
    if not workload.is_one_text:
        yield Tuned(flash_attention=False)


def combined(better: Sequence[Tuned]) -> Tuned | None:
    """All of them together, the best first; None if that is nothing new."""
    both = Tuned()
    for one in better:
        joined = both.merged(one)
        # A KV cache of q8_0 needs flash attention.
        if joined.flash_attention is not False or joined.kv_type is None:
            both = joined
    return None if both in (*better, Tuned()) else both
