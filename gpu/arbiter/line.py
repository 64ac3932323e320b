"""The card in Redis: each transition one atomic script, and what must follow it.

Any process may ask. Whoever changes the card also sends the tasks of what was granted;
if that process dies in between, an unclaimed lease is taken back and granted again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from kombu.exceptions import KombuError

from gpu.arbiter.state import DRAW, OLLAMA, THINK, Card, Lease, Rules, Ticket
from live import events, tracing
from live.redis import RedisError, client, key

logger = logging.getLogger(__name__)
SCRIPT = Path(__file__).with_name("card.lua")
TOLD = ("queued", "granted", "released", "cancelled", "expired", "unclaimed", "taken")
"""Events that move the line; the others change the card's state too."""

Send = Callable[[int, str], None]
Wanted = Callable[[list[int]], set[int]]


@dataclass(frozen=True)
class Kind:
    """What the arbiter must know of a kind of ticket.

    `send(row id, lease id)` sends its task. `wanted(row ids)` answers which rows still wait.
    """

    send: Send
    wanted: Wanted | None = None


_kinds: dict[str, Kind] = {}
_begin_switch: list[Callable[[str, str], None]] = []


@dataclass(frozen=True)
class Reply:
    """What a transition answered, and the card after it."""

    now: int
    answer: Any
    card: Card
    grants: list[Lease] = field(default_factory=list)


def send_grants_with(kind: str, send: Send, *, wanted: Wanted | None = None) -> None:
    """Have grants for tickets of `kind` sent so; called from AppConfig.ready."""
    _kinds[kind] = Kind(send, wanted)


def hand_over_with(send: Callable[[str, str], None]) -> None:
    """Have hand-overs carried out by `send(switch id, service)`; called from AppConfig.ready."""
    _begin_switch[:] = [send]


def kinds() -> dict[str, Kind]:
    """Return the registered kinds of tickets."""
    return _kinds


def rules() -> Rules:
    """Return the settings that decide."""
    return Rules(
        policy=settings.GPU_POLICY,
        handoff=settings.GPU_HANDOFF,
        slots=settings.GPU_OLLAMA_SLOTS,
        think_batch=settings.GPU_THINK_BATCH,
        min_free_mb=settings.GPU_MIN_FREE_VRAM_MB,
        ttl=int(settings.GPU_LEASE_TTL * 1000),
        claim=int(settings.GPU_LEASE_CLAIM * 1000),
        restore=settings.GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI,
        grace=int(settings.GPU_RESTORE_GRACE * 1000),
    )


def card_key() -> str:
    """Return where the card's document is."""
    return key("card")


def diary_key() -> str:
    """Return the stream of everything that happened to the card."""
    return key("card", "diary")


def counts_key() -> str:
    """Return the hash that counts events by type."""
    return key("card", "counts")


def loss_channel() -> str:
    """Return the channel on which ids of what was taken away are told."""
    return key("card", "lost")


@cache
def _script() -> Any:
    return client().register_script(SCRIPT.read_text())


def evaluate(op: str, arguments: dict[str, Any], given: Rules, now: int | None = None) -> dict[str, Any]:
    """Return the script's raw reply; nothing follows it. Raises RedisError."""
    reply: dict[str, Any] = json.loads(
        _script()(
            keys=[card_key(), diary_key(), counts_key()],
            args=[op, json.dumps(arguments), _rules_json(given), "" if now is None else now, loss_channel()],
        )
    )
    return reply


@cache
def _rules_json(given: Rules) -> str:
    return json.dumps(asdict(given))


def transact(op: str, **arguments: Any) -> Reply:
    """Carry out one transition, and send what it granted. Raises RedisError."""
    told = evaluate(op, arguments, rules())
    card = Card.from_json(told["card"])
    granted = {lease["id"] for lease in told["grants"] or []}
    reply = Reply(
        told["now"], told.get("answer"), card, [lease for lease in card.leases if lease.id in granted]
    )
    for lease in reply.grants:
        _send(lease)
    if begun := told.get("switch"):
        _hand_over(begun["id"], begun["to"])
    if told["events"]:
        events.tell("card", "all", "card", events=[_for_all(event) for event in told["events"]])
    return reply


def _for_all(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event without what only admins read: why a hand-over failed, in others' words."""
    return {name: value for name, value in event.items() if name != "reason"}


def _send(lease: Lease) -> None:
    ticket = lease.ticket
    kind = _kinds.get(ticket.kind)
    if kind is None:
        logger.error("nobody takes tickets of kind %s here", ticket.kind)
        return
    try:
        with tracing.under(tracing.of(ticket.id)):  # who grants is often another request than who asked
            kind.send(ticket.row_id, lease.id)
    except (RedisError, KombuError, OSError) as error:
        logger.warning("%s could not be sent and is granted again later: %s", ticket.id, error)


def _hand_over(switch_id: str, service: str) -> None:
    try:
        for send in _begin_switch:
            send(switch_id, service)
    except (RedisError, KombuError, OSError) as error:
        logger.warning("a hand-over could not be sent and is begun again later: %s", error)


def enqueue(ticket: Ticket) -> str:
    """Put a ticket in line; answers queued, waiting or held.

    Without Redis it answers "lost": nothing is lost, the row's sweep asks again.
    """
    priority = ticket.priority or priority_of(ticket.stage)
    tracing.keep(ticket.id)
    try:
        reply = transact("enqueue", ticket={**asdict(ticket), "priority": priority})
    except RedisError as error:
        logger.warning("%s could not be put in line and is swept later: %s", ticket.id, error)
        return "lost"
    return str(reply.answer)


def priority_of(stage: str) -> int:
    """Return a stage's place in the order; a picture's words count as the picture."""
    if stage in (THINK, DRAW):
        return int(settings.GPU_PRIORITY_COMFYUI)
    return int(settings.GPU_PRIORITY_OLLAMA)


def cancel(kind: str, row_id: int) -> None:
    """Take a row's ticket out of the line; without Redis the pruning does it later."""
    try:
        transact("cancel", ticket_id=f"{kind}:{row_id}")
    except RedisError as error:
        logger.warning("%s:%s could not be taken out of the line: %s", kind, row_id, error)


def prune() -> None:
    """Take tickets out of the line whose rows wait no more. Raises RedisError."""
    card = read()
    for name, kind in _kinds.items():
        ids = [ticket.row_id for ticket in card.tickets if ticket.kind == name]
        if not ids or kind.wanted is None:
            continue
        for row_id in set(ids) - kind.wanted(ids):
            logger.info("%s:%s waits no more and leaves the line", name, row_id)
            transact("cancel", ticket_id=f"{name}:{row_id}")


def read() -> Card:
    """Return the card as it was after its last transition. Raises RedisError."""
    stored = client().get(card_key())
    return Card.from_json(stored) if stored else Card()


def is_draining() -> bool:
    """Return whether new work is refused before a restart."""
    try:
        return read().draining
    except RedisError:
        return False


def tick() -> Card:
    """Let time pass: take back, grant, hand over. Raises RedisError."""
    return transact("tick").card


__all__ = [
    "OLLAMA",
    "Kind",
    "Reply",
    "Ticket",
    "cancel",
    "enqueue",
    "hand_over_with",
    "is_draining",
    "prune",
    "read",
    "rules",
    "send_grants_with",
    "tick",
    "transact",
]
