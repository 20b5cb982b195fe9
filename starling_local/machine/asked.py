"""What a run of a model is asked to be: by the user, and by what it is used for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from starling_local.settings import ContextSettings, KvType

ALL_LAYERS = 2**31 - 1


@dataclass(frozen=True)
class Asked:
    """What the user fixed; None and empty mean that it is decided here.

    `gpu_layers`, `devices`, `tensor_split` and `main_gpu` are those of `LoadSettings`. The number
    of sequences follows from the request, and is always fixed.
    """

    context: int | None = None
    kv_type: KvType | None = None
    flash_attention: bool | None = None
    repack: bool | None = None
    gpu_layers: int | None = None
    devices: tuple[str, ...] = ()
    tensor_split: tuple[float, ...] = ()
    main_gpu: int | None = None
    threads: int | None = None
    batch: int | None = None
    sequences: int = 1
    must_fit: bool = True
    """Whether the run is refused if memory seems too small."""

    @property
    def names_gpus(self) -> bool:
        """Whether anything was said of GPUs that needs one."""
        says = self.gpu_layers or self.tensor_split or self.main_gpu is not None
        return bool(says) and self.gpu_layers != 0


class Use(Enum):
    """What a model is run for, named as the command."""

    CHAT = "chat"
    ASK = "ask"
    BATCH = "batch"
    STDIO = "stdio"


@dataclass(frozen=True)
class Preferred:
    """What is taken where nothing was asked and memory allows it.

    `is_shared`: several sequences share the context, so it may be longer than what the model was
    trained for.
    """

    context: int = ContextSettings.context
    is_shared: bool = False
    repack: bool = False
    kv_type: KvType = KvType.F16
    flash_attention: bool | None = None
    batch: int = ContextSettings.batch
    threads: int | None = None
    prefill_threads: int | None = None


SHARED_CONTEXT = 8192
# Repacking takes long: it pays for what goes on for some hundred tokens.
PREFERRED = {
    Use.CHAT: Preferred(repack=True),
    Use.ASK: Preferred(),
    Use.BATCH: Preferred(SHARED_CONTEXT, is_shared=True, repack=True),
    Use.STDIO: Preferred(SHARED_CONTEXT, is_shared=True),
}
