"""Every transition of the card, as a pure function: (card, now) in, a new card and what follows out.

`gpu/arbiter/card.lua` holds the same rules for Redis; tests/gpu/test_conformance.py
drives both with the same histories.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpu.arbiter.order import POLICIES, used_ms
from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    FREED,
    IDLE,
    NOBODY,
    OLLAMA,
    THINK,
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

MOST_DOUBLINGS = 10


@dataclass
class Step:
    """One transition at work: the card as it will be, and what the caller must do about it.

    `grants` are leases whose tasks are to be sent, `switch` a hand-over to be carried
    out, `answer` what the asker is told, `events` what people may read about it.
    """

    card: Card
    now: int
    rules: Rules
    answer: Any = None
    grants: list[Lease] = field(default_factory=list)
    switch: Switch | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, type_: str, **about: Any) -> None:
        self.events.append({"type": type_, "at": self.now, **about})

    def next_token(self) -> int:
        """Return a fencing token: it grows even when Redis has forgotten the last one."""
        self.card.token = max(self.card.token + 1, self.now)
        return self.card.token


def apply(card: Card, op: str, arguments: dict[str, Any], now: int, rules: Rules) -> Step:
    """Return what `op` makes of the card at `now`. The card given stays as it is."""
    return change(card.copy(), op, arguments, now, rules)


def change(card: Card, op: str, arguments: dict[str, Any], now: int, rules: Rules) -> Step:
    """As `apply`, but on the card given: for whoever imagines many transitions of a copy."""
    step = Step(card, now, rules)
    card.born = card.born or now
    _reap(step)
    OPS[op](step, **arguments)
    _pump(step)
    return step


# The line


def enqueue(step: Step, ticket: dict[str, Any]) -> None:
    """Put a ticket in line; answers waiting, held (its lease runs) or draining."""
    asked = Ticket(**ticket)
    held = next((lease for lease in step.card.leases if lease.ticket.id == asked.id), None)
    if held:
        held.again = bool(held.claimed_at)  # its row wants another turn after this one
        step.answer = "held"
    elif any(waiting.id == asked.id for waiting in step.card.tickets):
        step.answer = "waiting"
    elif step.card.draining:
        step.answer = "draining"
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
    if card.resident not in (UNKNOWN, lease.service) or not _has_place(card, lease.service, step.rules):
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
        step.tell("released", ticket=lease.ticket.id, used=used, stage=lease.ticket.stage)


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
        step.card.switch, step.card.resident = None, resident
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
    """Have a service resident next, or none; answers there, asked, or busy while something computes."""
    card = step.card
    if card.resident == _wished(service) and not card.switch:
        step.answer = "there"
    elif card.leases and not force:
        step.answer = "busy"
    else:
        if force:
            for lease in list(card.leases):
                _end(step, lease, step.now - lease.at)
                step.tell("taken", ticket=lease.ticket.id)
        card.wish = service
        card.broken.pop(service, None)
        step.answer = "asked"


def borrow(step: Step, user_id: int, service: str, ms: int) -> None:
    """Give the whole card to a person; answers False when somebody else has it."""
    taken = step.card.borrow
    step.answer = taken is None or taken.user_id == user_id
    if step.answer:
        step.card.borrow = Borrow(user_id, service, step.now, step.now + ms)
        step.tell("borrowed", user=user_id, service=service, ms=ms)


def give_back(step: Step) -> None:
    """End the borrowing."""
    step.answer = step.card.borrow is not None
    if step.card.borrow:
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
    """Forget a service's failures."""
    step.answer = step.card.broken.pop(service, None) is not None


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
        card.switch, card.resident = None, UNKNOWN
    if card.borrow and card.borrow.until <= now:
        give_back(step)
        step.answer = None


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


def _grant_wish(card: Card) -> None:
    if card.wish and _wished(card.wish) == card.resident:
        card.wish = ""


def _wished(wish: str) -> str:
    return NOBODY if wish == FREED else wish


def _pause_after(failures: int, rules: Rules) -> int:
    """Return for how long a service is left alone: short waits first, then the breaker's."""
    if failures < rules.breaker:
        return rules.backoff << (failures - 1)
    return min(rules.cool << min(failures - rules.breaker, MOST_DOUBLINGS), rules.longest_cool)


