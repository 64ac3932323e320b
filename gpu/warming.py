"""Loading a chat's model before it is asked for: when somebody opens a chat and the card is free.

The ticket is of the stage "idle": it is granted only while Ollama has the card and
nothing else waits, so it never delays anybody and never causes a hand-over.
"""

from __future__ import annotations

import logging
import zlib

from django.conf import settings

from gpu import arbiter, snapshot
from gpu.models import settings_for
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live.redis import RedisError

logger = logging.getLogger(__name__)
KIND = "warm"
LOWEST = 1  # priority


def ask(model_name: str) -> None:
    """Have the model loaded if the card has nothing else to do; a courtesy that never fails."""
    seen = snapshot.read()
    model = seen.find(model_name)
    if model is None or model.loaded or not model.chats or not is_idle():
        return
    row_id = zlib.crc32(model.name.encode())  # one place in line for each model
    arbiter.enqueue(arbiter.Ticket(KIND, row_id, 0, stage=arbiter.IDLE, priority=LOWEST, about=model.name))


def is_idle() -> bool:
    """Whether Ollama has the card and nobody wants it."""
    try:
        card = arbiter.read()
    except RedisError:
        return False
    return card.resident == arbiter.OLLAMA and not (card.leases or card.tickets or card.switch)


def still_wanted(row_ids: list[int]) -> set[int]:
    """Return none of them: what was not granted at once is not worth waiting for."""
    return set()


def warm(row_id: int, lease_id: str) -> None:
    """Load the lease's model; returns quietly when the lease is gone."""
    with arbiter.hold(lease_id) as lease:
        if lease is None or lease.ticket is None:
            return
        lease.used = 0
        try:
            seen = snapshot.look_now()
            load(Ollama(seen.url), seen, lease.ticket.about)
        except ServiceError as error:
            logger.info("%s could not be warmed: %s", lease.ticket.about, error)


def load(ollama: Ollama, seen: snapshot.Snapshot, name: str) -> None:
    """Load a model with the window that every call to it has. Raises ServiceError."""
    model = seen.find(name)
    if model is None or not model.chats:
        return
    row = settings_for(model.name)
    ollama.load(
        model.name,
        num_ctx=row.window(model.context_length),
        keep_alive=row.stays_loaded(),
        timeout=settings.PROCESS_SWITCH_TIMEOUT,
    )
