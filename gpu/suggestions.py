"""Three models to begin with, chosen by the card's memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pynvml
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

HOME_LINE = 12.5e6  # bytes a second: a usual 100 Mbit/s line
ROOM_BESIDE = 1.2  # a model needs its size and about a fifth for its context
GIB = 2**30


@dataclass(frozen=True)
class Suggestion:
    """A model worth trying; sizes in GB as Ollama's library tells them."""

    name: str
    size_gb: float
    russian: bool
    about: str | Promise

    @property
    def disk_gb(self) -> float:
        """Return what it takes on the disk, GB; the same files are what is downloaded."""
        return self.size_gb

    @property
    def minutes(self) -> int:
        """Return how long its download takes on a usual home line."""
        return max(1, round(self.size_gb * 1e9 / HOME_LINE / 60))

    @property
    def command(self) -> str:
        return f"ollama pull {self.name}"


LIBRARY = (
    Suggestion("gpt-oss:20b", 13.8, True, _("Thinks before it answers; the strongest that fits 16 GB.")),
    Suggestion("qwen3:14b", 9.3, True, _("Strong in many languages; for 12 GB and more.")),
    Suggestion("gemma3:12b", 8.1, True, _("Good at Russian and looks at pictures.")),
    Suggestion("qwen3:8b", 5.2, True, _("A good all-rounder for 8 GB.")),
    Suggestion("gemma3:4b", 3.3, True, _("Small and quick; looks at pictures too.")),
    Suggestion("qwen3:1.7b", 1.4, True, _("For a small card or none at all.")),
    Suggestion("llama3.2:1b", 1.3, False, _("Very small; English mostly.")),
)
WITHOUT_CARD = 4.0


@cache
def card_memory_gb() -> float | None:
    """Return the largest card's memory in GiB, None without an NVIDIA card."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        cards = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return max((pynvml.nvmlDeviceGetMemoryInfo(card).total / GIB for card in cards), default=None)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def suggest(memory_gb: float | None) -> list[Suggestion]:
    """Return the three largest models that fit `memory_gb`; without a card the small ones."""
    room = (memory_gb or WITHOUT_CARD) / ROOM_BESIDE
    fitting = [model for model in LIBRARY if model.size_gb <= room]
    return (fitting or list(LIBRARY))[:3] if len(fitting) >= 3 else list(LIBRARY[-3:])
