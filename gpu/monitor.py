"""The card's memory over time: who holds it, what is not ours, and when it gets tight.

`upkeep` samples; pages read what it has kept in Redis. With NVML the numbers are the
card's own. Without it what Ollama and ComfyUI say of themselves is all that is known;
a ComfyUI on CUDA also tells the whole card's memory.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from gpu import endpoints, snapshot, vram
from gpu.arbiter import line
from gpu.services.comfyui import Stats
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live import events
from live.redis import client, key

logger = logging.getLogger(__name__)
NVML, MANAGER, SERVICES, NOTHING = "nvml", "manager", "services", "none"
OF_CARD = (NVML, MANAGER)  # what tells of the card itself, whoever holds its memory
VRAM = "vram"  # the event
HISTORY = 15 * 60  # seconds that the chart shows
STALE = 3  # intervals without a sample
# Below this nothing is said: drivers, desktops and two CUDA contexts hold as much.
NEGLIGIBLE = 700 * 2**20
HYSTERESIS = 3  # per cent below the threshold at which the warning ends
OURS = ("ollama", "ollama.exe", "ollama_llama_server", "llama-server")
SHOWN = ("used", "ollama", "comfyui", "foreign")
VISIBLE = 0.01  # of the total: a smaller change is not told to open pages
TELL_EVERY = 1.0  # seconds; between two samples of a quick interval pages are left in peace


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
    why: str = ""
    """Why NVML was not read: a code of vram's, or `off`."""

    @property
    def stale(self) -> bool:
        """Whether nobody has looked for a while."""
        return time.time() - self.at > STALE * max(float(settings.GPU_MONITOR_INTERVAL), 1.0)


def sample(comfyui: Callable[[], Stats | int]) -> Reading:
    """Look, keep what is seen, and tell open pages when it has changed. Raises RedisError.

    `comfyui` returns the bytes that ComfyUI holds, or all that it tells of its cards.
    """
    before, told = _kept("vram"), _kept("vram", "told")
    card, why = _look()
    stats = comfyui()
    held = stats if isinstance(stats, int) else stats.held
    reading = measure(
        card or (None if isinstance(stats, int) else card_of(stats)),
        ollama=_ollama_held(),
        comfyui=held,
        was_over=before.over_threshold,
        threshold=settings.GPU_VRAM_THRESHOLD,
        at=time.time(),
        source=SERVICES if card is None else MANAGER if why else NVML,
        why=why,
    )
    events_now = news(told, before, reading)
    _keep(reading, told=VRAM in events_now)
    for type_ in events_now:
        events.tell("card", "all", type_)
        if type_ != VRAM:
            client().hincrby(line.counts_key(), type_, 1)
    return reading


def read_card() -> vram.Card | None:
    """Return the card at this moment, None where nobody can read it, or it is not to be read."""
    return _look()[0]


def _look() -> tuple[vram.Card | None, str]:
    """Return the card as NVML shows it here, else as the process manager reads it, and why NVML did not."""
    if not settings.GPU_MONITOR_ENABLED:
        return None, "off"
    card = vram.read_card(settings.GPU_INDEX)
    if card is not None:
        return card, ""
    why = vram.why_not(settings.GPU_INDEX)
    return _managers_card(), why.code if why else "failed"


def _managers_card() -> vram.Card | None:
    """Return the card of the machine where the process manager runs, None where it tells of none."""
    manager = endpoints.process_manager()
    try:
        memory = manager.status().memory if manager else None
    except ServiceError as error:
        logger.debug("the process manager does not tell of the card: %s", error)
        return None
    return vram.Card("", memory.total, memory.total - memory.free, memory.free) if memory else None


def card_of(stats: Stats) -> vram.Card | None:
    """Return the card that ComfyUI computes on as CUDA shows it there, None where there is none.

    ComfyUI counts what it has reserved and does not use as free; for others it is taken.
    """
    device = stats.devices[0] if stats.devices else None
    if device is None or device.type != "cuda" or not device.total:
        return None
    free = max(device.free - device.torch_free, 0)
    return vram.Card("", device.total, device.total - free, free)


def measure(
    card: vram.Card | None,
    *,
    ollama: int,
    comfyui: int,
    was_over: bool,
    threshold: float,
    at: float,
    source: str = NVML,
    why: str = "",
) -> Reading:
    """Return the reading that these numbers make; `source` is who told of the card, if anybody."""
    if card is None:
        source = SERVICES if ollama or comfyui else NOTHING
        return Reading(at, used=ollama + comfyui, source=source, ollama=ollama, comfyui=comfyui, why=why)
    foreign = foreign_memory(card, ollama=ollama, comfyui=comfyui)
    share = 100 * card.used / card.total if card.total else 0
    return Reading(
        at,
        total=card.total,
        used=card.used,
        free=card.free,
        source=source,
        ollama=ollama,
        comfyui=comfyui,
        foreign=foreign,
        foreign_name=_largest_stranger(card.processes, foreign) if foreign else "",
        over_threshold=share >= threshold - (HYSTERESIS if was_over else 0),
        utilization=card.utilization,
        name=card.name,
        why=why,
    )


