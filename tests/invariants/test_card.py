"""Eight workers hammer one card while they are killed and stopped; what the services computed decides."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from gpu.arbiter.state import COMFYUI, OLLAMA
from tests.invariants.card_record import longest, old_writes, overlaps, slipped, spans
from tests.invariants.card_stack import COMPUTES, LOOK, TTL, WORKERS, Stack, running_stack

pytestmark = pytest.mark.processes
LONGEST_OVERLAP = 1.0
LATE = 0.8  # seconds after which somebody is stopped wherever it is
PATIENCE = 60  # seconds for the rows that still wait at the end


def hammer(stack: Stack, seconds: float) -> None:
    """Kill one and stop one, each every second or two, and now and then an upkeep."""
    begun = time.monotonic()
    kill_at, stop_at, before = begun + 0.3, begun + 0.8, "call"
    while (now := time.monotonic()) < begun + seconds:
        stack.wake()
        if now >= kill_at:
            stack.kill_one(*random.choice([WORKERS, WORKERS, ["upkeep"]]))
            kill_at = now + random.uniform(1.0, 2.0)
        if now >= stop_at and (stack.stop_one(before) or (now >= stop_at + LATE and stack.stop_any())):
            stop_at, before = now + random.uniform(0.7, 1.7), random.choice(["call", "call", "write"])
        time.sleep(LOOK / 2)


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=pytest.mark.long)])
def test_killed_and_stopped_processes_never_break_the_card(seconds: float) -> None:
    with running_stack() as stack:
        hammer(stack, seconds)
        stack.finish(PATIENCE)
        records = [stack.folder / OLLAMA, stack.folder / COMFYUI]
        ollama, comfyui = map(spans, records)
        taken_back = slipped(stack.stops, records)
        log, diary, logs = stack.rows.lrange("log", 0, -1), stack.diary(), stack.logs()
        wanted = stack.rows.hgetall("wanted")
    both = overlaps(ollama, comfyui)
    computing = ollama + comfyui
    idle = longest(stack.looks, computing, held_counts=True)
    writes = Counter(entry.split()[-1] for entry in log if entry.startswith("write"))
    accepted = Counter(entry.split()[1] for entry in log if entry.endswith("accepted"))
    print(
        f"{seconds} s of it: killed {dict(stack.killed)}; stopped past their lease {len(stack.stops)},"
        f" {Counter(stop.edge.split()[0] for stop in stack.stops if stop.edge)} of them right before it;"
        f" rows {len(wanted)}, each written once; writes {dict(writes)};"
        f" computed after waking {len(taken_back)}, taken back within {max(taken_back, default=0):.2f} s;"
        f" both computed {len(both)} times, {sum(both):.2f} s in all, {max(both, default=0):.2f} s at most;"
        f" nothing held while somebody waited: {idle:.2f} s at most,"
        f" nothing computed: {longest(stack.looks, computing, held_counts=False):.2f} s; card {dict(diary)}"
    )
    assert max(both, default=0) <= LONGEST_OVERLAP, logs
    assert max(taken_back, default=0) < min(LONGEST_OVERLAP, COMPUTES), logs
    assert old_writes(log) == []
    assert accepted == dict.fromkeys(wanted, 1)
    assert idle <= TTL + 2, logs
    assert "Traceback" not in logs, logs
