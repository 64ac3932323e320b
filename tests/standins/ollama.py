"""A scripted Ollama: the real wire format, any fault to order, and tokens that carry their own send time.

In a test: `with ScriptedOllama() as ollama: ... ollama.url`. For a benchmark, as a process of its own:
`python -m tests.standins.ollama --port 0 --tokens 200 --rate 50 --first 0.2`, which prints its URL;
`--record FILE` appends when it computes, loads included.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.standins.comfyui_script import Interval, Record
from tests.standins.ollama_script import (
    FOREVER,
    Model,
    Script,
    count_tokens,
    default_models,
    seconds_of,
    stamp,
)
from tests.standins.ollama_stream import Answer, nested, play, too_long
from tests.standins.wire import Call, Connection, Pacer, Reply, encode, end_connections

VERSION = "0.32.15"
DEFAULT_CONTEXT = 4096
DEFAULT_KEEP_ALIVE = 300.0
METHODS = {
    "/": ("GET", "HEAD"),
    "/api/version": ("GET", "HEAD"),
    "/api/tags": ("GET", "HEAD"),
    "/api/ps": ("GET",),
    "/api/show": ("POST",),
    "/api/chat": ("POST",),
    "/api/generate": ("POST",),
    "/api/pull": ("POST",),
    "/api/delete": ("DELETE",),
}
When = Callable[[Call], bool]


@dataclass
class Loaded:
    """A model in memory, and what is computed with it."""

    model: Model
    num_ctx: int
    shift: bool
    keep_alive: float
    expires_at: float = 0.0
    busy: int = 0

    def entry(self) -> dict[str, Any]:
        """Returns its entry in /api/ps."""
        size = self.model.size + self.num_ctx * 23_040
        return {
            "name": self.model.name,
            "model": self.model.name,
            "size": size,
            "digest": self.model.digest,
            "details": self.model.details,
            "expires_at": stamp(self.expires_at),
            "size_vram": size,
            "context_length": self.num_ctx,
        }


class ScriptedOllama:
    """An Ollama that says what it is told to. Its knobs may be turned while it runs.

    `calls` is every request in order, `loads` every load as (time, name, num_ctx, shift), `most_running` the
    most answers computed at once. `slots` bounds those (None: no bound), `load_seconds` is what a load takes.
    `on_card` is the part of a loaded model that its card holds, the rest is on the CPU.
    `ignores_unload`: it keeps its models whatever it is asked. `garbage`: what /api/ps answers, as (HTTP
    status, text). `intervals` is when it computed or loaded.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        default: Script | None = None,
        slots: int | None = None,
        record: Path | None = None,
    ) -> None:
        self.models = {model.name: model for model in default_models()}
        self.default = default or Script()
        self.slots = slots
        self.version = VERSION
        self.load_seconds = 0.0
        self.ignores_unload = False
        self.garbage: tuple[int, str] | None = None
        self.on_card = 1.0
        self.record = Record(record)
        self.pull_error = ""
        self.pull_seconds = 0.05
        self.calls: list[Call] = []
        self.loads: list[tuple[float, str, int, bool]] = []
        self.loaded: dict[str, Loaded] = {}
        self.running = self.most_running = 0
        self._queue: list[tuple[When | None, Script]] = []
        self._port = port
        self._connections: set[Connection] = set()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def chats(self) -> list[Call]:
        """The requests for an answer, without those that only load or unload."""
        return [call for call in self.calls if call.path == "/api/chat" and call.body.get("messages")]

    @property
    def intervals(self) -> list[Interval]:
        """When it computed or loaded; `end` is None while it does."""
        return self.record.intervals

    def script(self, script: Script, when: When | None = None) -> None:
        """Queues an answer for the next request (for which `when` holds); others get `default`."""
        self._queue.append((when, script))

    def reset(self) -> None:
        """Forgets the calls so far and the answers still queued."""
        self.calls.clear()
        self._queue.clear()

    def start(self) -> None:
        """Listens, on the same port as before if it had one."""
        self._ready.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError

    def stop(self) -> None:
        """Dies: every connection breaks, nothing listens any more, its memory is empty."""
        if self._loop and self._stop and self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30)
            self._loop = None

    def wait_for(self, true: Callable[[], object], seconds: float = 20.0) -> None:
        """Returns when `true` holds; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.005)

    async def serve(self) -> None:
        """Serves until `stop`."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._pacer, self._line, self._released = Pacer(), asyncio.Lock(), asyncio.Event()
        server = await self._loop.create_server(
            lambda: Connection(self._handle, self._connections), "127.0.0.1", self._port, backlog=1024
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        await end_connections(self._connections)
        self.loaded.clear()

    async def _handle(self, reply: Reply) -> None:
        call = reply.call
        self.calls.append(call)
        methods = METHODS.get(call.path)
        if methods is None:
            reply.send(404, b"404 page not found", "text/plain")
        elif call.method not in methods:
            reply.send(405, b"405 method not allowed", "text/plain", Allow=", ".join(methods))
        elif call.path == "/api/ps" and self.garbage:
            reply.send(self.garbage[0], self.garbage[1].encode(), "application/json; charset=utf-8")
        elif call.path == "/":
            reply.send(200, b"Ollama is running", "text/plain; charset=utf-8")
        elif call.method in ("GET", "HEAD"):
            reply.json(200, self._facts(call.path))
        elif call.path == "/api/pull":
            await self._pull(reply)
        else:
            await self._with_model(reply)

    def _facts(self, path: str) -> dict[str, Any]:
        if path == "/api/version":
            return {"version": self.version}
        if path == "/api/tags":
            return {"models": [model.listed() for model in self.models.values()]}
        now = time.time()
        for name, loaded in list(self.loaded.items()):
            if not loaded.busy and loaded.expires_at <= now:
                del self.loaded[name]
        return {"models": [self._in_memory(loaded.entry()) for loaded in self.loaded.values()]}

    def _in_memory(self, entry: dict[str, Any]) -> dict[str, Any]:
        if self.on_card == 1.0:
            return entry
        return entry | {"size_vram": int(entry["size_vram"] * self.on_card)}

    async def _with_model(self, reply: Reply) -> None:
        call = reply.call
        if not call.raw:
            reply.json(400, {"error": "missing request body"})
        elif not call.body:
            reply.json(400, {"error": "unexpected EOF"})
        elif not call.model and call.path == "/api/chat":
            reply.json(400, {"error": "model is required"})
        elif (model := self.models.get(call.model)) is None:
            shown = call.model if ":" in call.model or call.path != "/api/show" else f"{call.model}:latest"
            reply.json(404, {"error": f"model '{shown}' not found"})
        elif call.path == "/api/show":
            reply.json(200, model.shown())
        elif call.path == "/api/delete":
            del self.models[model.name]
            reply.send(200, b"", "")
        else:
            await self._answer(reply, model)

    async def _answer(self, reply: Reply, model: Model) -> None:
        body = reply.call.body
        asked = body.get("messages") if reply.call.path == "/api/chat" else body.get("prompt")
        answer = Answer(reply, Script())
        keep_alive = body.get("keep_alive")
        if not asked and keep_alive is not None and seconds_of(keep_alive, 1) == 0:
            self._unload(model)
            reply.json(200, answer.only("unload"))
        elif refusal := _refusal(answer, model):
            reply.json(400, {"error": refusal})
        else:
            async with self._slot(model, body) as load_ns:
                if not asked:
                    reply.json(200, answer.only("load"))
                elif refusal := _overflow(answer, self.loaded[model.name].num_ctx):
                    reply.json(400, {"error": refusal})
                else:
                    await play(reply, Answer(reply, self._next(reply.call), load_ns=load_ns), self._pacer)

    def _next(self, call: Call) -> Script:
        for place, (when, _) in enumerate(self._queue):
            if when is None or when(call):
                return self._queue.pop(place)[1]
        return self.default

    def _unload(self, model: Model) -> None:
        loaded = self.loaded.get(model.name)
        if loaded and not self.ignores_unload:
            loaded.keep_alive, loaded.expires_at = 0.0, time.time()

    @contextlib.asynccontextmanager
    async def _slot(self, model: Model, body: dict[str, Any]) -> AsyncIterator[int]:
        """Waits for a place without a byte, loads what must be loaded, yields what that took in ns."""
        options = body.get("options") or {}
        num_ctx = min(int(options.get("num_ctx") or DEFAULT_CONTEXT), model.context_length)
        shift = body.get("shift") is not False
        with contextlib.ExitStack() as ends:
            async with self._line:
                while not self._free(model, num_ctx, shift=shift):
                    self._released.clear()
                    await self._released.wait()
                ends.enter_context(self._recorded(body))
                loaded, load_ns = await self._load(model, num_ctx, shift=shift)
                ends.enter_context(self._busy(loaded))
            loaded.keep_alive = seconds_of(body.get("keep_alive"), loaded.keep_alive)
            yield load_ns

    @contextlib.contextmanager
    def _recorded(self, body: dict[str, Any]) -> Iterator[None]:
        asked = body.get("messages") or [{}]
        work = f"{uuid.uuid4()} {asked[-1].get('content', '')}"
        self.record.begins(work)
        try:
            yield
        finally:
            self.record.ends(work)

    @contextlib.contextmanager
    def _busy(self, loaded: Loaded) -> Iterator[None]:
        loaded.busy += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            yield
        finally:
            loaded.busy -= 1
            self.running -= 1
            loaded.expires_at = min(time.time() + loaded.keep_alive, 2 * FOREVER)
            self._released.set()

    def _free(self, model: Model, num_ctx: int, *, shift: bool) -> bool:
        loaded = self.loaded.get(model.name)
        if loaded and loaded.busy and (loaded.num_ctx, loaded.shift) != (num_ctx, shift):
            return False
        return self.slots is None or self.running < self.slots

    async def _load(self, model: Model, num_ctx: int, *, shift: bool) -> tuple[Loaded, int]:
        self._facts("/api/ps")  # lets go of what has expired
        loaded = self.loaded.get(model.name)
        if loaded and (loaded.num_ctx, loaded.shift) == (num_ctx, shift):
            return loaded, 0
        self.loaded.pop(model.name, None)
        if self.load_seconds:
            await asyncio.sleep(self.load_seconds)
        self.loads.append((time.time(), model.name, num_ctx, shift))
        fresh = Loaded(model, num_ctx, shift, DEFAULT_KEEP_ALIVE, time.time() + DEFAULT_KEEP_ALIVE)
        self.loaded[model.name] = fresh
        return fresh, int(self.load_seconds * 1e9)

    async def _pull(self, reply: Reply) -> None:
        name = reply.call.model
        failed = {"error": f"pull model manifest: {self.pull_error}"}
        if reply.call.body.get("stream") is False:
            reply.json(500 if self.pull_error else 200, failed if self.pull_error else {"status": "success"})
            return
        reply.chunk(encode({"status": "pulling manifest"}) + b"\n")
        for line in [failed] if self.pull_error else _pull_lines(name):
            await asyncio.sleep(self.pull_seconds)
            if line.get("status") == "success":
                known = {model.name: model for model in default_models()}
                self.models[name] = known.get(name) or Model(name)
            reply.chunk(encode(line) + b"\n")
        reply.end()


def _pull_lines(name: str) -> list[dict[str, Any]]:
    digest, total = Model(name).digest, 98_362_432
    layer = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": total}
    parts = [layer, *({**layer, "completed": total * part // 4} for part in (1, 2, 3, 4))]
    ends = ("verifying sha256 digest", "writing manifest", "success")
    return [*parts, *({"status": end} for end in ends)]


def _refusal(answer: Answer, model: Model) -> str:
    pictures = any(message.get("images") for message in [*answer.messages, answer.body])
    if answer.body.get("tools") and "tools" not in model.capabilities:
        return f"registry.ollama.ai/library/{model.name} does not support tools"
    calls = [call for message in answer.messages for call in message.get("tool_calls") or []]
    if any(isinstance(call["function"].get("arguments"), str) for call in calls):
        return "Value looks like object, but can't find closing '}' symbol"
    if answer.body.get("think") and "thinking" not in model.capabilities:
        return f'"{model.name}" does not support thinking'
    if pictures and "vision" not in model.capabilities:
        return nested("Multimodal data provided, but model does not support multimodal requests.")
    return ""


def _overflow(answer: Answer, num_ctx: int) -> str:
    count = count_tokens(answer.messages)
    return too_long(count, num_ctx) if count > num_ctx and answer.body.get("truncate") is False else ""


def main() -> None:
    """Serves timed answers until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.standins.ollama")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50.0, help="tokens a second")
    parser.add_argument("--first", type=float, default=0.2, help="seconds before the first byte")
    parser.add_argument("--slots", type=int, help="answers computed at once")
    parser.add_argument("--load-seconds", type=float, default=0.0, help="what loading a model takes")
    parser.add_argument("--record", type=Path, help="appends when it computes, as JSON lines")
    given = parser.parse_args()
    script = Script(timed=True, count=given.tokens, rate=given.rate, first_byte_after=given.first)
    ollama = ScriptedOllama(port=given.port, default=script, slots=given.slots, record=given.record)
    ollama.load_seconds = given.load_seconds
    with ollama:
        print(ollama.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
