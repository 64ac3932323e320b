"""A scripted ComfyUI: the embedded engine over a real socket, any fault to order, and a record of its work.

In a test: `with ScriptedComfyUI() as comfyui: ... comfyui.url`. As a process of its own:
`python -m tests.standins.comfyui --port 0 --picture-seconds 1 --record FILE`, which prints its URL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from gpu.engines.comfyui.engine import Engine
from gpu.engines.comfyui.execution import Pace
from gpu.engines.comfyui.memory import Memory
from gpu.engines.comfyui.nodes import SAMPLERS
from gpu.engines.comfyui.server import serving
from gpu.engines.comfyui.sockets import Sockets
from tests.standins.comfyui_script import Call, Fault, Garbage, Interval, Record, raise_as_node

FOREVER = 10.0**6  # seconds
LOGIN_PAGE = "<!doctype html><title>Sign in</title><h1>Router</h1>"


class ScriptedComfyUI(Pace):
    """A ComfyUI that does what it is told to. Its knobs may be turned while it runs.

    Pace: `picture_seconds`, `load_seconds`, `free_seconds` (None: /free is ignored for ever).
    HTTP: `hangs` (accepts and never answers), `garbage`, both only on `fault_paths` if that names some.
    Websocket: `loses` (kinds of messages; "preview" too), `drops_after` (a kind after which all sockets
    break), `refuses_sockets`, `noise` (garbage among the frames), `preview_seconds` (they come late).
    `starts` False: `start` does nothing. `revive_seconds`: after a fault that kills it, it comes back.
    `calls` is every request in order, `intervals` when it was computing what.
    """

    def __init__(self, *, port: int = 0, record: Path | None = None) -> None:
        super().__init__(picture_seconds=0.05, load_seconds=0.0, free_seconds=0.05)
        self.hangs = self.refuses_sockets = self.noise = False
        self.garbage: Garbage | None = None
        self.fault_paths: tuple[str, ...] = ()
        self.loses: set[str] = set()
        self.drops_after = ""
        self.preview_seconds = 0.0
        self.starts = True
        self.revive_seconds: float | None = 0.1
        self.calls: list[Call] = []
        self.record = Record(record)
        self._faults: list[Fault | None] = []
        self._due: dict[str, Fault] = {}
        self._port = port
        self._engine: Engine | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._died = False
        self._folder = tempfile.TemporaryDirectory(prefix="comfyui-")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def intervals(self) -> list[Interval]:
        """When it was computing what; `end` is None while it is."""
        return self.record.intervals

    @property
    def memory(self) -> Memory:
        """The pretend card."""
        return self.engine.memory

    @property
    def engine(self) -> Engine:
        """The newest life's engine."""
        assert self._engine is not None
        return self._engine

    def called(self, path: str, method: str = "POST") -> list[Call]:
        """Returns the requests to one path."""
        return [call for call in self.calls if (call.path, call.method) == (path, method)]

    def script(self, *faults: Fault | None) -> None:
        """Lets the next prompts go wrong that begin to compute; None: this one goes well."""
        self._faults.extend(faults)

    def reset(self) -> None:
        """Forgets the calls, the record and the faults still to come."""
        self.calls.clear()
        self.record.intervals.clear()
        self._faults.clear()

    def start(self) -> None:
        """Listens, on the same port as before if it had one, with an empty queue and history."""
        if not self.starts:
            return
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

    def drop_sockets(self) -> None:
        """Breaks every websocket, as a switch in between does that is turned off and on."""
        if self._loop:
            self._loop.call_soon_threadsafe(_break_sockets, self.engine.sockets)

    def wait_for(self, true: Callable[[], object], seconds: float = 20.0) -> None:
        """Returns when `true` holds; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.005)

    async def serve(self) -> None:
        """Serves until `stop`, or until it dies and is not to come back."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._died, self._stop = False, asyncio.Event()
            self._engine = Engine(
                Path(self._folder.name), pace=self, witness=self, sockets=ScriptedSockets(self)
            )
            async with serving(self._engine, "127.0.0.1", self._port, [self._meet]) as self._port:
                self._ready.set()
                await self._stop.wait()
            if not self._died or self.revive_seconds is None:
                return
            await asyncio.sleep(self.revive_seconds)

    def begins(self, prompt_id: str) -> None:
        """The engine's witness: computing begins."""
        self.record.begins(prompt_id)
        if self._faults and (fault := self._faults.pop(0)):
            self._due[prompt_id] = fault

    def ends(self, prompt_id: str) -> None:
        """The engine's witness: computing has ended."""
        self._due.pop(prompt_id, None)
        self.record.ends(prompt_id)

    async def entering(self, prompt_id: str, class_type: str) -> None:
        """The engine's witness: the moment for things to go wrong."""
        fault = self._due.get(prompt_id) if class_type in SAMPLERS else None
        if fault is None:
            return
        raise_as_node(fault)
        if fault is Fault.DIES_LATE:
            asyncio.get_running_loop().call_later(self.picture_seconds / 2, self._die)
            return
        if fault is Fault.DIES:
            self._die()
        await asyncio.sleep(FOREVER)

    def _die(self) -> None:
        self._died = True
        if self._stop:
            self._stop.set()

    @property
    def _meet(self) -> Any:
        @web.middleware
        async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler)

        return meet

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        raw = b"" if request.content_type.startswith("multipart/") else await request.read()
        self.calls.append(Call(request.method, request.path, raw, dict(request.query)))
        if request.path.endswith("/ws"):
            return web.Response(status=503) if self.refuses_sockets else await handler(request)
        if self.fault_paths and request.path not in self.fault_paths:
            return await handler(request)
        if self.hangs:
            await asyncio.sleep(FOREVER)
        return await handler(request) if self.garbage is None else _garbage(self.garbage)