# Decisions


def _pump(step: Step) -> None:
    """Grant whatever may run now, and begin the hand-over that the next one needs."""
    card = step.card
    while not card.switch:
        ticket = next_ticket(card, step.now, step.rules)
        target = _target(card, ticket, step.now, step.rules)
        if target is not None:
            _begin_switch(step, target, warm=ticket is None)
        elif ticket is None or not _may_start(card, ticket, step.now, step.rules):
            return
        else:
            _grant(step, ticket)


def next_ticket(card: Card, now: int, rules: Rules) -> Ticket | None:
    """Return the ticket that should run next, on whichever service; None when nothing may."""
    if card.paused or card.borrow:
        return None
    waiting = [ticket for ticket in card.tickets if not is_broken(card, ticket.service, now)]
    if rules.handoff != "exclusive":
        waiting = [ticket for ticket in waiting if _has_place(card, ticket.service, rules)]
    busy = [ticket for ticket in waiting if ticket.stage != IDLE]
    if not busy and rules.handoff == "exclusive" and card.resident != OLLAMA:
        return None
    return POLICIES[rules.policy](card, busy or waiting, now, rules)


def is_broken(card: Card, service: str, now: int) -> bool:
    """Return whether the service is left alone for now."""
    broken = card.broken.get(service)
    return broken is not None and broken.until > now


def _target(card: Card, ticket: Ticket | None, now: int, rules: Rules) -> str | None:
    """Return who should become resident now, None to leave it as it is."""
    if card.leases or (rules.handoff != "exclusive" and not card.borrow):
        return None
    if card.borrow:
        wanted = card.borrow.service
    elif card.wish:
        wanted = _wished(card.wish)
    elif card.paused:
        return None
    elif ticket:
        wanted = ticket.service
    else:
        wanted = OLLAMA if _goes_home(card, now, rules) else card.resident
    if wanted == card.resident or is_broken(card, wanted, now):
        return None
    return wanted


def _goes_home(card: Card, now: int, rules: Rules) -> bool:
    """Return whether the idle card goes back to chats: at the start, and a while after the last picture."""
    if not rules.restore or card.resident == NOBODY:
        return False
    return card.resident == UNKNOWN or now - card.drew_at >= rules.grace


def _may_start(card: Card, ticket: Ticket, now: int, rules: Rules) -> bool:
    if not _has_place(card, ticket.service, rules):
        return False
    if rules.handoff == "none":
        return True
    if rules.handoff == "exclusive" and ticket.service != card.resident:
        return False
    memory = card.memory
    known = memory.at and now - memory.at <= rules.fresh
    return not known or memory.free + memory.held >= rules.min_free_mb


def _has_place(card: Card, service: str, rules: Rules) -> bool:
    held = sum(lease.service == service for lease in card.leases)
    return held < (rules.slots if service == OLLAMA else 1)


def _grant(step: Step, ticket: Ticket) -> None:
    card, now = step.card, step.now
    card.tickets.remove(ticket)
    token = step.next_token()
    lease = Lease(f"lease-{token}", token, ticket, now, now + step.rules.claim)
    _count_turn(card, ticket.stage, step.rules)
    card.leases.append(lease)
    card.moved_at = now
    step.grants.append(lease)
    step.tell("granted", ticket=ticket.id, waited=now - ticket.at, stage=ticket.stage)


def _count_turn(card: Card, stage: str, rules: Rules) -> None:
    """Note whose turn it was: words go ahead of pictures and answers only so often."""
    waiting = {ticket.stage for ticket in card.tickets}
    if stage == THINK and waiting & {DRAW, CHAT}:
        card.thought += 1
    elif stage == CHAT and (DRAW not in waiting or rules.handoff != "exclusive"):
        card.thought = 0
    elif stage == DRAW:
        card.drawn += 1


def _begin_switch(step: Step, to: str, *, warm: bool) -> None:
    token = step.next_token()
    switch = Switch(
        f"switch-{token}", token, to, step.card.resident, step.now, step.now + step.rules.claim, warm=warm
    )
    step.card.switch = step.switch = switch
    step.tell("switching", to=to, before=switch.before)
