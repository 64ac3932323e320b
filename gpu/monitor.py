"""The card's memory over time: who holds it, what is not ours, and when it gets tight.

`upkeep` samples; pages read what it has kept in Redis. With NVML the numbers are the
card's own. Without it what Ollama and ComfyUI say of themselves is all that is known.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from gpu import snapshot, vram
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live import events
from live.redis import client, key

NVML, SERVICES, NOTHING = "nvml", "services", "none"
HISTORY = 15 * 60  # seconds that the chart shows
STALE = 3  # intervals without a sample
# Below this nothing is said: drivers, desktops and two CUDA contexts hold as much.
NEGLIGIBLE = 700 * 2**20
HYSTERESIS = 3  # per cent below the threshold at which the warning ends
OURS = ("ollama", "ollama.exe", "ollama_llama_server", "llama-server")
VISIBLE = 0.01  # of the total: a smaller change is not told to open pages


@dataclass(frozen=True)
class Reading:
    """One sample; bytes, seconds since the epoch. `foreign` is what is neither Ollama's nor ComfyUI's."""

    at: float = 0.0
    total: int = 0
    used: int = 0
    free: int = 0
    source: str = NOTHING
    ollama: int = 0
    comfyui: int = 0
    foreign: int = 0
    foreign_name: str = ""
    over_threshold: bool = False
    utilization: int | None = None
    name: str = ""

    @property
    def stale(self) -> bool:
        """Whether nobody has looked for a while."""
        return time.time() - self.at > STALE * max(float(settings.GPU_MONITOR_INTERVAL), 1.0)


def sample(comfyui_held: Callable[[], int]) -> Reading:
    """Look, keep what is seen, and tell open pages when it has changed. Raises RedisError."""
    before = _kept()
    card = vram.read_card() if settings.GPU_MONITOR_ENABLED else None
    reading = measure(
        card,
        ollama=_ollama_held(),
        comfyui=comfyui_held(),
        was_over=before.over_threshold,
        threshold=settings.GPU_VRAM_THRESHOLD,
        at=time.time(),
    )
    _keep(reading)
    _tell(before, reading)
    return reading


def measure(
    card: vram.Card | None, *, ollama: int, comfyui: int, was_over: bool, threshold: float, at: float
) -> Reading:
    """Return the reading that these numbers make."""
    if card is None:
        source = SERVICES if ollama or comfyui else NOTHING
        return Reading(at, used=ollama + comfyui, source=source, ollama=ollama, comfyui=comfyui)
    foreign = max(card.used - ollama - comfyui, 0)
    foreign = foreign if foreign >= NEGLIGIBLE else 0
    share = 100 * card.used / card.total if card.total else 0
    return Reading(
        at,
        total=card.total,
        used=card.used,
        free=card.free,
        source=NVML,
        ollama=ollama,
        comfyui=comfyui,
        foreign=foreign,
        foreign_name=_largest_stranger(card.processes) if foreign else "",
        over_threshold=share >= threshold - (HYSTERESIS if was_over else 0),
        utilization=card.utilization,
        name=card.name,
    )


def _largest_stranger(processes: Sequence[vram.Process]) -> str:
    """Return the name of the largest process that is surely not ours, "" where NVML names none.

    ComfyUI's process is only "python", so a Python is never named: it may be ours.
    """
    strangers = [
        process
        for process in processes
        if process.name and process.name.lower() not in OURS and not process.name.lower().startswith("python")
    ]
    largest = max(strangers, key=lambda process: process.used or 0, default=None)
    return largest.name if largest else ""


def foreign_sentence(reading: Reading) -> str:
    """Return what is to be said about memory that is not ours, "" when there is none to speak of."""
    if not reading.foreign:
        return ""
    gigabytes = round(reading.foreign / 1e9)
    if reading.foreign_name:
        return _("Something else holds about %(gb)d GB of the card: %(name)s.") % {
            "gb": gigabytes,
            "name": reading.foreign_name,
        }
    return _("Something else holds about %(gb)d GB of the card.") % {"gb": gigabytes}


def read() -> Reading:
    """Return the newest reading; an old one counts as none. Raises RedisError."""
    kept = _kept()
    return Reading() if kept.stale else kept


def history() -> list[list[float]]:
    """Return [seconds since the epoch, used, Ollama's, ComfyUI's] of the last minutes. Raises RedisError."""
    points: list[list[float]] = [
        json.loads(point) for point in client().lrange(key("vram", "history"), 0, -1)
    ]
    oldest = time.time() - HISTORY
    return [point for point in points if point[0] >= oldest]


def _kept() -> Reading:
    stored = client().get(key("vram"))
    return Reading(**json.loads(stored)) if stored else Reading()


def _keep(reading: Reading) -> None:
    points = int(HISTORY / max(settings.GPU_MONITOR_INTERVAL, 0.2))
    point = [round(reading.at, 1), reading.used, reading.ollama, reading.comfyui]
    pipe = client().pipeline(transaction=False)
    pipe.set(key("vram"), json.dumps(asdict(reading)))
    pipe.rpush(key("vram", "history"), json.dumps(point))
    pipe.ltrim(key("vram", "history"), -points, -1)
    pipe.execute()


def _tell(before: Reading, now: Reading) -> None:
    changed = max(abs(getattr(now, name) - getattr(before, name)) for name in ("used", "ollama", "comfyui"))
    if changed > VISIBLE * (now.total or now.used or 1) or now.source != before.source:
        events.tell("card", "all", "vram")
    if now.over_threshold != before.over_threshold:
        events.tell("card", "all", "vram_high" if now.over_threshold else "vram_ok")


def _ollama_held() -> int:
    """Return the bytes of the card that Ollama's models take."""
    seen = snapshot.read()
    if not seen.url or seen.state not in (snapshot.READY, snapshot.NO_MODELS):
        return 0
    try:
        return sum(model.size_vram for model in Ollama(seen.url).loaded())
    except ServiceError:
        return 0


def describe(reading: Reading) -> dict[str, Any]:
    """Return the reading as pages and the API tell it."""
    return {**asdict(reading), "sentence": foreign_sentence(reading)}
