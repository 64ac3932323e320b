"""The queue of prompts, and the history of those that ended."""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from gpu.engines.comfyui.graph import Graph
from gpu.engines.comfyui.sockets import Sockets

MOST_HISTORY = 10_000


@dataclass(eq=False)
class Prompt:
    """One queued graph. Lower numbers run first."""

    number: float
    id: str
    graph: Graph
    extra_data: dict[str, Any]
    outputs: list[str]

    def item(self) -> list[Any]:
        """Returns it as /queue and /history show it."""
        return [self.number, self.id, self.graph, self.extra_data, self.outputs]


@dataclass
class Outcome:
    """How a prompt ended."""

    succeeded: bool
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def entry(self, prompt: Prompt) -> dict[str, Any]:
        """Returns the entry in /history."""
        return {
            "prompt": prompt.item(),
            "outputs": self.outputs,
            "status": {
                "status_str": "success" if self.succeeded else "error",
                "completed": self.succeeded,
                "messages": [list(message) for message in self.messages],
            },
            "meta": self.meta,
        }


class Line:
    """Pending prompts as a heap (shown in heap order, as ComfyUI does), the running one, the history."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._heap: list[tuple[float, int, Prompt]] = []
        self._count = itertools.count()
        self._changed = asyncio.Event()
        self.number = 0
        self.running: Prompt | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.free_flags: set[str] = set()

    @property
    def pending(self) -> list[Prompt]:
        return [prompt for _, _, prompt in self._heap]

    @property
    def remaining(self) -> int:
        return len(self._heap) + (self.running is not None)

    def put(self, prompt: Prompt) -> None:
        heapq.heappush(self._heap, (prompt.number, next(self._count), prompt))
        self._updated()

    def ask_for_memory(self, flags: set[str]) -> None:
        """Leaves a note for the worker, which acts on it when it is idle."""
        self.free_flags |= flags
        self._changed.set()

    async def get(self) -> Prompt | None:
        """Returns the next prompt, which runs from now on, or None when memory is to be freed."""
        while not self._heap:
            if self.free_flags:
                return None
            self._changed.clear()
            await self._changed.wait()
        self.running = heapq.heappop(self._heap)[2]
        self._updated()
        return self.running

    def done(self, prompt: Prompt, outcome: Outcome) -> None:
        """Moves the running prompt into the history; a prompt with the same id is overwritten."""
        self.running = None
        self.history.pop(prompt.id, None)
        self.history[prompt.id] = copy.deepcopy(outcome.entry(prompt))
        if len(self.history) > MOST_HISTORY:
            del self.history[next(iter(self.history))]
        self._updated()

    def clear(self) -> None:
        """Forgets all that waits."""
        self._heap.clear()
        self._updated()

    def delete(self, prompt_id: str) -> bool:
        """Takes a waiting prompt out; returns whether it was there."""
        for entry in self._heap:
            if entry[2].id == prompt_id:
                self._heap.remove(entry)
                heapq.heapify(self._heap)
                self._updated()
                return True
        return False

    def is_running(self, prompt_id: str) -> bool:
        return self.running is not None and self.running.id == prompt_id

    def _updated(self) -> None:
        self._changed.set()
        self._sockets.status(self.remaining)
