"""When the model is loaded, who may use it, when it goes: Ollama's scheduler, for one model.

The rules are Ollama's: first come, first served; another `num_ctx` or `shift` waits for the running answers
and reloads; `keep_alive` sticks to the loaded model and counts from the end of its last answer; an unload
during an answer happens after it, and one during a load is ignored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gpu.engines.ollama.runner import Launch, Runner

FOREVER = 9_223_372_036.854775  # seconds: the longest duration that Go can name


@dataclass
class Slot:
    """A place at the loaded model; `load_ns` is what loading it took this request."""

    runner: Runner
    load_ns: int


class Residency:
    """The model's place in memory. Everything here runs in one event loop."""

    def __init__(self, *, parallel: int, default_keep_alive: float) -> None:
        self.runner: Runner | None = None
        self.expires_at = 0.0
        self._parallel = parallel
        self._default_keep_alive = default_keep_alive
        self._keep_alive = default_keep_alive
        self._busy = 0
        self._line = asyncio.Lock()  # asyncio's locks are first come, first served
        self._released = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._unloading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def slot(self, launch: Launch, keep_alive: float | None) -> AsyncIterator[Slot]:
        """Waits for a place, loads the model if need be. Raises RunnerGoneError when it cannot be loaded."""
        async with self._line:
            taken = await self._take(launch, keep_alive)
        try:
            yield taken
        finally:
            self._release()
            if self._unloading:
                await asyncio.shield(self._unloading)

    async def loaded(self) -> Runner | None:
        """Returns what is in memory, waiting for an unload under way; None also while a model loads."""
        if self._unloading:
            await asyncio.shield(self._unloading)
        return self.runner

    async def unload(self) -> None:
        """Gives the memory back: now if idle, after the running answers otherwise; ignored during a load."""
        if not self.runner:
            return
        self._keep_alive = 0
        self.expires_at = time.time()
        self._start_unloading()
        if self._unloading:
            await asyncio.shield(self._unloading)

    async def close(self) -> None:
        """Ends the child, whatever it does."""
        await self._drop()

    async def _take(self, launch: Launch, keep_alive: float | None) -> Slot:
        started = time.perf_counter_ns()
        while self._busy and not self._fits(launch):
            self._released.clear()
            await self._released.wait()
            started = time.perf_counter_ns()
        self._stop_timer()
        runner = await self._load(launch)
        if keep_alive is not None:
            self._keep_alive = keep_alive
        if not self.expires_at:
            self._set_expiry()
        self._busy += 1
        return Slot(runner, time.perf_counter_ns() - started)

    def _fits(self, launch: Launch) -> bool:
        same = self.runner is not None and self.runner.alive and self.runner.launch == launch
        return same and self._busy < self._parallel

    async def _load(self, launch: Launch) -> Runner:
        if self._unloading:
            await asyncio.shield(self._unloading)
        if self.runner and self.runner.alive and self.runner.launch == launch:
            return self.runner
        await self._drop()
        self._keep_alive = self._default_keep_alive
        self.expires_at = 0.0
        self.runner = await Runner.start(launch)
        return self.runner

    def _release(self) -> None:
        self._busy -= 1
        self._released.set()
        if not self._busy:
            self._set_expiry()
            self._arm()

    def _set_expiry(self) -> None:
        self.expires_at = time.time() + min(self._keep_alive, FOREVER)

    def _arm(self) -> None:
        if self._keep_alive <= 0:
            self._start_unloading()
        elif self._keep_alive < FOREVER:
            self._timer = asyncio.get_running_loop().call_later(self._keep_alive, self._start_unloading)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _start_unloading(self) -> None:
        if not self._busy and not self._unloading:
            self._unloading = asyncio.get_running_loop().create_task(self._drop())

    async def _drop(self) -> None:
        self._stop_timer()
        try:
            if self.runner:
                await self.runner.stop()
        finally:
            self.runner = None
            self._unloading = None
