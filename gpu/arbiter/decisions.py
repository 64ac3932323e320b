"""What the card does next: who is granted, and who becomes resident."""

from __future__ import annotations

from gpu.arbiter.order import POLICIES
from gpu.arbiter.state import (
    CHAT,
    DRAW,
    FREED,
    IDLE,
    NOBODY,
    OLLAMA,
    THINK,
    UNKNOWN,
    Card,
    Lease,
    Rules,
    Switch,
    Ticket,
)
from gpu.arbiter.step import Step


def pump(step: Step) -> None:
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
        waiting = [ticket for ticket in waiting if has_place(card, ticket.service, rules)]
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
    if card.leases or (rules.handoff != "exclusive" and not (card.borrow or card.wish)):
        return None
    if card.borrow:
        wanted = card.borrow.service
    elif card.wish:
        wanted = wished(card.wish)
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
    if not has_place(card, ticket.service, rules):
        return False
    if rules.handoff == "none":
        return True
    if rules.handoff == "exclusive" and ticket.service != card.resident:
        return False
    memory = card.memory
    known = memory.at and now - memory.at <= rules.fresh
    return not known or memory.free + memory.held >= rules.min_free_mb


def has_place(card: Card, service: str, rules: Rules) -> bool:
    """Return whether the service takes another lease."""
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
    if step.rules.handoff != "exclusive" and ticket.service != card.resident:
        card.resident = UNKNOWN  # both may hold the card from now on
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


def wished(wish: str) -> str:
    """Return who is resident when a wish has come true."""
    return NOBODY if wish == FREED else wish
