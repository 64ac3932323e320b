"""What our hand-over adds to what the services themselves need, with the stand-ins for both."""

from __future__ import annotations

import itertools
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from bench.processes import MODEL, ROOT

COLUMNS = ("hand-over, ms", "the services alone, p50", "ours, p50 / p95", "added, p50 / p95")
ROUNDS = 15
WINDOW = 4_096
PATIENCE = 30.0  # seconds
LOOK = 0.002  # seconds between two looks of whoever does it by hand
KIND = "bench"
COMFYUI_ANSWERS = ["--picture-seconds", "0.05", "--load-seconds", "0", "--free-seconds", "0.3"]


@dataclass
class Bench:
    """Both services, and the leases that were granted, as they come."""

    ollama: Any
    comfyui: Any
    granted: queue.Queue[str] = field(default_factory=queue.Queue)
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def fill_ollama(self) -> None:
        """Have Ollama hold its model."""
        self.ollama.load(MODEL, num_ctx=WINDOW, keep_alive="10m").wait()

    def fill_comfyui(self) -> None:
        """Have ComfyUI draw something, after which it holds its model."""
        from tests.gpu.comfyui_prompts import finish, submit

        finish(self.comfyui, submit(self.comfyui))

    def empty_ollama(self) -> None:
        """Do by hand what a hand-over to ComfyUI needs of the services."""
        self.ollama.unload(MODEL)
        while self.ollama.loaded():
            time.sleep(LOOK)
        self.comfyui.stats()

    def empty_comfyui(self) -> None:
        """Do by hand what a hand-over to Ollama needs of the services."""
        from gpu.emptying import RESIDUE

        self.comfyui.free()
        while self.comfyui.stats().held > RESIDUE:
            time.sleep(LOOK)
        self.ollama.version()

    def lease(self, stage: str) -> str:
        """Ask for the card; return the lease when its task is sent."""
        from gpu import arbiter
        from gpu.arbiter.state import COMFYUI, DRAW, OLLAMA

        service = COMFYUI if stage == DRAW else OLLAMA
        arbiter.enqueue(arbiter.Ticket(KIND, next(self.ids), 1, service, stage))
        lease_id = self.granted.get(timeout=PATIENCE)
        assert arbiter.read().resident == service
        return lease_id


def measure_handoff() -> list[list[str]]:
    """Return a row for each direction."""
    from gpu import arbiter, handoff
    from gpu.arbiter import line
    from gpu.arbiter.state import CHAT, DRAW
    from live.redis import client

    client().flushdb()
    with ExitStack() as ends:
        bench = _start(ends)
        line.send_grants_with(KIND, lambda _row_id, lease_id: bench.granted.put(lease_id))
        line.hand_over_with(
            lambda switch_id, _to: threading.Thread(target=handoff.carry_out, args=[switch_id]).start()
        )
        arbiter.transact("see", resident=arbiter.OLLAMA)
        spent: dict[str, list[float]] = {"to ComfyUI": [], "to Ollama": []}
        alone: dict[str, list[float]] = {"to ComfyUI": [], "to Ollama": []}
        for _ in range(ROUNDS + 1):  # the first one warms up
            bench.fill_ollama()
            alone["to ComfyUI"].append(_seconds(bench.empty_ollama))
            bench.fill_ollama()
            spent["to ComfyUI"].append(_seconds(lambda: _use(bench.lease(DRAW), bench.fill_comfyui)))
            alone["to Ollama"].append(_seconds(bench.empty_comfyui))
            bench.fill_comfyui()
            spent["to Ollama"].append(_seconds(lambda: _use(bench.lease(CHAT), lambda: None)))
        return [_row(name, alone[name][1:], spent[name][1:]) for name in spent]


def _use(lease_id: str, work: Callable[[], None]) -> float:
    """Work under the lease and give it back; return when the work began."""
    from gpu import arbiter

    begun = time.perf_counter()
    assert arbiter.transact("claim", held_id=lease_id).answer
    work()
    arbiter.transact("release", lease_id=lease_id, used=10)
    return begun


def _seconds(call: Callable[[], float | None]) -> float:
    begun = time.perf_counter()
    ended = call()
    return (ended or time.perf_counter()) - begun


def _row(name: str, alone: list[float], ours: list[float]) -> list[str]:
    bare = sorted(alone)[len(alone) // 2]
    shares = [sorted(ours)[min(len(ours) - 1, len(ours) * share // 100)] for share in (50, 95)]
    times = " / ".join(f"{value * 1000:.0f}" for value in shares)
    added = " / ".join(f"{(value - bare) * 1000:+.0f}" for value in shares)
    return [name, f"{bare * 1000:.0f}", times, added]


def _start(ends: ExitStack) -> Bench:
    from django.conf import settings

    from gpu.services.comfyui import ComfyUI
    from gpu.services.ollama import Ollama

    settings.OLLAMA_URL = _serve(ends, ["tests.standins.ollama"])
    settings.COMFYUI_URL = _serve(ends, ["tests.standins.comfyui", *COMFYUI_ANSWERS])
    return Bench(Ollama(settings.OLLAMA_URL), ComfyUI(settings.COMFYUI_URL))


def _serve(ends: ExitStack, words: list[str]) -> str:
    command = [sys.executable, "-m", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    ends.callback(process.wait)
    ends.callback(process.terminate)
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()
