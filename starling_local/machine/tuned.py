"""Settings that were measured to be faster than the usual ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from starling_local.machine.asked import Asked, Preferred
from starling_local.settings import KvType

_MOST = {"threads": 512, "prefill_threads": 512, "batch": 2**16}


@dataclass(frozen=True)
class Tuned:
    """What to prefer to the usual; None leaves it as it is. See `Preferred`."""

    repack: bool | None = None
    threads: int | None = None
    prefill_threads: int | None = None
    batch: int | None = None
    flash_attention: bool | None = None
    kv_type: KvType | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the usual, by the name of the setting."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def applied(self, preferred: Preferred) -> Preferred:
        """What is preferred then."""
        return replace(preferred, **self.changes)

    def without(self, asked: Asked) -> Tuned:
        """What is left of it where something else was asked for."""
        fixed = {name for name in self.changes if getattr(asked, name, None) is not None}
        if asked.threads is not None:
            fixed.add("prefill_threads")
        # A KV cache of q8_0 needs flash attention.
        if asked.flash_attention is False:
            fixed.add("kv_type")
        if asked.kv_type is KvType.Q8_0:
            fixed.add("flash_attention")
        return replace(self, **dict.fromkeys(fixed))

    def lean(self, usual: Preferred) -> Tuned:
        """Without what takes more memory than the usual; repacking is given up by `plan`."""
        is_long = self.batch is not None and self.batch > usual.batch
        return replace(
            self,
            batch=None if is_long else self.batch,
            flash_attention=self.flash_attention or None,
        )

    def merged(self, other: Tuned) -> Tuned:
        """Both; where they disagree, this one counts."""
        return replace(other, **self.changes)

    @property
    def words(self) -> str:
        """The settings for people, such as `no repacking, 4 threads`."""
        words = {
            "repack": "repacking" if self.repack else "no repacking",
            "threads": f"{self.threads} threads" if self.threads != 1 else "1 thread",
            "prefill_threads": f"{self.prefill_threads} for prefill",
            "batch": f"batches of {self.batch}",
            "flash_attention": f"{'' if self.flash_attention else 'no '}flash attention",
            "kv_type": f"KV cache of {self.kv_type.value if self.kv_type else ''}",
        }
        return ", ".join(words[name] for name in self.changes) or "the usual settings"


def tuned_from(values: object) -> Tuned | None:
    """Settings as JSON has them; None if they are none."""
    if not isinstance(values, dict) or not values.keys() <= {one.name for one in fields(Tuned)}:
        return None
    for name, value in values.items():
        if name in ("repack", "flash_attention"):
            is_good = isinstance(value, bool)
        elif name == "kv_type":
            is_good = value in [kind.value for kind in KvType]
        else:
            is_good = type(value) is int and 1 <= value <= _MOST[name]
        if not is_good:
            return None
    kv_type = values.get("kv_type")
    return Tuned(**{**values, "kv_type": kv_type and KvType(kv_type)})


def tuned_as_json(tuned: Tuned) -> dict[str, Any]:
    """The settings for JSON."""
    return {
        name: value.value if isinstance(value, KvType) else value
        for name, value in tuned.changes.items()
    }
