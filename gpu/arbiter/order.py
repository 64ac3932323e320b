"""Who is next: policies as pure functions of the card, the tickets that may run, and the moment.

A policy answers the ticket that should run next, whichever service is resident, or
None to wait. `gpu/arbiter/card.lua` holds the same rules for Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gpu.arbiter.state import CHAT, COMFYUI, DRAW, THINK, Card, Rules, Ticket

Policy = Callable[[Card, Sequence[Ticket], int, Rules], Ticket | None]


def used_ms(card: Card, user_id: int, now: int, rules: Rules) -> float:
    """Return what a person has used lately: it counts half after each half-life."""
    used = card.used.get(str(user_id))
    if used is None:
        return 0.0
    return float(used.ms * 2.0 ** (-(now - used.at) / rules.half_life))


def debt_ms(card: Card, ticket: Ticket, now: int, rules: Rules) -> float:
    """Return what still counts against a ticket: a second waited pays for a second used.

    So nobody starves under a stream of people who used nothing: it lasts at most as long
    as the ticket's owner used the card lately, and from then on who comes later goes later.
    """
    return used_ms(card, ticket.user_id, now, rules) - (now - ticket.at)


def fifo(card: Card, waiting: Sequence[Ticket], now: int, rules: Rules) -> Ticket | None:
    """First come, first served."""
    return min(waiting, key=lambda ticket: ticket.seq, default=None)


def strict(card: Card, waiting: Sequence[Ticket], now: int, rules: Rules) -> Ticket | None:
    """Priority, then first come."""
    return min(waiting, key=lambda ticket: (-ticket.priority, ticket.seq), default=None)


def household(card: Card, waiting: Sequence[Ticket], now: int, rules: Rules) -> Ticket | None:
    """Pictures first but one at a time while chats wait, think first and draw later, fair between people."""

    def first(tickets: Sequence[Ticket]) -> Ticket | None:
        return min(
            tickets,
            key=lambda ticket: (-ticket.priority, debt_ms(card, ticket, now, rules), ticket.seq),
            default=None,
        )

    draws = [ticket for ticket in waiting if ticket.stage == DRAW]
    thinks = [ticket for ticket in waiting if ticket.stage == THINK]
    chats = [ticket for ticket in waiting if ticket.stage == CHAT]
    rest = [ticket for ticket in waiting if ticket.stage != DRAW]
    if not draws or not rest:
        chats_due = thinks and chats and card.thought >= rules.think_batch
        return first(chats if chats_due else waiting)
    if card.resident == COMFYUI:
        others_due = (chats and card.drawn > 0) or (thinks and card.drawn >= rules.think_batch)
        return first(rest if others_due else draws)
    if thinks and card.thought < rules.think_batch:
        return first(thinks)
    due = [chat for chat in chats if chat.seq <= card.turn]
    return first(due or draws)


POLICIES: dict[str, Policy] = {"household": household, "strict": strict, "fifo": fifo}
