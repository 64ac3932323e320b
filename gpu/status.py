"""The card as people see it: who has it, who waits, how long still, what holds the memory."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings

from accounts.models import User
from gpu import forecast, monitor, sentences, snapshot
from gpu.arbiter import Card, Lease, Ticket, line, read
from gpu.arbiter.decisions import is_broken
from gpu.arbiter.state import COMFYUI, FREED, NOBODY, OLLAMA, UNKNOWN
from live.redis import client

DIARY = 30  # entries that are shown
RESIDENTS = {OLLAMA: OLLAMA, COMFYUI: COMFYUI, NOBODY: FREED, UNKNOWN: "unknown"}


def describe(user: Any) -> dict[str, Any]:
    """Return the card for a person, everything about others without their name. Raises RedisError."""
    card, now, durations = read(), int(time.time() * 1000), forecast.Durations.read()
    places = forecast.forecast(card, now, line.rules(), durations)
    queue = [_waiting(ticket, places[ticket.id], user, now) for ticket in card.tickets if ticket.id in places]
    return {
        "resident": RESIDENTS.get(card.resident, "unknown"),
        "state": state_of(card, now),
        "switch": {"to": card.switch.to or "none", "since": card.switch.at} if card.switch else None,
        "borrow": _borrow(card, user),
        "paused": card.paused,
        "draining": card.draining,
        "stands_still": _stands_still(card, now),
        "now": [_running(lease, user) for lease in card.leases],
        "queue": sorted(queue, key=lambda entry: entry["place"]),
        "chat_in": _chat_in(card, user, now, durations),
        "problems": problems(card, admin=user.is_admin),
        "memory": memory(),
        "loaded": [
            {"name": model.name, "size": model.size, "size_vram": model.size_vram}
            for model in snapshot.read().models
            if model.loaded
        ],
    }


def state_of(card: Card, now: int) -> str:
    """Return the card's state in one word."""
    if card.borrow:
        return "borrowed"
    if card.switch:
        return "switching"
    if card.leases:
        return "drawing" if any(lease.service == COMFYUI for lease in card.leases) else "answering"
    if card.paused:
        return "paused"
    if card.tickets and all(is_broken(card, ticket.service, now) for ticket in card.tickets):
        return "stuck"
    return "waiting" if card.tickets else "idle"


def problems(card: Card, *, admin: bool) -> list[dict[str, Any]]:
    """Return the services that could not be made ready, each with its sentence; "none" is the empty card."""
    return [
        {
            "service": service or FREED,
            "sentence": sentences.explain(broken.reason, admin=admin),
            "failures": broken.failures,
            "open": broken.failures >= line.rules().breaker,
            "until": broken.until,
        }
        for service, broken in card.broken.items()
        if broken.failures
    ]


def memory() -> dict[str, Any]:
    """Return the newest reading, in bytes, with the sentence about what is not ours."""
    reading = monitor.read()
    return monitor.describe(reading)


def diary(limit: int = DIARY) -> list[dict[str, Any]]:
    """Return what happened to the card, newest first, as {at, sentence}. Raises RedisError."""
    lines: list[dict[str, Any]] = []
    for _seq, fields in client().xrevrange(line.diary_key(), count=limit):
        event = json.loads(fields["f"])
        if sentence := sentences.diary_line(event):
            lines.append({"at": event["at"], "type": event["type"], "sentence": sentence})
    return lines


def for_admins() -> dict[str, Any]:
    """Return the state as the API's admins read it (the seed's shape). Raises RedisError."""
    card, now, seen, reading = read(), int(time.time() * 1000), snapshot.read(), monitor.read()
    loaded = [model.name for model in seen.models if model.loaded]
    return {
        "resident": RESIDENTS.get(card.resident, "unknown"),
        "state": state_of(card, now),
        "services": {
            OLLAMA: {"state": _service(card, OLLAMA, now), "loaded": loaded, "vram": reading.ollama},
            COMFYUI: {"state": _service(card, COMFYUI, now), "loaded": [], "vram": reading.comfyui},
        },
        "queue": [
            {"ticket": ticket.id, "user": ticket.user_id, "service": ticket.service, "stage": ticket.stage}
            for ticket in card.tickets
        ],
        "leases": [
            {"ticket": lease.ticket.id, "user": lease.ticket.user_id, "service": lease.service}
            for lease in card.leases
        ],
        "switch": {"ticket": card.switch.id, "to": card.switch.to or "none"} if card.switch else None,
        "problems": problems(card, admin=True),
        "memory": memory(),
    }


def _service(card: Card, service: str, now: int) -> str:
    if is_broken(card, service, now):
        return "broken"
    if card.switch and card.switch.to == service:
        return "starting"
    if any(lease.service == service for lease in card.leases):
        return "computing"
    return "ready" if card.resident == service else "away"


def _mine(ticket: Ticket, user: User) -> bool:
    return ticket.user_id == user.pk


def _running(lease: Lease, user: User) -> dict[str, Any]:
    mine = _mine(lease.ticket, user)
    return {
        "stage": lease.ticket.stage,
        "mine": mine,
        "what": sentences.stage_name(lease.ticket.stage, mine=mine),
        "since": lease.claimed_at or lease.at,
        "row": lease.ticket.row_id if mine else None,
        "kind": lease.ticket.kind,
    }


def _waiting(ticket: Ticket, place: forecast.Place, user: User, now: int) -> dict[str, Any]:
    mine = _mine(ticket, user)
    return {
        "place": place.place,
        "stage": ticket.stage,
        "mine": mine,
        "what": sentences.stage_name(ticket.stage, mine=mine),
        "row": ticket.row_id if mine else None,
        "kind": ticket.kind,
        "waited": (now - ticket.at) // 1000,
        "seconds": place.seconds,
        "expected": forecast.explain(place),
    }


def _borrow(card: Card, user: User) -> dict[str, Any] | None:
    if card.borrow is None:
        return None
    borrower = User.objects.filter(pk=card.borrow.user_id).first()
    return {
        "by": str(borrower) if borrower else "",
        "mine": card.borrow.user_id == user.pk,
        "service": card.borrow.service or "none",
        "until": card.borrow.until,
    }


def _stands_still(card: Card, now: int) -> bool:
    """Return whether people should be asked: the line has not moved for GPU_WAIT_TIMEOUT."""
    return bool(card.tickets) and now - card.moved_at > settings.GPU_WAIT_TIMEOUT * 1000


def _chat_in(card: Card, user: User, now: int, durations: forecast.Durations) -> str:
    """Return in how long the person's question would be answered if asked now, "" when at once."""
    asked = Ticket("new", 0, user.pk, priority=int(settings.GPU_PRIORITY_OLLAMA), seq=card.seq + 1, at=now)
    imagined = card.copy()
    imagined.tickets.append(asked)
    place = forecast.forecast(imagined, now, line.rules(), durations).get(asked.id)
    if place is None or (place.seconds is not None and place.seconds < 2):
        return ""
    return forecast.explain(place)
