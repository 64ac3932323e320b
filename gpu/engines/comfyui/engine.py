"""The whole of it: queue, worker, files, pretend memory, sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gpu.engines.comfyui.execution import Execution, Pace, Shop, Witness
from gpu.engines.comfyui.files import Files
from gpu.engines.comfyui.line import Line, Prompt
from gpu.engines.comfyui.memory import Memory
from gpu.engines.comfyui.sockets import Sockets

# execution_success leaves before the history has its entry, as it does in ComfyUI.
HISTORY_LAG = 0.01


class NoWitness:
    """Nobody watches."""

    def begins(self, prompt_id: str) -> None:
        """A prompt begins to compute."""

    def ends(self, prompt_id: str) -> None:
        """It has ended, however."""

    async def entering(self, prompt_id: str, class_type: str) -> None:
        """A node is about to compute."""


class Engine:
    """One server's state. `run` works through the queue until it is cancelled."""

    def __init__(
        self,
        folder: Path,
        *,
        pace: Pace | None = None,
        witness: Witness | None = None,
        sockets: Sockets | None = None,
        most_pictures: int | None = None,
    ) -> None:
        self.files = Files(folder, most_pictures)
        self.memory = Memory()
        self.sockets = sockets or Sockets()
        self.line = Line(self.sockets)
        self.pace = pace or Pace()
        self.witness = witness or NoWitness()
        self._shop = Shop(self.files, self.memory, self.sockets, self.pace, self.witness)

    async def run(self) -> None:
        """Computes one prompt after the other; frees memory in between."""
        while True:
            prompt = await self.line.get()
            if prompt is not None:
                await self._compute(prompt)
            if self.line.free_flags:
                await self._free()

    def interrupt(self, prompt_id: str | None = None) -> bool:
        """Stops what runs at its next step, or only the prompt with this id; returns whether it does."""
        if prompt_id is not None and not self.line.is_running(prompt_id):
            return False
        self._shop.interrupted = True
        return True

    async def _compute(self, prompt: Prompt) -> None:
        self.witness.begins(prompt.id)
        try:
            outcome = await Execution(prompt, self._shop).run()
        finally:
            self.witness.ends(prompt.id)
        await asyncio.sleep(HISTORY_LAG)
        self.line.done(prompt, outcome)
        if self.sockets.client_id is not None:
            told = {"node": None, "prompt_id": prompt.id}
            self.sockets.send("executing", told, self.sockets.client_id)

    async def _free(self) -> None:
        """Gives memory back some time after it was asked to; `free_memory` also forgets all results."""
        flags = set(self.line.free_flags)
        self.line.free_flags.clear()
        if self.pace.free_seconds is None:
            return
        await asyncio.sleep(self.pace.free_seconds)
        self.memory.clear()
        if "free_memory" in flags:
            self._shop.cache.clear()
