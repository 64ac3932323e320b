"""Eight workers hammer one card while they are killed and stopped; what the services computed decides."""

from __future__ import annotations

import random
import time
from collections import Counter
from itertools import cycle

import pytest

from gpu.arbiter.state import COMFYUI, OLLAMA
from tests.invariants.card_record import longest, old_writes, overlaps, slipped, spans
from tests.invariants.card_stack import LOOK, TTL, WORKERS, Stack

pytestmark = pytest.mark.processes
LONGEST_OVERLAP = 1.0
LONGEST_IDLE = TTL + 2  # seconds; a lease whose holder died runs out, and a tick sees it
AT_THE_EDGE, ANYWHERE = "right before a call or a write", "anywhere"
LATE = 1.5  # seconds after which somebody is stopped wherever it is, when nobody comes to the edge
PATIENCE = 90  # seconds for the rows that still wait at the end


def hammer(stack: Stack, seconds: float) -> None:
    """Kill one and stop one, each every second or two, and now and then an upkeep."""
    begun, places = time.monotonic(), cycle([AT_THE_EDGE, AT_THE_EDGE, ANYWHERE])
    kill_at, stop_at, where = begun + 0.3, begun + 0.6, next(places)
    while (now := time.monotonic()) < begun + seconds:
        stack.wake()
        if now >= kill_at:
            stack.kill_one(random.choice([WORKERS, WORKERS, ["upkeep"]]))
            kill_at = now + random.uniform(1.0, 2.0)
        if now >= stop_at and stop_one(stack, where, late=now >= stop_at + LATE):
            stop_at, where = now + random.uniform(0.7, 1.7), next(places)
        time.sleep(LOOK / 2)


def stop_one(stack: Stack, where: str, *, late: bool) -> bool:
    """Stop a worker there; answers whether one was stopped."""
    return stack.stop_any() if late or where == ANYWHERE else stack.stop_one()


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=pytest.mark.long)])
def test_killed_and_stopped_processes_never_break_the_card(card: Stack, seconds: float) -> None:
    hammer(card, seconds)
    card.finish(PATIENCE)
    records = [card.folder / OLLAMA, card.folder / COMFYUI]
    ollama, comfyui = (spans(record, card.since) for record in records)
    taken_back = slipped(card.stops, records)
    log, diary, logs = card.rows.lrange("log", 0, -1), card.diary(), card.logs()
    wanted = card.rows.hgetall("wanted")
    both = overlaps(ollama, comfyui)
    computing = ollama + comfyui
    idle = longest(card.looks, computing, held_counts=True)
    writes = Counter(entry.split()[-1] for entry in log if entry.startswith("write"))
    accepted = Counter(entry.split()[1] for entry in log if entry.endswith("accepted"))
    print(
        f"{seconds} s of it: killed {dict(card.killed)}; stopped past their lease {len(card.stops)},"
        f" {Counter(stop.edge.split()[0] for stop in card.stops if stop.edge)} of them right before it;"
        f" rows {len(wanted)}, each written once; writes {dict(writes)};"
        f" computed after waking {len(taken_back)}, taken back within {max(taken_back, default=0):.2f} s;"
        f" both computed {len(both)} times, {sum(both):.2f} s in all, {max(both, default=0):.2f} s at most;"
        f" nothing held while somebody waited: {idle:.2f} s at most,"
        f" nothing computed: {longest(card.looks, computing, held_counts=False):.2f} s; card {dict(diary)}"
    )
    assert card.killed.total() >= seconds / 4
    assert len(card.stops) >= seconds / 6
    assert max(both, default=0) <= LONGEST_OVERLAP, logs
    assert max(taken_back, default=0) < LONGEST_OVERLAP, logs
    assert old_writes(log) == []
    assert accepted == dict.fromkeys(wanted, 1)
    assert idle <= LONGEST_IDLE, logs
    assert "Traceback" not in logs, logs
