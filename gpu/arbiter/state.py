"""The card as plain data: what Redis keeps as one JSON document, times in whole milliseconds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

OLLAMA, COMFYUI, NOBODY = "ollama", "comfyui", ""
FREED = "none"
"""A wish for an empty card."""
UNKNOWN = "?"
"""Who is resident when nobody has looked yet, or when what was believed has turned out wrong."""

CHAT, THINK, DRAW, IDLE = "chat", "think", "draw", "idle"
"""A ticket's stage: an answer; a picture's words; a picture; work that waits for an idle card."""


@dataclass
class Ticket:
    """A place in line: for which row, of whom, on which service. Enqueued twice it is one place.

    `about` holds what estimates are learned by: model, size, steps, number of pictures. `images` are
    the pictures that it draws.
    """

    kind: str
    row_id: int
    user_id: int
    service: str = OLLAMA
    stage: str = CHAT
    priority: int = 0
    seq: int = 0
    at: int = 0
    about: str = ""
    images: int = 0

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.row_id}"


@dataclass
class Lease:
    """The right to use a service until `until`, unless renewed; `claimed_at` 0: nobody has taken it yet."""

    id: str
    token: int
    ticket: Ticket
    at: int
    until: int
    claimed_at: int = 0
    again: bool = False

    @property
    def service(self) -> str:
        return self.ticket.service


@dataclass
class Switch:
    """A hand-over in progress; held like a lease by whoever carries it out."""

    id: str
    token: int
    to: str
    before: str
    at: int
    until: int
    claimed_at: int = 0
    warm: bool = False


@dataclass
class Broken:
    """A service that could not be made ready; left alone until `until`."""

    failures: int = 0
    until: int = 0
    reason: str = ""


@dataclass
class Borrow:
    """The whole card in one person's hands; `service` stays resident meanwhile, "" for none."""

    user_id: int
    service: str
    at: int
    until: int


@dataclass
class Used:
    """Milliseconds of the card that a person used, as they counted at `at`; they fade with time."""

    ms: float = 0
    at: int = 0


@dataclass
class Memory:
    """The card's memory in MiB: what is free, and what the resident itself holds; `at` 0: unknown."""

    free: int = 0
    held: int = 0
    at: int = 0


@dataclass
class Card:
    """Everything that is decided upon."""

    born: int = 0
    """When this document began: leases from before are known to their holders alone."""
    token: int = 0
    seq: int = 0
    resident: str = UNKNOWN
    tickets: list[Ticket] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    switch: Switch | None = None
    turn: int = 0
    """Chats up to this seq go before the next picture: they waited when the last one ended."""
    thought: int = 0
    """Pictures' words that went ahead of a waiting picture or answer since the last switch or such answer."""
    drawn: int = 0
    """Pictures begun since the last switch."""
    used: dict[str, Used] = field(default_factory=dict)
    broken: dict[str, Broken] = field(default_factory=dict)
    borrow: Borrow | None = None
    wish: str = ""
    """What an admin wants resident next: a service, or "none"; "" for no wish."""
    paused: bool = False
    draining: bool = False
    memory: Memory = field(default_factory=Memory)
    moved_at: int = 0
    """When the line last moved: a grant or the end of a lease."""
    drew_at: int = 0
    """When the last picture ended, or ComfyUI got the card; the card goes back some time after."""

    def rows(self, kind: str) -> set[int]:
        """Return the rows of a kind that wait or hold a lease."""
        tickets = [*self.tickets, *(lease.ticket for lease in self.leases)]
        return {ticket.row_id for ticket in tickets if ticket.kind == kind}

    def to_json(self) -> str:
        """Return the document as the script keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the card of a stored document; Lua writes an empty list as {}."""
        told: dict[str, Any] = json.loads(text)
        switch, borrow = told.get("switch"), told.get("borrow")
        nested = {
            "tickets": [Ticket(**ticket) for ticket in told["tickets"] or []],
            "leases": [read_lease(lease) for lease in told["leases"] or []],
            "switch": Switch(**switch) if switch else None,
            "used": {user: Used(**used) for user, used in (told["used"] or {}).items()},
            "broken": {name: Broken(**broken) for name, broken in (told["broken"] or {}).items()},
            "borrow": Borrow(**borrow) if borrow else None,
            "memory": Memory(**told["memory"]),
        }
        return cls(**{**told, **nested})

    def copy(self) -> Self:
        """Return a card of its own that can be changed."""
        return replace(
            self,
            tickets=[replace(ticket) for ticket in self.tickets],
            leases=[replace(lease, ticket=replace(lease.ticket)) for lease in self.leases],
            switch=replace(self.switch) if self.switch else None,
            used=dict(self.used),
            broken={name: replace(broken) for name, broken in self.broken.items()},
            borrow=replace(self.borrow) if self.borrow else None,
        )


def read_lease(told: dict[str, Any]) -> Lease:
    """Return the lease of a stored document."""
    return Lease(**{**told, "ticket": Ticket(**told["ticket"])})


@dataclass(frozen=True)
class Rules:
    """The settings that decide, the same in every process; durations in milliseconds."""

    policy: str = "household"
    handoff: str = "exclusive"
    slots: int = 1
    think_batch: int = 8
    min_free_mb: int = 0
    ttl: int = 15_000
    claim: int = 10_000
    restore: bool = True
    grace: int = 20_000
    half_life: int = 3_600_000
    breaker: int = 3
    backoff: int = 2_000
    cool: int = 60_000
    longest_cool: int = 600_000
    fresh: int = 10_000
    """How long a memory reading counts."""