def foreign_memory(card: vram.Card, *, ollama: int, comfyui: int) -> int:
    """Return the bytes that are neither Ollama's nor ComfyUI's, 0 when they are NEGLIGIBLE.

    While Ollama loads a model its list is empty; NVML shows that the memory is its own.
    """
    ours = max(ollama, held_by_ollama(card) or 0)
    rest = card.used - ours - comfyui
    return rest if rest >= NEGLIGIBLE else 0


def held_by_ollama(card: vram.Card | None) -> int | None:
    """Return the bytes that NVML shows in Ollama's processes, None where it does not tell.

    Windows and WSL2 tell no sizes; from inside a container no process is seen at all.
    """
    if card is None:
        return None
    sizes = [process.used for process in card.processes if _is_ollama(process)]
    if None in sizes or (not sizes and card.used >= NEGLIGIBLE):
        return None
    return sum(size or 0 for size in sizes)


def _is_ollama(process: vram.Process) -> bool:
    return process.name.lower() in OURS


def _largest_stranger(processes: Sequence[vram.Process], foreign: int) -> str:
    """Return the name of the process that surely holds most of what is not ours, "" when none is sure.

    ComfyUI's process is only "python", so a Python is never named: it may be ours. Where
    nothing is told of sizes (Windows, WSL2), only a process that is alone is named.
    """
    strangers = [
        process
        for process in processes
        if process.name and not _is_ollama(process) and not process.name.lower().startswith("python")
    ]
    largest = max(strangers, key=lambda process: process.used or 0, default=None)
    if largest is None:
        return ""
    sure = len(strangers) == 1 if largest.used is None else 2 * largest.used >= foreign
    return largest.name if sure else ""


def news(told: Reading, before: Reading, now: Reading) -> list[str]:
    """Return the events that open pages are to hear; `told` is what they have heard last.

    Against what they have heard, and not the sample before: memory also grows slowly.
    """
    types = []
    if _looks_different(told, now) and not 0 <= now.at - told.at < TELL_EVERY:
        types.append(VRAM)
    if now.over_threshold and not before.over_threshold:
        types.append("vram_high")
    elif before.over_threshold and not now.over_threshold and now.total:  # a card out of sight is not fine
        types.append("vram_ok")
    return types


def _looks_different(told: Reading, now: Reading) -> bool:
    if (told.source, told.over_threshold, told.foreign_name) != (
        now.source,
        now.over_threshold,
        now.foreign_name,
    ):
        return True
    changed: int = max(abs(getattr(now, name) - getattr(told, name)) for name in SHOWN)
    return changed > 0 and changed >= VISIBLE * (now.total or now.used)


def full_sentence(reading: Reading) -> str:
    """Return how full the card is, "" while that is not worth a word."""
    if not reading.over_threshold:
        return ""
    return _("The card's memory is %(share)d %% full.") % {"share": 100 * reading.used / reading.total}


def foreign_sentence(reading: Reading) -> str:
    """Return what is to be said about memory that is not ours, "" when there is none to speak of."""
    if not reading.foreign:
        return ""
    gigabytes = round(reading.foreign / 2**30)
    if reading.foreign_name:
        return _("Something else holds about %(gb)d GB of the card: %(name)s.") % {
            "gb": gigabytes,
            "name": reading.foreign_name,
        }
    return _("Something else holds about %(gb)d GB of the card.") % {"gb": gigabytes}


def read() -> Reading:
    """Return the newest reading; an old one counts as none. Raises RedisError."""
    kept = _kept("vram")
    return Reading() if kept.stale else kept


def history() -> list[list[float]]:
    """Return [seconds since the epoch, used, Ollama's, ComfyUI's] of the last minutes. Raises RedisError."""
    points: list[list[float]] = [
        json.loads(point) for point in client().lrange(key("vram", "history"), 0, -1)
    ]
    oldest = time.time() - HISTORY
    return [point for point in points if point[0] >= oldest]


def _kept(*name: str) -> Reading:
    """Return a kept reading; what another version of the app has kept besides is left out."""
    stored = json.loads(client().get(key(*name)) or "{}")
    return Reading(**{field.name: stored[field.name] for field in fields(Reading) if field.name in stored})


def _keep(reading: Reading, *, told: bool) -> None:
    points = int(HISTORY / max(settings.GPU_MONITOR_INTERVAL, 0.2))
    point = [round(reading.at, 1), reading.used, reading.ollama, reading.comfyui]
    stored = json.dumps(asdict(reading))
    pipe = client().pipeline(transaction=False)
    pipe.set(key("vram"), stored)
    if told:
        pipe.set(key("vram", "told"), stored)
    pipe.rpush(key("vram", "history"), json.dumps(point))
    pipe.ltrim(key("vram", "history"), -points, -1)
    pipe.execute()


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
    sentences = filter(None, (full_sentence(reading), foreign_sentence(reading)))
    return {**asdict(reading), "sentence": " ".join(sentences)}
