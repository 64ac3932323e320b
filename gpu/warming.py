"""Loading a chat's model before it is asked for: when somebody opens a chat and the card is free.

The ticket is of the stage "idle": it is granted only while Ollama has the card and
nothing else waits, so it never delays anybody and never causes a hand-over.
"""

from __future__ import annotations

import logging
import threading
import time
import zlib

from django.conf import settings

from gpu import arbiter, snapshot
from gpu.arbiter.decisions import is_broken
from gpu.models import settings_for
from gpu.services.errors import ServiceError
from gpu.services.ollama import Load, Ollama
from gpu.services.wire import HungUpError
from live.redis import RedisError

logger = logging.getLogger(__name__)
KIND = "warm"
LOWEST = 1  # priority
LONGEST = 600.0  # seconds; a large model from a slow disk takes minutes, a shorter wait never loads it
LOOK_EVERY = 0.5  # seconds between two looks whether somebody else needs the card


def ask(model_name: str) -> None:
    """Have the model loaded if the card has nothing else to do; a courtesy that never fails."""
    seen = snapshot.read()
    model = seen.find(model_name)
    if model is None or model.loaded or not model.chats or not is_idle():
        return
    row_id = zlib.crc32(model.name.encode())  # one place in line for each model
    arbiter.enqueue(arbiter.Ticket(KIND, row_id, 0, stage=arbiter.IDLE, priority=LOWEST, about=model.name))


def is_idle() -> bool:
    """Whether Ollama has the card, or its share of it, and nobody wants it."""
    try:
        card = arbiter.read()
    except RedisError:
        return False
    has_card = card.resident == arbiter.OLLAMA or settings.GPU_HANDOFF != "exclusive"
    return has_card and not (card.leases or card.tickets or card.switch or card.borrow)


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
            load(Ollama(seen.url), seen, lease.ticket.about, lease)
        except ServiceError as error:
            logger.info("%s could not be warmed: %s", lease.ticket.about, error)


def load(ollama: Ollama, seen: snapshot.Snapshot, name: str, held: arbiter.Held) -> None:
    """Load a model with the window that every call to it has, unless the card is needed otherwise meanwhile.

    Raises ServiceError.
    """
    model = seen.find(name)
    if model is None or not model.chats:
        return
    row = settings_for(model.name)
    window = row.window(model.context_length)
    loading, over = ollama.load(model.name, num_ctx=window, keep_alive=row.stays_loaded()), threading.Event()
    held.on_loss(loading.hang_up)
    threading.Thread(target=_give_way, args=[loading, model.name, over], name="warming", daemon=True).start()
    try:
        loading.wait()
    except HungUpError:
        logger.info("the load of %s was given up", model.name)
    finally:
        over.set()


def _give_way(loading: Load, name: str, over: threading.Event) -> None:
    """Hang up when the load takes too long, or somebody waits for whom it does not work."""
    until = time.monotonic() + LONGEST
    while not over.wait(LOOK_EVERY):
        if time.monotonic() > until or _is_needed_otherwise(name):
            loading.hang_up()
            return


def _is_needed_otherwise(name: str) -> bool:
    try:
        card = arbiter.read()
    except RedisError:
        return False
    now = int(time.time() * 1000)
    others = [
        ticket
        for ticket in card.tickets
        if ticket.stage != arbiter.IDLE and ticket.about != name and not is_broken(card, ticket.service, now)
    ]
    return bool(others or card.borrow or card.wish not in ("", arbiter.OLLAMA))
