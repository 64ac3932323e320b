"""One prompt from its start to its end, told in the messages of ComfyUI."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from gpu.engines.comfyui import nodes
from gpu.engines.comfyui.catalog import is_slow
from gpu.engines.comfyui.files import Files
from gpu.engines.comfyui.graph import keys, order
from gpu.engines.comfyui.line import Outcome, Prompt
from gpu.engines.comfyui.memory import Memory
from gpu.engines.comfyui.nodes import Result, Run, Sampling
from gpu.engines.comfyui.sketch import noisy
from gpu.engines.comfyui.sockets import Sockets

ON_DISK = ("SaveImage", "PreviewImage", "LoadImage")
PREVIEWS = ("auto", "latent2rgb", "taesd")
LEAST_PAUSE, LEAST_PART = 0.1, 0.005  # between two progress messages: seconds, and part of the whole


@dataclass
class Pace:
    """How long things take, in seconds; `free_seconds` None: memory never comes back."""

    picture_seconds: float = 3.0
    load_seconds: float = 1.0
    free_seconds: float | None = 0.3


class Witness(Protocol):
    """Who is told what is computed when; `entering` may take its time or raise a NodeError."""

    def begins(self, prompt_id: str) -> None: ...

    def ends(self, prompt_id: str) -> None: ...

    async def entering(self, prompt_id: str, class_type: str) -> None: ...


class StoppedError(Exception):
    """The prompt was interrupted."""


@dataclass
class Shop:
    """What all prompts share. `cache` holds the results of the newest prompt's nodes."""

    files: Files
    memory: Memory
    sockets: Sockets
    pace: Pace
    witness: Witness
    cache: dict[str, Result] = field(default_factory=dict)
    interrupted: bool = False


