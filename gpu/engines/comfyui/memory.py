"""A pretend card: what the models would take of it, and how it comes back."""

from __future__ import annotations

from gpu.engines.comfyui.catalog import GIB, SIZES

TOTAL = 24 * GIB
CONTEXT = GIB // 2  # what CUDA itself holds as long as the process lives


class Memory:
    """Which models are on the card."""

    def __init__(self, total: int = TOTAL) -> None:
        self.total = total
        self._held: dict[str, int] = {}

    @property
    def used(self) -> int:
        """Bytes that the models take."""
        return sum(self._held.values())

    def holds(self, name: str) -> bool:
        return name in self._held

    def take(self, name: str) -> None:
        """Loads a model; one that does not fit pushes the oldest out, as ComfyUI does."""
        self._held[name] = SIZES.get(name, GIB)
        while self.used > self.total - CONTEXT and len(self._held) > 1:
            del self._held[next(iter(self._held))]

    def clear(self) -> None:
        self._held.clear()

    def device(self) -> dict[str, str | int]:
        """Returns the entry in /system_stats, in bytes."""
        return {
            "name": "cuda:0 built-in stand-in : pretend memory",
            "type": "cuda",
            "index": 0,
            "vram_total": self.total,
            "vram_free": max(self.total - CONTEXT - self.used, 0),
            "torch_vram_total": self.used,
            "torch_vram_free": 0,
        }
