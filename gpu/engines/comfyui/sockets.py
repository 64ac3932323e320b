"""The websockets: who is connected under which clientId, and what each is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from gpu.engines.comfyui.catalog import FEATURES

PREVIEW, PREVIEW_WITH_METADATA = 1, 4
JPEG = 1
MOST_WAITING = 1000  # messages for a client that does not read; it loses what is more


@dataclass(eq=False)
class Client:
    """One connection and what waits to be sent on it."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None = None
    flags: dict[str, Any] = field(default_factory=dict)
    waiting: asyncio.Queue[str | bytes] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))


class Sockets:
    """As ComfyUI does it, its quirks included: of two sockets with one clientId the newer gets everything,
    and when the older one closes the newer gets nothing any more."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.client_id: str | None = None  # of the prompt that runs, or ran last
        self.last_node: str | None = None
        self.remaining = 0

    def send(self, kind: str, data: dict[str, Any], sid: str | None = None) -> None:
        """Queues a JSON message for one client, or for all."""
        self.deliver(json.dumps({"type": kind, "data": data}), kind, sid)

    def status(self, remaining: int) -> None:
        """Tells everybody the length of the queue."""
        self.remaining = remaining
        self.send("status", {"status": {"exec_info": {"queue_remaining": remaining}}})

    def preview(self, jpeg: bytes, about: dict[str, Any]) -> None:
        """Sends a preview to the client of the running prompt, in the form that it understands."""
        flags = self.clients[self.client_id].flags if self.client_id in self.clients else {}
        if flags.get("supports_preview_metadata"):
            told = json.dumps({**about, "image_type": "image/jpeg"}).encode()
            frame = struct.pack(">II", PREVIEW_WITH_METADATA, len(told)) + told + jpeg
        else:
            frame = struct.pack(">II", PREVIEW, JPEG) + jpeg
        self.deliver(frame, "preview", self.client_id)

    def with_metadata(self) -> bool:
        """Returns whether the running prompt's client asked for previews that say whose they are."""
        client = self.clients.get(self.client_id or "")
        return bool(client and client.flags.get("supports_preview_metadata"))

    def deliver(self, frame: str | bytes, kind: str, sid: str | None) -> None:
        """Queues a frame; a client that is not there gets nothing."""
        found = list(self.clients.values()) if sid is None else [self.clients.get(sid)]
        for client in found:
            if client is not None:
                with contextlib.suppress(asyncio.QueueFull):
                    client.waiting.put_nowait(frame)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Keeps one connection until it closes."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        client = self.clients[sid] = Client(socket, request.transport)
        pump = asyncio.create_task(_pump(client))
        try:
            self._greet(sid)
            await self._listen(client, sid)
        finally:
            self.clients.pop(sid, None)
            pump.cancel()
        return socket

    def _greet(self, sid: str) -> None:
        info = {"status": {"exec_info": {"queue_remaining": self.remaining}}, "sid": sid}
        self.send("status", info, sid)
        if self.client_id == sid and self.last_node is not None:
            self.send("executing", {"node": self.last_node}, sid)

    async def _listen(self, client: Client, sid: str) -> None:
        first = True
        async for message in client.socket:
            flags = _flags(message) if first else None
            first = False
            if flags is not None:
                client.flags = flags
                self.send("feature_flags", FEATURES, sid)


def _flags(message: WSMessage) -> dict[str, Any] | None:
    if message.type is not WSMsgType.TEXT:
        return None
    try:
        told = json.loads(message.data)
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("type") != "feature_flags":
        return None
    data = told.get("data")
    return data if isinstance(data, dict) else {}


async def _pump(client: Client) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            frame = await client.waiting.get()
            if isinstance(frame, str):
                await client.socket.send_str(frame)
            else:
                await client.socket.send_bytes(frame)
