"""What `upkeep` does for the card: let time pass, prune the line, believe only what is shown."""

from __future__ import annotations

import logging
import time

from gpu import emptying, endpoints, ledger, monitor, snapshot
from gpu.arbiter import COMFYUI, OLLAMA, Card, prune, tick, transact
from gpu.arbiter.state import UNKNOWN
from gpu.services.comfyui import ComfyUI, Stats
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live.redis import RedisError

logger = logging.getLogger(__name__)
TICK = 1.0  # seconds
LOOK_EVERY = 5.0  # seconds between two looks at what the services show
MIB = 2**20
_looked = [0.0]


def open_line() -> None:
    """Take new work again: what a restart was prepared for has come."""
    try:
        transact("drain", on=False)
    except RedisError as error:
        logger.warning("the line could not be opened again: %s", error)


def watch() -> None:
    """Tick; every few seconds compare what is believed with what is shown. Raises RedisError."""
    card = tick()
    if time.monotonic() - _looked[0] < LOOK_EVERY:
        return
    _looked[0] = time.monotonic()
    ledger.recall(card)
    prune()
    if not card.leases and not card.switch:
        look(card)


def look(card: Card) -> None:
    """Take back the belief in a resident when the other service has been used behind our back."""
    other = {OLLAMA: _comfyui_is_used, COMFYUI: _ollama_is_used}.get(card.resident)
    if other is not None and other():
        logger.info("%s was believed to have the card alone, and has not", card.resident)
        transact("see", resident=UNKNOWN)


def _ollama_is_used() -> bool:
    try:
        return bool(Ollama(endpoints.find_ollama().url).loaded())
    except ServiceError:
        return False


def _comfyui_is_used() -> bool:
    try:
        comfyui = ComfyUI(endpoints.find_comfyui().url)
        return comfyui.stats().held > emptying.RESIDUE or comfyui.is_computing()
    except ServiceError:
        return False


def sample() -> None:
    """Read the card's memory and tell the arbiter. Raises RedisError."""
    reading = monitor.sample(look_at_comfyui)
    if reading.source in monitor.OF_CARD:
        held = reading.ollama + reading.comfyui
        transact("measure", free=reading.free // MIB, held=held // MIB)


def look_at_comfyui() -> Stats | int:
    """Return what ComfyUI says of its cards, 0 when it is not there. Raises RedisError.

    Of the stand-in only what it holds counts: its card is pretended.
    """
    try:
        endpoint = endpoints.find_comfyui()
        stats = ComfyUI(endpoint.url).stats()
    except ServiceError:
        snapshot.keep_comfyui(None)
        return 0
    snapshot.keep_comfyui(endpoint)
    return stats.held if endpoint.kind == "engine" else stats
