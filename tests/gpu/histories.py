"""Random histories of the card: operations with arguments that fit its state, or don't."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from gpu.arbiter.state import CHAT, COMFYUI, DRAW, IDLE, OLLAMA, THINK, Card, Lease, Rules, Ticket

Choose = Callable[[Card, random.Random], tuple[str, dict[str, Any]]]
"""What happens next: an operation and arguments made of the card as it is."""
SERVICE = {CHAT: OLLAMA, THINK: OLLAMA, IDLE: OLLAMA, DRAW: COMFYUI}
START = 1_764_000_000_000


def rules_for(chance: random.Random) -> Rules:
    """Return rules in which everything happens soon."""
    return Rules(
        policy=chance.choice(["household", "household", "household", "strict", "fifo"]),
        handoff=chance.choice(["exclusive", "exclusive", "exclusive", "shared", "none"]),
        slots=chance.choice([1, 1, 2, 3]),
        think_batch=chance.choice([1, 2, 8]),
        min_free_mb=chance.choice([0, 1024]),
        restore=chance.random() < 0.7,
        grace=chance.choice([0, 5_000, 20_000]),
    )


def history(chance: random.Random, length: int) -> Iterator[Choose]:
    """Yield what happens next."""
    for _ in range(length):
        yield chance.choice(CHOICES)


def _enqueue(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    stage = chance.choice([CHAT, CHAT, THINK, DRAW, DRAW, IDLE])
    ticket = {
        "kind": "job",
        "row_id": chance.randint(1, 12),
        "user_id": chance.randint(1, 4),
        "service": SERVICE[stage],
        "stage": stage,
        "priority": {CHAT: 5, IDLE: 1}.get(stage, 10),
        "seq": 0,
        "at": 0,
        "about": "",
    }
    return "enqueue", {"ticket": ticket}


def _held(card: Card, chance: random.Random) -> str:
    ids = [lease.id for lease in card.leases] + ([card.switch.id] if card.switch else [])
    return chance.choice([*ids, *ids, *ids, "lease-1", "switch-1"])


def _claim(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    return "claim", {"held_id": _held(card, chance)}


def _known(card: Card, chance: random.Random) -> dict[str, Any]:
    """Return a lease or a switch as its holder knows it; the card may never have known it."""
    choices: list[dict[str, Any]] = [asdict(lease) for lease in card.leases] * 2
    choices += [{**asdict(lease), "claimed_at": START + 1} for lease in card.leases]
    if card.switch:
        choices.append(asdict(card.switch))
    stage = chance.choice([CHAT, DRAW])
    ticket = Ticket("job", chance.randint(1, 12), 1, SERVICE[stage], stage, 5, 1, START)
    token = chance.choice([START - 5_000, card.token, card.token + 7])
    choices.append(asdict(Lease(f"lease-{token}", token, ticket, START, START + 15_000, START)))
    return chance.choice(choices)


def _renew(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    return "renew", {"held": [_known(card, chance) for _ in range(chance.randint(0, 2))]}


def _check(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    return "check", {"held": _known(card, chance)}


def _release(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    claims = [0, START + 1, *(lease.claimed_at for lease in card.leases)]
    used, claimed_at = chance.randint(0, 200_000), chance.choice(claims)
    return "release", {"lease_id": _held(card, chance), "used": used, "claimed_at": claimed_at}


def _switched(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    return "switched", {"switch_id": _held(card, chance), "parts": {"ollama_out": 1.25}}


def _failed(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    resident = chance.choice(["?", OLLAMA, COMFYUI])
    return "failed", {"switch_id": _held(card, chance), "resident": resident, "reason": "did not start"}


def _other(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    service = chance.choice([OLLAMA, COMFYUI])
    choices: list[tuple[str, dict[str, Any]]] = [
        ("see", {"resident": chance.choice([OLLAMA, COMFYUI, "?"])}),
        ("measure", {"free": chance.choice([200, 20_000]), "held": chance.choice([0, 8_000])}),
        ("wish", {"service": chance.choice([service, "none"]), "force": chance.random() < 0.3}),
        ("borrow", {"user_id": 1, "service": chance.choice(["", COMFYUI]), "ms": 30_000}),
        ("recall", {"used": {"1": 60_000, "9": 5}}),
        ("give_back", {"user_id": chance.choice([None, 1, 2])}),
        ("pause", {"on": chance.random() < 0.3}),
        ("drain", {"on": chance.random() < 0.2}),
        ("retry", {"service": chance.choice([service, "none"])}),
        ("cancel", {"ticket_id": f"job:{chance.randint(1, 12)}"}),
    ]
    return chance.choice(choices)


def _tick(card: Card, chance: random.Random) -> tuple[str, dict[str, Any]]:
    return "tick", {}


CHOICES: list[Choose] = [
    *[_enqueue] * 5,
    *[_claim] * 4,
    *[_renew] * 2,
    _check,
    *[_release] * 3,
    *[_switched] * 3,
    _failed,
    *[_other] * 2,
    *[_tick] * 2,
]


def passing(chance: random.Random) -> int:
    """Return the milliseconds until the next operation."""
    return chance.choice([0, 1, 40, 900, 900, 4_000, 4_000, 11_000, 40_000])