class ScriptedSockets(Sockets):
    """Sockets that lose, break and babble."""

    def __init__(self, script: ScriptedComfyUI) -> None:
        super().__init__()
        self._script = script

    def deliver(self, frame: str | bytes, kind: str, sid: str | None) -> None:
        script = self._script
        if kind in script.loses:
            return
        if script.noise and kind != "status":
            for noise in ("{not json", "[1]", '{"type": 5}', json.dumps({"type": "crystools", "data": None})):
                super().deliver(noise, kind, sid)
            for noise_bytes in (b"", b"\0\0", b"\0\0\0\x63what", b"\0\0\0\4\xff\xff\xff\xffshort"):
                super().deliver(noise_bytes, kind, sid)
        if kind == "preview" and script.preview_seconds:
            asyncio.get_running_loop().call_later(script.preview_seconds, super().deliver, frame, kind, sid)
            return
        super().deliver(frame, kind, sid)
        if kind == script.drops_after:
            asyncio.get_running_loop().call_later(0.01, _break_sockets, self)


def _break_sockets(sockets: Sockets) -> None:
    for client in list(sockets.clients.values()):
        if client.transport is not None:
            client.transport.abort()


def _garbage(kind: Garbage) -> web.Response:
    if kind is Garbage.HTML:
        return web.Response(text=LOGIN_PAGE, content_type="text/html")
    if kind is Garbage.BAD_GATEWAY:
        return web.Response(status=502, text="<h1>502 Bad Gateway</h1>", content_type="text/html")
    text = '{"devices": [{"vram_' if kind is Garbage.CUT_JSON else '[["what"]]'
    return web.Response(text=text, content_type="application/json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.standins.comfyui")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--picture-seconds", type=float, default=1.0)
    parser.add_argument("--load-seconds", type=float, default=0.2)
    parser.add_argument("--free-seconds", type=float, default=0.3)
    parser.add_argument("--start-seconds", type=float, default=0.0, help="before it listens")
    parser.add_argument("--record", type=Path, help="appends when it computes what, as JSON lines")
    parser.add_argument("--free-ignored", action="store_true", help="never gives memory back")
    parser.add_argument("--hangs", action="store_true", help="accepts and never answers")
    parser.add_argument("--garbage", choices=[kind.name for kind in Garbage], help="what it answers to all")
    parser.add_argument("--dies-after", type=float, help="seconds after which it ends by itself, status 1")
    parser.add_argument("--does-not-start", choices=["ends", "silent"], help="ends at once, or never listens")
    return parser.parse_args()


def main() -> int:
    """Serves until it is killed; returns the exit status."""
    given = _arguments()
    if given.does_not_start == "ends":
        print("RuntimeError: No CUDA GPUs are available", file=sys.stderr)
        return 1
    time.sleep(FOREVER if given.does_not_start else given.start_seconds)
    comfyui = ScriptedComfyUI(port=given.port, record=given.record)
    comfyui.picture_seconds, comfyui.load_seconds = given.picture_seconds, given.load_seconds
    comfyui.free_seconds = None if given.free_ignored else given.free_seconds
    comfyui.hangs = given.hangs
    comfyui.garbage = Garbage[given.garbage] if given.garbage else None
    with comfyui:
        print(comfyui.url, flush=True)
        threading.Event().wait(given.dies_after)
    return 1


if __name__ == "__main__":
    sys.exit(main())
