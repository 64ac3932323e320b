"""What workers do with installed models: take one out of memory, or off the disk."""

from __future__ import annotations

import logging
import time

from gpu import snapshot
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live.events import tell

logger = logging.getLogger(__name__)
LONGEST = 5.0  # seconds; what computes with the model ends first
LOOK_EVERY = 0.1  # seconds


def unload(name: str, user_id: int) -> None:
    """Have Ollama give a model's memory back; the person is told when it does not. Raises RedisError."""
    try:
        _unload(Ollama(snapshot.look_now().url), name)
    except ServiceError as error:
        _tell_failure(user_id, "unload", name, error)
    snapshot.refresh()


def delete(name: str, user_id: int) -> None:
    """Remove a model from Ollama's disk; the person is told when that fails. Raises RedisError."""
    ollama = Ollama(snapshot.look_now().url)
    try:
        _unload(ollama, name)  # deleted only, it would stay in memory until its time is over
        ollama.delete(name)
    except ServiceError as error:
        _tell_failure(user_id, "delete", name, error)
    snapshot.refresh()


def _unload(ollama: Ollama, name: str) -> None:
    if not _is_loaded(ollama, name):
        return
    ollama.unload(name)
    until = time.monotonic() + LONGEST
    while _is_loaded(ollama, name) and time.monotonic() < until:
        time.sleep(LOOK_EVERY)


def _is_loaded(ollama: Ollama, name: str) -> bool:
    return any(model.name == name for model in ollama.loaded())


def _tell_failure(user_id: int, what: str, name: str, error: ServiceError) -> None:
    logger.warning("%s of %s: %s", what, name, error)
    tell("user", user_id, "model_failed", what=what, model=name, why=str(error)[:300])
