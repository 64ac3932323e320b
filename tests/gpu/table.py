"""A card on the table, for tests that tell a story of it."""

from __future__ import annotations

from typing import Any

from gpu.arbiter.rules import apply
from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    IDLE,
    OLLAMA,
    THINK,
    UNKNOWN,
    Card,
    Rules,
)
from gpu.arbiter.step import Step

NOW = 1_764_000_000_000
SERVICE = {CHAT: OLLAMA, THINK: OLLAMA, IDLE: OLLAMA, DRAW: COMFYUI}
PRIORITY = {CHAT: 5, THINK: 10, DRAW: 10, IDLE: 5}
ALICE, BOB, CAROL = 1, 2, 3


class Table:
    """A card on the table: each call is one transition, told at `now`."""

    def __init__(self, resident: str = OLLAMA, **rules: Any) -> None:
        self.rules = Rules(**rules)
        self.card = Card(resident=resident, drew_at=NOW)
        self.now = NOW
        self.rows = 0
        self.step: Step

    def do(self, op: str, **arguments: Any) -> Any:
        """Carry it out; returns the answer."""
        self.step = apply(self.card, op, arguments, self.now, self.rules)
        self.card = self.step.card
        return self.step.answer

    def ask(self, stage: str, user: int = ALICE, row: int | None = None) -> Any:
        self.rows += 1
        ticket = {"kind": "job", "row_id": row or self.rows, "user_id": user, "stage": stage}
        return self.do("enqueue", ticket={**ticket, "service": SERVICE[stage], "priority": PRIORITY[stage]})

    def wait(self, ms: int) -> None:
        self.now += ms
        self.do("tick")

    def end(self, used: int = 1_000) -> None:
        """Have the oldest lease claimed and released."""
        lease = self.card.leases[0]
        self.do("claim", held_id=lease.id)
        self.now += 1
        self.do("release", lease_id=lease.id, used=used)

    def switch(self) -> str:
        """Have the hand-over claimed and done; returns who has the card now."""
        assert self.card.switch
        self.do("claim", held_id=self.card.switch.id)
        assert self.do("switched", switch_id=self.card.switch.id, parts={})
        return self.card.resident

    def fail(self) -> None:
        assert self.card.switch
        self.do("failed", switch_id=self.card.switch.id, resident=UNKNOWN, reason="did not start")

    def switching(self) -> str | None:
        """Return to whom the card is being handed over."""
        return self.card.switch.to if self.card.switch else None

    @property
    def running(self) -> list[int]:
        return [lease.ticket.row_id for lease in self.card.leases]

    @property
    def waiting(self) -> list[int]:
        return [ticket.row_id for ticket in self.card.tickets]

    def served(self) -> list[int]:
        """Return the rows in the order in which they get the card until nobody waits."""
        order = []
        while self.card.leases or self.card.tickets:
            if self.card.switch:
                self.switch()
                continue
            order.append(self.running[0])
            self.end()
        return order


def events(step: Step) -> list[str]:
    return [event["type"] for event in step.events]