class Execution:
    """One run of a prompt."""

    def __init__(self, prompt: Prompt, shop: Shop) -> None:
        self.prompt, self.shop = prompt, shop
        self.outcome = Outcome(succeeded=False)
        self._run = Run(shop.files, prompt.graph, prompt.extra_data)
        self._keys: dict[str, str] = {}
        self._cached: list[str] = []
        self._progress: dict[str, dict[str, Any]] = {}
        self._executed: list[str] = []
        self._at = ""
        self._told = (0.0, 0)

    async def run(self) -> Outcome:
        """Returns how it ended; never raises what a node raises."""
        self.shop.interrupted = False
        self.shop.sockets.client_id = self.prompt.extra_data.get("client_id")
        try:
            self._begin()
            for name in order(self.prompt.graph, self.prompt.outputs, set(self._cached)):
                await self._node(name)
        except StoppedError:
            self._say("execution_interrupted", self._place(), everybody=True)
        except Exception as error:  # noqa: BLE001 - whatever a node raises is the prompt's error
            self._say("execution_error", self._error(error))
        else:
            self.outcome.succeeded = True
            self._say("execution_success", {"prompt_id": self.prompt.id})
        self.shop.sockets.last_node = None
        return self.outcome

    def _begin(self) -> None:
        shop, prompt = self.shop, self.prompt
        self._say("execution_start", {"prompt_id": prompt.id})
        self._keys = keys(prompt.graph, prompt.outputs, self._stamp)
        kept = {key: shop.cache[key] for key in self._keys.values() if key in shop.cache}
        shop.cache.clear()
        shop.cache.update(kept)
        self._cached = [name for name, key in self._keys.items() if key in kept]
        self._say("execution_cached", {"nodes": self._cached, "prompt_id": prompt.id})

    def _stamp(self, node: dict[str, Any]) -> str:
        if node["class_type"] != "LoadImage":
            return ""
        found = self.shop.files.annotated(node["inputs"]["image"]).stat()
        return f"{found.st_mtime_ns} {found.st_size}"

    async def _node(self, name: str) -> None:
        self._at = name
        result = self.shop.cache.get(self._keys[name])
        if result is None:
            result = await self._compute(name)
            self.shop.cache[self._keys[name]] = result
            self._executed.append(name)
            self._show(name, result)
            state = self._progress[name]
            self._mark(name, "finished", state["max"], state["max"])
        else:
            self._show(name, result)
            self._mark(name, "finished", 1, 1)

    async def _compute(self, name: str) -> Result:
        node = self.prompt.graph[name]
        class_type = node["class_type"]
        self._mark(name, "running", 0.0, 1.0)
        if self.shop.sockets.client_id is not None:
            self.shop.sockets.last_node = name
            told = {"node": name, "display_node": name, "prompt_id": self.prompt.id}
            self.shop.sockets.send("executing", told, self.shop.sockets.client_id)
        self._stop_if_told()
        await self.shop.witness.entering(self.prompt.id, class_type)
        inputs = {field_name: self._value(value) for field_name, value in node["inputs"].items()}
        await self._load(nodes.needed(class_type, inputs))
        if class_type in nodes.SAMPLERS:
            return await self._sample(name, nodes.sampling(class_type, inputs))
        if class_type in ON_DISK:
            return await asyncio.to_thread(nodes.compute, class_type, inputs, self._run)
        return nodes.compute(class_type, inputs, self._run)

    def _value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        source, slot = value
        return self.shop.cache[self._keys[source]].values[slot]

    async def _load(self, names: tuple[str, ...]) -> None:
        """Puts models on the card that are not there; only the big ones take time."""
        for name in names:
            if not self.shop.memory.holds(name):
                if is_slow(name):
                    await asyncio.sleep(self.shop.pace.load_seconds)
                self.shop.memory.take(name)

    async def _sample(self, name: str, work: Sampling) -> Result:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        seconds = self.shop.pace.picture_seconds * work.latent.batch
        latent = await asyncio.to_thread(nodes.draw, work)
        previews = self.prompt.extra_data.get("preview_method") in PREVIEWS
        self._told = (0.0, 0)
        for step in range(1, work.steps + 1):
            await asyncio.sleep(begun + seconds * step / work.steps - loop.time())
            self._stop_if_told()
            jpeg = b""
            if previews:
                picture = latent.pictures[0]
                jpeg = await asyncio.to_thread(_jpeg, picture, step / work.steps, work.seed)
            self._advance(name, step, work.steps, jpeg)
        return Result((latent, latent))

    def _advance(self, name: str, step: int, steps: int, jpeg: bytes) -> None:
        """Tells a step, not too often: the first, the last and those with a preview always."""
        now, (at, told) = time.monotonic(), self._told
        often = now - at < LEAST_PAUSE or (step - told) / steps < LEAST_PART
        if often and not jpeg and step not in (1, steps):
            return
        self._told = (now, step)
        sockets = self.shop.sockets
        self._mark(name, "running", step, steps)
        told_with_place = sockets.with_metadata()
        if jpeg and told_with_place:
            sockets.preview(jpeg, self._about(name))
        progress = {"value": step, "max": steps, "prompt_id": self.prompt.id, "node": name}
        sockets.send("progress", progress, sockets.client_id)
        if jpeg and not told_with_place:
            sockets.preview(jpeg, self._about(name))

    def _show(self, name: str, result: Result) -> None:
        if result.ui is None:
            return
        self.outcome.outputs[name] = result.ui
        self.outcome.meta[name] = {
            "node_id": name,
            "display_node": name,
            "parent_node": None,
            "real_node_id": name,
        }
        if self.shop.sockets.client_id is not None:
            told = {"node": name, "display_node": name, "output": result.ui, "prompt_id": self.prompt.id}
            self.shop.sockets.send("executed", told, self.shop.sockets.client_id)

    def _mark(self, name: str, state: str, value: float, most: float) -> None:
        self._progress[name] = {"value": value, "max": most, "state": state, **self._about(name)}
        told = {"prompt_id": self.prompt.id, "nodes": self._progress}
        self.shop.sockets.send("progress_state", told, self.shop.sockets.client_id)

    def _about(self, name: str) -> dict[str, Any]:
        return {
            "node_id": name,
            "prompt_id": self.prompt.id,
            "display_node_id": name,
            "parent_node_id": None,
            "real_node_id": name,
        }

    def _stop_if_told(self) -> None:
        if self.shop.interrupted:
            self.shop.interrupted = False
            raise StoppedError

    def _place(self) -> dict[str, Any]:
        return {
            "prompt_id": self.prompt.id,
            "node_id": self._at,
            "node_type": self.prompt.graph[self._at]["class_type"],
            "executed": self._executed,
        }

    def _error(self, error: Exception) -> dict[str, Any]:
        kind = type(error)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        inputs = self.prompt.graph[self._at]["inputs"] if self._at else {}
        return {
            **self._place(),
            "exception_message": f"{error}\n",
            "exception_type": getattr(error, "type_name", name),
            "traceback": ['  File "execution.py", line 545, in execute\n'],
            "current_inputs": {field_name: [str(value)] for field_name, value in inputs.items()},
            "current_outputs": list(self.prompt.graph),
        }

    def _say(self, kind: str, data: dict[str, Any], *, everybody: bool = False) -> None:
        """Keeps a message for the history and sends it; without a client_id to nobody, or to everybody."""
        told = {**data, "timestamp": int(time.time() * 1000)}
        self.outcome.messages.append((kind, told))
        sockets = self.shop.sockets
        if sockets.client_id is not None or everybody:
            sockets.send(kind, told, sockets.client_id)


def _jpeg(picture: Any, done: float, seed: int) -> bytes:
    written = io.BytesIO()
    noisy(picture, done, seed).save(written, "JPEG", quality=80)
    return written.getvalue()
