"""Every transition of the card, as a pure function: (card, now) in, a new card and what follows out.

`gpu/arbiter/card.lua` holds the same rules for Redis; tests/gpu/test_conformance.py
drives both with the same histories.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gpu.arbiter.decisions import has_place, pump, wished
from gpu.arbiter.order import used_ms
from gpu.arbiter.state import (
    COMFYUI,
    NOBODY,
    OLLAMA,
    UNKNOWN,
    Borrow,
    Broken,
    Card,
    Lease,
    Memory,
    Rules,
    Switch,
    Ticket,
    Used,
    read_lease,
)
from gpu.arbiter.step import Step

MOST_DOUBLINGS = 10


def apply(card: Card, op: str, arguments: dict[str, Any], now: int, rules: Rules) -> Step:
    """Return what `op` makes of the card at `now`. The card given stays as it is."""
    return change(card.copy(), op, arguments, now, rules)


def change(card: Card, op: str, arguments: dict[str, Any], now: int, rules: Rules) -> Step:
    """As `apply`, but on the card given: for whoever imagines many transitions of a copy."""
    step = Step(card, now, rules)
    card.born = card.born or now
    _reap(step)
    OPS[op](step, **arguments)
    pump(step)
    return step


# The line


def enqueue(step: Step, ticket: dict[str, Any]) -> None:
    """Put a ticket in line; answers queued, waiting, or held while its lease runs.

    Also while the app prepares a restart: new work is refused before it has a row.
    """
    asked = Ticket(**ticket)
    held = next((lease for lease in step.card.leases if lease.ticket.id == asked.id), None)
    if held:
        held.again = bool(held.claimed_at)  # its row wants another turn after this one
        step.answer = "held"
    elif any(waiting.id == asked.id for waiting in step.card.tickets):
        step.answer = "waiting"
    else:
        step.card.seq += 1
        asked.seq, asked.at = step.card.seq, step.now
        if not step.card.tickets:
            step.card.moved_at = step.now
        step.card.tickets.append(asked)
        step.tell("queued", ticket=asked.id, user=asked.user_id, stage=asked.stage)
        step.answer = "queued"


def cancel(step: Step, ticket_id: str) -> None:
    """Take a ticket out of the line; a running lease is its holder's to end."""
    before = len(step.card.tickets)
    step.card.tickets = [ticket for ticket in step.card.tickets if ticket.id != ticket_id]
    step.answer = len(step.card.tickets) < before
    if step.answer:
        step.tell("cancelled", ticket=ticket_id)


# Leases and switches in somebody's hands


def claim(step: Step, held_id: str) -> None:
    """Take a lease or a switch that was granted; answers False when it is gone or taken."""
    held = _find(step.card, held_id)
    step.answer = held is not None and not held.claimed_at
    if held is not None and not held.claimed_at:
        held.claimed_at, held.until = step.now, step.now + step.rules.ttl


def renew(step: Step, held: Sequence[dict[str, Any]]) -> None:
    """Keep what is still held, as its holders know it; answers the ids that are lost."""
    lost = []
    for told in held:
        found = _find_of(step.card, told) or _adopt(step, told)
        if found is None:
            lost.append(told["id"])
        else:
            found.until = step.now + step.rules.ttl
    step.answer = lost


def check(step: Step, held: dict[str, Any]) -> None:
    """Answers whether it is still held."""
    step.answer = (_find_of(step.card, held) or _adopt(step, held)) is not None


def _adopt(step: Step, told: dict[str, Any]) -> Lease | None:
    """Take a lease back into a card that has forgotten it, if nobody has got what it needs.

    Redis came back empty (the lease is older than the document) or without its last second
    (the document has not given out its token yet). A lease that was taken away is neither.
    """
    card = step.card
    if "ticket" not in told or not (told["token"] < card.born or told["token"] > card.token):
        return None
    lease = read_lease(told)
    same = [ticket for ticket in card.tickets if ticket.id == lease.ticket.id]
    others = [other for other in card.leases if _collide(other, lease)]
    if others or (card.switch and card.switch.to != lease.service):
        return None
    if card.resident not in (UNKNOWN, lease.service) or not has_place(card, lease.service, step.rules):
        return None
    for ticket in same:
        card.tickets.remove(ticket)
    card.token = max(card.token, lease.token)
    if step.rules.handoff == "exclusive" and not card.switch:
        card.resident = lease.service
    lease.again, lease.until = False, step.now + step.rules.ttl
    card.leases.append(lease)
    step.tell("adopted", ticket=lease.ticket.id)
    return lease


