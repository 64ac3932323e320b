"""Eight workers, two upkeeps and a feeder around one card, and what a test does to them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from gpu.arbiter.state import COMFYUI, OLLAMA, Card
from launch.ports import free_port
from tests import redis_server
from tests.processes import ROOT, wait_until

TTL = 1.5  # seconds
COMPUTES = 1.1  # seconds for a picture as for an answer, some three times as long: see LONG in the worker
STOPPED = TTL + 0.5  # seconds for which a process stands still
LATEST = STOPPED + 3  # seconds after which it is woken, also when the moment is not the worst
LOOK = 0.05  # seconds
WORKERS = [OLLAMA, COMFYUI] * 4
SETTINGS = {
    "GPU_LEASE_TTL": f"{TTL:g}",
    "GPU_LEASE_RENEW": "0.3",
    "GPU_LEASE_CLAIM": "1.5",
    "GPU_SETTLE": "0",
    "GPU_RESTORE_GRACE": "0.5",
    "GPU_OLLAMA_SLOTS": "4",
    "PROCESS_SWITCH_TIMEOUT": "10",
    "REDIS_PREFIX": "app",
    "DJANGO_SETTINGS_MODULE": "ollamachat.settings",
    "DJANGO_SECRET_KEY": "a key that only the tests know, fifty letters long.",
    "JWT_SECRET": "another one for tokens, thirty-two letters",
}
OLLAMA_OPTIONS = "--rate 50 --first 0.1 --load-seconds 0.2 --slots 4"
COMFYUI_OPTIONS = f"--picture-seconds {COMPUTES} --load-seconds 0.2 --free-seconds 0.2"
PROGRAMS = {
    OLLAMA: f"tests.standins.ollama {OLLAMA_OPTIONS}",
    COMFYUI: f"tests.standins.comfyui {COMFYUI_OPTIONS}",
}


class CardRedis:
    """The Redis that has the card, with its file; it may be killed, emptied and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client: Any = redis.Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        options = f"--port {self.port} --bind 127.0.0.1 --dir {self.folder} --appendonly yes"
        self._process = subprocess.Popen(
            ["redis-server", *options.split(), "--save", ""], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def lose_its_file(self) -> None:
        shutil.rmtree(self.folder)

    def _answers(self) -> bool | None:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return None


@dataclass(frozen=True)
class Look:
    """The card at one moment (`time.time()`): `free` is that nothing is held and no hand-over runs."""

    at: float
    waits: bool
    free: bool


@dataclass
class Stopped:
    """A process that stands still, from `at` on; `edge`: right before a `call` or a `write`, and its mark."""

    pid: int
    role: str
    edge: str
    at: float
    woken_at: float = 0.0


@dataclass
class Stack:
    """The running processes, and what was done to them."""

    folder: Path
    redis: CardRedis
    rows: Any
    nursery: subprocess.Popen[str]
    processes: dict[int, str] = field(default_factory=dict)
    """Process ids and roles."""
    stops: list[Stopped] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    looks: list[Look] = field(default_factory=list)
    since: float = 0.0
    """What was recorded before (`time.time()`) was judged already."""
    over: threading.Event = field(default_factory=threading.Event)

    def start(self, role: str) -> None:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(f"{role}\n")
        self.nursery.stdin.flush()
        self.processes[int(self.nursery.stdout.readline())] = role

    def card(self) -> Card:
        stored = self.redis.client.get("app:card")
        return Card.from_json(stored) if stored else Card()

    def watch(self) -> None:
        """Look at the card until it is over."""
        while not self.over.wait(LOOK):
            with suppress(redis.RedisError):
                card = self.card()
                free = not card.leases and not card.switch
                self.looks.append(Look(time.time(), bool(card.tickets), free))

    def kill_one(self, roles: list[str]) -> None:
        """Kill -9 one of these roles, every other time one at work, and start another in its place."""
        victim = self._choose(roles, at_work=sum(self.killed.values()) % 2 == 0)
        role = self.processes.pop(victim)
        os.kill(victim, signal.SIGKILL)
        self.rows.hdel("busy", victim)
        self.rows.hdel("edge", victim)
        self.killed[role] += 1
        self.start(role)

    def _choose(self, roles: list[str], *, at_work: bool) -> int:
        awake = {pid for pid, role in self.processes.items() if role in roles} - self._standing()
        working = awake & {int(pid) for pid in self.rows.hgetall("busy")} if at_work else set()
        return random.choice(sorted(working or awake))

    def stop_one(self) -> bool:
        """Stop a worker right before its call or its write; answers whether one stood there."""
        for pid, edge in self._edges().items():
            if self.processes[pid] in self._whole():
                self._stop(pid, edge)
                return True
        return False

    def stop_any(self) -> bool:
        """Stop a worker wherever it is, at work if there is one; answers whether one was stopped."""
        if whole := self._whole():
            self._stop(self._choose(whole, at_work=True), "")
        return bool(whole)

    def _whole(self) -> list[str]:
        """Return the kinds of workers of which none stands still: work shall go on."""
        standing = {self.processes.get(pid) for pid in self._standing()}
        return [role for role in (OLLAMA, COMFYUI) if role not in standing]

    def _stop(self, pid: int, edge: str) -> None:
        os.kill(pid, signal.SIGSTOP)
        edge = edge if edge == self._edges().get(pid) else ""  # it may have gone on meanwhile
        self.stops.append(Stopped(pid, self.processes[pid], edge, time.time()))

    def wake(self) -> None:
        """Wake who has stood still past its lease, at the worst moment if it comes soon enough."""
        for stopped in self.stops:
            stood = time.time() - stopped.at
            if not stopped.woken_at and (stood > LATEST or (stood > STOPPED and self._is_worst_for(stopped))):
                stopped.woken_at = time.time()
                os.kill(stopped.pid, signal.SIGCONT)

    def _is_worst_for(self, stopped: Stopped) -> bool:
        """Return whether the other service computes, or its row was granted anew; or neither ever will."""
        if stopped.edge.startswith("write"):
            _, row_id, token = stopped.edge.split()
            return int(self.rows.hget("granted", row_id)) > int(token)
        card = self.card()
        others = any(lease.claimed_at and lease.service != stopped.role for lease in card.leases)
        return others or not (card.leases or card.tickets)

    def _edges(self) -> dict[int, str]:
        standing = self._standing()
        edges = {int(pid): edge for pid, edge in self.rows.hgetall("edge").items()}
        return {pid: edge for pid, edge in edges.items() if pid in self.processes and pid not in standing}

    def _standing(self) -> set[int]:
        return {stopped.pid for stopped in self.stops if not stopped.woken_at}

    def finish(self, seconds: float) -> None:
        """Let the rows that wait end; nothing new comes."""
        self.rows.set("stop", 1)
        deadline = time.monotonic() + seconds
        while self.left_over() or self._standing():
            assert time.monotonic() < deadline, (
                f"rows are lost: {self.left_over()} {self.card()}\n{self.logs()}"
            )
            self.wake()
            time.sleep(LOOK)
        time.sleep(1.0)  # who was woken last takes back what it starts

    def resume(self) -> None:
        """Go on with new rows after `finish`; what was counted so far is forgotten."""
        if self.rows.exists("stop"):
            for counted in (self.stops, self.killed, self.looks):
                counted.clear()
            self.since = time.time()
            self.rows.delete("log", "wanted", "granted", "written", "stop")

    def left_over(self) -> list[str]:
        """Return the rows to which nothing was written yet."""
        return sorted(set(self.rows.hgetall("wanted")) - set(self.rows.hgetall("written")), key=int)

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    def diary(self) -> Counter[str]:
        """Return how often what happened to the card."""
        return Counter(
            {name: int(count) for name, count in self.redis.client.hgetall("app:card:counts").items()}
        )

    def end(self) -> None:
        self.over.set()
        for pid in self.processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Yield the processes once the first row is done; none is left after."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        card_redis, rows_url = CardRedis(folder / "redis"), redis_server.start()
        card_redis.start()
        ends.callback(card_redis.kill)
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("GPU_", "PROCESS_"))
        }
        environment = {**clean, **SETTINGS, "OLLAMA_CHAT_DATA": str(folder), "REDIS_URL": card_redis.url}
        for service, program in PROGRAMS.items():
            environment[f"{service.upper()}_URL"] = ends.enter_context(_standin(program, folder / service))
        nursery = ends.enter_context(_nursery({**environment, "ROWS_URL": rows_url}))
        rows = redis.Redis.from_url(rows_url, decode_responses=True)
        ends.callback(rows.close)
        ends.callback(card_redis.client.close)
        stack = Stack(folder, card_redis, rows, nursery)
        ends.callback(stack.end)
        for role in [*WORKERS, "upkeep", "upkeep", "feeder"]:
            stack.start(role)
        looking = threading.Thread(target=stack.watch)
        looking.start()
        ends.callback(looking.join)
        ends.callback(stack.over.set)
        wait_until(lambda: rows.hgetall("written") or None, 90)
        yield stack


@contextmanager
def _standin(program: str, record: Path) -> Iterator[str]:
    """Yield the URL of a stand-in in a process of its own."""
    command = [sys.executable, "-m", *program.split(), "--record", str(record)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@contextmanager
def _nursery(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.invariants.card_worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdin=pipe, stdout=pipe) as nursery:
        assert nursery.stdout
        try:
            assert nursery.stdout.readline() == "ready\n"
            yield nursery
        finally:
            nursery.kill()
