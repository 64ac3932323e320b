"""Who may use the card: tickets in a line, leases with a fencing token, hand-overs between two services.

`state` is the card as plain data, `rules`, `decisions` and `order` are pure functions, `card.lua`
does the same in Redis, `line` asks it, `holding` keeps what this process was granted.
"""

from __future__ import annotations

from gpu.arbiter.holding import Held, LeaseLostError, hold
from gpu.arbiter.line import (
    cancel,
    enqueue,
    is_draining,
    prune,
    read,
    send_grants_with,
    tick,
    transact,
)
from gpu.arbiter.state import CHAT, COMFYUI, DRAW, IDLE, OLLAMA, THINK, Card, Lease, Ticket

__all__ = [
    "CHAT",
    "COMFYUI",
    "DRAW",
    "IDLE",
    "OLLAMA",
    "THINK",
    "Card",
    "Held",
    "Lease",
    "LeaseLostError",
    "Ticket",
    "cancel",
    "enqueue",
    "hold",
    "is_draining",
    "prune",
    "read",
    "send_grants_with",
    "tick",
    "transact",
]
