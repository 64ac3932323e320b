"""What the line costs: one grant on an idle card, and how many a second when 64 wait."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.processes import ROOT

ROUNDS = 1_000
WARM_UP = 100
WAITERS = 64
SECONDS = 4.0
WORKERS = (1, 2, 4)  # processes
KIND = "bench"


@dataclass(frozen=True)
class Timing:
    """How long something took, often; seconds."""

    name: str
    seconds: Sequence[float]

    def cells(self) -> list[str]:
        """Return the row of the table, in ms."""
        ordered = sorted(self.seconds)
        shares = [ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)]
        return [self.name, *(f"{value * 1000:.2f}" for value in shares)]


@dataclass(frozen=True)
class Rate:
    """How many leases were granted, claimed and released a second."""

    processes: int
    a_second: float


def measure_grants(rounds: int = ROUNDS) -> list[Timing]:
    """Return the cost of each step of a lease's life on an idle card, and a PING's beside it."""
    from gpu import arbiter
    from gpu.arbiter import line
    from live.redis import client
    from ollamachat.celery import app

    sent: list[str] = []

    def by_celery(row_id: int, lease_id: str) -> None:
        app.send_task("bench.nothing", [row_id, lease_id], queue="bench")
        sent.append(lease_id)

    client().flushdb()
    arbiter.transact("see", resident=arbiter.OLLAMA)
    names = ("PING", "grant: enqueue to decided", "grant: enqueue to task sent by Celery", "claim", "check")
    spent: dict[str, list[float]] = {name: [] for name in (*names, "renew", "release")}
    ids = itertools.count(1)

    def one_lease(send: line.Send, name: str) -> None:
        line.send_grants_with(KIND, send)
        row_id = next(ids)
        _timed(spent["PING"], client().ping)
        _timed(spent[name], lambda: arbiter.enqueue(arbiter.Ticket(KIND, row_id, row_id % 8)))
        lease_id = sent.pop()
        reply = _timed(spent["claim"], lambda: arbiter.transact("claim", held_id=lease_id))
        known = json.loads(reply.card.to_json())["leases"][0]
        assert _timed(spent["check"], lambda: arbiter.transact("check", held=known)).answer
        _timed(spent["renew"], lambda: arbiter.transact("renew", held=[known]))
        _timed(spent["release"], lambda: arbiter.transact("release", lease_id=lease_id, used=10))

    for number in range(WARM_UP + rounds):
        one_lease(lambda _row_id, lease_id: sent.append(lease_id), names[1])
        one_lease(by_celery, names[2])
        if number == WARM_UP:
            for seconds in spent.values():
                seconds.clear()
    return [Timing(name, seconds) for name, seconds in spent.items()]


def _timed(spent: list[float], call: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    told = call()
    spent.append(time.perf_counter() - begun)
    return told


def measure_forecast(rounds: int = 50) -> Timing:
    """Return the cost of everybody's place and wait with a full line."""
    from gpu.arbiter.state import CHAT, COMFYUI, DRAW, OLLAMA, THINK, Card, Rules, Ticket
    from gpu.forecast import Durations, forecast

    stages = [CHAT, CHAT, THINK, DRAW] * (WAITERS // 4)
    tickets = [
        Ticket(KIND, row, row % 8, COMFYUI if stage == DRAW else OLLAMA, stage, 5, row)
        for row, stage in enumerate(stages, start=1)
    ]
    card = Card(resident=OLLAMA, tickets=tickets, seq=WAITERS)
    samples = {"chat:": [8.0] * 3, "think:": [6.0] * 3, "draw:": [40.0] * 3, "switch:comfyui": [20.0] * 3}
    durations, spent = Durations.of_samples(samples), list[float]()
    for _ in range(rounds):
        _timed(spent, lambda: forecast(card, 0, Rules(), durations))
    return Timing(f"place and wait of {WAITERS} that wait", spent)


def measure_rates() -> list[Rate]:
    """Return grants a second while 64 wait, by how many processes work them off."""
    return [_rate(processes) for processes in WORKERS]


def _rate(processes: int) -> Rate:
    from gpu import arbiter
    from live.redis import client, key

    client().flushdb()
    arbiter.transact("see", resident=arbiter.OLLAMA)
    send_by_list()
    command = [sys.executable, "-m", "bench.gpu_line", str(SECONDS)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ) for _ in range(processes)
    ]
    while int(client().get(key("bench", "ready")) or 0) < processes:
        time.sleep(0.02)
    for row_id in range(1, WAITERS + 1):
        arbiter.enqueue(arbiter.Ticket(KIND, row_id, row_id % 8))
    client().publish(key("bench", "go"), "go")
    counts = [int(process.communicate()[0]) for process in running]
    return Rate(processes, sum(counts) / SECONDS)


def send_by_list() -> None:
    """Have grants sent by a list in Redis, which costs less than a task of Celery."""
    from gpu.arbiter import line
    from live.redis import client, key

    def send(row_id: int, lease_id: str) -> None:
        client().rpush(key("bench", "tasks"), f"{row_id} {lease_id}")

    line.send_grants_with(KIND, send)


def work(seconds: float) -> int:
    """Claim, release and ask again until the time is over; return how many leases that were."""
    from gpu import arbiter
    from live.redis import client, key

    send_by_list()
    ended, done = threading.Event(), 0
    with client().pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(key("bench", "go"))
        heard.get_message(timeout=1)
        client().incr(key("bench", "ready"))
        while heard.get_message(timeout=1) is None:
            pass
    threading.Timer(seconds, ended.set).start()
    while not ended.is_set():
        told = client().blpop([key("bench", "tasks")], timeout=1)
        if told is None:
            continue
        row_id, lease_id = told[1].split()
        if arbiter.transact("claim", held_id=lease_id).answer:
            arbiter.transact("release", lease_id=lease_id, used=1)
            arbiter.enqueue(arbiter.Ticket(KIND, int(row_id), int(row_id) % 8))
            done += 1
    return done


if __name__ == "__main__":
    import django

    django.setup()
    print(work(float(sys.argv[1])))
