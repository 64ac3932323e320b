"""Who may use the card. Tickets and grants stand already; every ticket is granted at once.

A ticket costs nothing while it waits: no worker blocks on it. A grant sends the task
together with its lease, through the sender that the ticket's kind has registered.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kombu.exceptions import KombuError

from live.redis import RedisError

logger = logging.getLogger(__name__)

OLLAMA, COMFYUI = "ollama", "comfyui"


@dataclass(frozen=True)
class Ticket:
    """A place in line: for which row, of whom, on which service."""

    kind: str
    row_id: int
    user_id: int
    service: str = OLLAMA


@dataclass(frozen=True)
class Lease:
    """The right to use a service, held by whoever was sent its id."""

    id: str
    service: str = OLLAMA


Send = Callable[[int, str], None]
_senders: dict[str, Send] = {}


def send_grants_with(kind: str, send: Send) -> None:
    """Have grants for tickets of `kind` call `send(row id, lease id)`; called from AppConfig.ready."""
    _senders[kind] = send


def enqueue(ticket: Ticket) -> None:
    """Put a ticket in line. Without a broker nothing is lost: the sweep asks again."""
    _grant(ticket)


def _grant(ticket: Ticket) -> None:
    lease = Lease(secrets.token_hex(8), ticket.service)
    try:
        _senders[ticket.kind](ticket.row_id, lease.id)
    except (RedisError, KombuError, OSError) as error:
        logger.warning("%s %s could not be sent and is swept later: %s", ticket.kind, ticket.row_id, error)


@contextmanager
def lease(lease_id: str, service: str = OLLAMA) -> Iterator[Lease]:
    """Hold the granted lease while the work on the card runs."""
    yield Lease(lease_id, service)