def _collide(other: Lease, lease: Lease) -> bool:
    return other.ticket.id == lease.ticket.id or other.service != lease.service


def release(step: Step, lease_id: str, used: int, claimed_at: int = 0) -> None:
    """End a lease; `used` are its milliseconds of the card. What is lost or another's changes nothing."""
    lease = next((lease for lease in step.card.leases if lease.id == lease_id), None)
    if lease and claimed_at and lease.claimed_at not in (0, claimed_at):
        lease = None
    step.answer = lease is not None
    if lease:
        _end(step, lease, used)
        ticket = lease.ticket
        step.tell("released", ticket=ticket.id, used=used, stage=ticket.stage, images=ticket.images)


def switched(step: Step, switch_id: str, parts: dict[str, float]) -> None:
    """The hand-over is done: the service is ready and has the card for itself; `parts` took seconds."""
    switch = step.card.switch
    step.answer = switch is not None and switch.id == switch_id
    if switch and step.answer:
        _settle(step.card, switch.to, step.now)
        step.card.broken.pop(switch.to, None)
        step.card.switch = None
        took = step.now - switch.at
        step.tell("switched", to=switch.to, before=switch.before, took=took, parts=parts)


def failed(step: Step, switch_id: str, resident: str, reason: str) -> None:
    """The hand-over did not work; the service is left alone for longer each time."""
    switch = step.card.switch
    step.answer = switch is not None and switch.id == switch_id
    if switch and step.answer:
        _end_switch(step.card, resident)
        step.card.wish = ""
        broken = step.card.broken.setdefault(switch.to, Broken())
        broken.failures += 1
        broken.reason, broken.until = reason, step.now + _pause_after(broken.failures, step.rules)
        opened = broken.failures >= step.rules.breaker
        step.tell("switch_failed", to=switch.to, reason=reason, failures=broken.failures, opened=opened)


# What people and the monitor tell


def see(step: Step, resident: str) -> None:
    """Believe what the services show, when nobody holds the card."""
    if not step.card.leases and not step.card.switch and step.card.resident != resident:
        step.tell("seen", resident=resident, believed=step.card.resident)
        step.card.resident = resident
        _grant_wish(step.card)


def measure(step: Step, free: int, held: int) -> None:
    """Note the card's memory: MiB free, and MiB that the resident holds itself."""
    step.card.memory = Memory(free, held, step.now)


def recall(step: Step, used: dict[str, int]) -> None:
    """Remember what people used lately, when the card has forgotten it."""
    for user_id, ms in used.items():
        if user_id not in step.card.used:
            step.card.used[user_id] = Used(ms, step.now)


def wish(step: Step, service: str, force: bool) -> None:
    """Have a service resident next, or none; answers there, borrowed, asked, or busy while one computes."""
    card = step.card
    if card.resident == wished(service) and not card.switch:
        step.answer = "there"
    elif card.borrow:
        step.answer = "borrowed"
    elif card.leases and not force:
        step.answer = "busy"
    else:
        if force:
            for lease in list(card.leases):
                _end(step, lease, step.now - lease.at)
                step.tell("taken", ticket=lease.ticket.id)
        card.wish = service
        card.broken.pop(wished(service), None)
        step.answer = "asked"


def borrow(step: Step, user_id: int, service: str, ms: int) -> None:
    """Give the whole card to a person; answers False when somebody else has it."""
    taken = step.card.borrow
    step.answer = taken is None or taken.user_id == user_id
    if step.answer:
        step.card.borrow = Borrow(user_id, service, step.now, step.now + ms)
        step.card.wish = ""
        step.card.broken.pop(service, None)
        step.tell("borrowed", user=user_id, service=service, ms=ms)


def give_back(step: Step, user_id: int | None) -> None:
    """End the borrowing, a person's own or (None) anybody's; answers returned, nothing or not_yours."""
    taken = step.card.borrow
    if taken is None:
        step.answer = "nothing"
    elif user_id not in (None, taken.user_id):
        step.answer = "not_yours"
    else:
        _return_card(step)
        step.answer = "returned"


