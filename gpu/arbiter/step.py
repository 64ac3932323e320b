"""One transition of the card at work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpu.arbiter.state import Card, Lease, Rules, Switch


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