def _return_card(step: Step) -> None:
    step.card.borrow = None
    step.card.resident = UNKNOWN if step.card.resident == NOBODY else step.card.resident
    step.tell("returned")


def pause(step: Step, on: bool) -> None:
    """Stop or resume granting; what runs goes on."""
    if step.card.paused != on:
        step.card.paused = on
        step.tell("paused" if on else "resumed")


def drain(step: Step, on: bool) -> None:
    """Refuse new tickets before a restart; the line is served to its end."""
    if step.card.draining != on:
        step.card.draining = on
        step.tell("draining" if on else "open")


def retry(step: Step, service: str) -> None:
    """Forget a service's failures, or with "none" those of emptying the card."""
    step.answer = step.card.broken.pop(wished(service), None) is not None


def tick(step: Step) -> None:
    """Let time pass."""


OPS: dict[str, Callable[..., None]] = {
    rule.__name__: rule
    for rule in (
        enqueue,
        cancel,
        claim,
        renew,
        check,
        release,
        switched,
        failed,
        see,
        measure,
        recall,
        wish,
        borrow,
        give_back,
        pause,
        drain,
        retry,
        tick,
    )
}


# Time


def _reap(step: Step) -> None:
    """Take back what nobody claimed or renewed in time."""
    card, now = step.card, step.now
    for lease in list(card.leases):
        if lease.until > now:
            continue
        if lease.claimed_at:
            _end(step, lease, now - lease.claimed_at)
            step.tell("expired", ticket=lease.ticket.id)
        else:
            card.leases.remove(lease)
            card.tickets.append(lease.ticket)
            step.tell("unclaimed", ticket=lease.ticket.id)
    if card.switch and card.switch.until <= now:
        step.tell("switch_lost", to=card.switch.to)
        _end_switch(card, UNKNOWN)
    if card.borrow and card.borrow.until <= now:
        _return_card(step)


def _find(card: Card, held_id: str) -> Lease | Switch | None:
    if card.switch and card.switch.id == held_id:
        return card.switch
    return next((lease for lease in card.leases if lease.id == held_id), None)


def _find_of(card: Card, told: dict[str, Any]) -> Lease | Switch | None:
    """Return what its holder has claimed.

    A Redis that lost its last second may have lost the claim and kept the lease, and brings
    the task again: whoever tells of a claim first has it, and the other has lost.
    """
    found, claimed_at = _find(card, told["id"]), told.get("claimed_at", 0)
    if found is None:
        return None
    found.claimed_at = found.claimed_at or claimed_at
    return found if found.claimed_at == claimed_at else None


def _end(step: Step, lease: Lease, used: int) -> None:
    card, now, user_id = step.card, step.now, lease.ticket.user_id
    card.leases.remove(lease)
    total = used_ms(card, user_id, now, step.rules) + used
    card.used[str(user_id)] = Used(math.floor(total + 0.5), now)
    card.moved_at = now
    if lease.service == COMFYUI:
        card.drew_at = now
    if lease.again:
        card.seq += 1
        lease.ticket.seq, lease.ticket.at = card.seq, now
        card.tickets.append(lease.ticket)


def _settle(card: Card, resident: str, now: int) -> None:
    card.resident, card.thought, card.drawn = resident, 0, 0
    if resident == COMFYUI:
        card.drew_at = now  # wished for without a picture, it stays for the grace too
    card.turn = card.seq if resident == OLLAMA else 0
    _grant_wish(card)


def _end_switch(card: Card, resident: str) -> None:
    """End a hand-over that did not come about; a lease that was taken back meanwhile shows who is there."""
    card.switch, card.resident = None, card.leases[0].service if card.leases else resident


def _grant_wish(card: Card) -> None:
    if card.wish and wished(card.wish) == card.resident:
        card.wish = ""


def _pause_after(failures: int, rules: Rules) -> int:
    """Return for how long a service is left alone: short waits first, then the breaker's."""
    if failures < rules.breaker:
        return rules.backoff << (failures - 1)
    return min(rules.cool << min(failures - rules.breaker, MOST_DOUBLINGS), rules.longest_cool)
