"""The server's side of HTTP/1.1 for stand-ins, with every byte of the answer in the script's hands."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, cast

JSON = "application/json; charset=utf-8"
TICK = 0.002  # seconds; timers that fall into one tick share it, so that 256 streams stay cheap


@dataclass
class Call:
    """One request as it came, and what became of it. Times are `time.time()`."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes = b""
    at: float = field(default_factory=time.time)
    closed_at: float | None = None  # when the client hung up before the end of the answer
    first_byte_at: float | None = None
    finished: bool = False
    tokens_sent: int = 0

    @property
    def body(self) -> dict[str, Any]:
        try:
            value = json.loads(self.raw)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def model(self) -> str:
        return str(self.body.get("model") or self.body.get("name") or "")


def encode(value: Any) -> bytes:
    """Returns compact JSON in UTF-8, as Ollama sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Pacer:
    """Sleeps for many streams with few timers."""

    def __init__(self) -> None:
        self._due: dict[int, list[asyncio.Future[None]]] = defaultdict(list)

    async def until(self, moment: float) -> None:
        """Returns at `moment` of the loop's clock, or up to a tick later."""
        loop = asyncio.get_running_loop()
        tick = math.ceil(moment / TICK)
        if tick * TICK <= loop.time():
            return
        future = loop.create_future()
        if tick not in self._due:
            loop.call_at(tick * TICK, self._ring, tick)
        self._due[tick].append(future)
        await future

    def _ring(self, tick: int) -> None:
        for future in self._due.pop(tick, []):
            if not future.done():
                future.set_result(None)


class Reply:
    """The answer to one call."""

    def __init__(self, call: Call, writer: asyncio.StreamWriter) -> None:
        self.call = call
        self._writer = writer
        self._begun = False

    @property
    def begun(self) -> bool:
        return self._begun

    def write(self, data: bytes) -> None:
        """Sends exactly these bytes."""
        self.call.first_byte_at = self.call.first_byte_at or time.time()
        self._writer.write(data)

    def send(self, status: int, body: bytes, content_type: str = JSON, **headers: str) -> None:
        """Sends a whole answer."""
        head = self._head(status, content_type, f"Content-Length: {len(body)}", headers)
        self.write(head if self.call.method == "HEAD" else head + body)

    def json(self, status: int, value: Any) -> None:
        """Sends a whole JSON answer."""
        self.send(status, encode(value))

    def begin(self) -> None:
        """Sends the headers of a stream by themselves."""
        self.write(self._beginning())

    def chunk(self, data: bytes) -> None:
        """Sends one chunk, after the headers if it is the first."""
        self.write(b"%b%x\r\n%b\r\n" % (self._beginning(), len(data), data))

    def end(self) -> None:
        """Ends a chunked answer cleanly."""
        self.write(b"0\r\n\r\n")

    async def flush(self) -> None:
        """Lets what was written leave, as a packet of its own."""
        await self._writer.drain()
        await asyncio.sleep(0.01)

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        """Closes the connection as a process does that ends: no last chunk."""
        self._writer.close()

    def reset(self) -> None:
        """Breaks the connection: the client gets a TCP reset."""
        peer: socket.socket = self._writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def _beginning(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._head(200, "application/x-ndjson", "Transfer-Encoding: chunked", {})

    def _head(self, status: int, content_type: str, framing: str, headers: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Type: {content_type}"] if content_type else []
        lines += [f"Date: {formatdate(usegmt=True)}", framing]
        if self.call.headers.get("connection", "").lower() == "close":
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


Handler = Callable[[Reply], Awaitable[None]]


class Connection(asyncio.StreamReaderProtocol):
    """One client; its hang-up cancels what is being done for it and is noted in the call."""

    def __init__(self, handler: Handler, connections: set[Connection]) -> None:
        self.reply: Reply | None = None
        self.transport: asyncio.Transport | None = None
        self._handler = handler
        self._connections = connections
        self._serving: asyncio.Task[None] | None = None  # not `_task`, which the base class has and clears
        super().__init__(asyncio.StreamReader(limit=64 * 1024), self._connected)

    def eof_received(self) -> bool:
        super().eof_received()
        self._hung_up()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)
        self._hung_up()

    def abort(self) -> None:
        """Breaks the connection, as when the whole process dies."""
        if self.transport is not None:
            self.transport.abort()

    def _hung_up(self) -> None:
        if self.reply and not self.reply.call.finished and not self.reply.call.closed_at:
            self.reply.call.closed_at = time.time()
        if self._serving is not None:
            self._serving.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", transport)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(self)
        self._serving = asyncio.get_running_loop().create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while call := await _read_call(reader):
                self.reply = Reply(call, writer)
                await self._handler(self.reply)
                call.finished = True
                if writer.is_closing() or call.headers.get("connection", "").lower() == "close":
                    break
        except (ConnectionError, asyncio.CancelledError, ValueError):
            pass
        finally:
            writer.close()


async def end_connections(connections: set[Connection]) -> None:
    """Break every connection and return when all are gone.

    A client that was being accepted just then appears some rounds of the loop later.
    """
    for past in range(1000):
        for connection in list(connections):
            connection.abort()
        await asyncio.sleep(0.001)
        if past >= 10 and not connections:
            return


async def _read_call(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    call = Call(method, path, headers)
    if size := int(headers.get("content-length", "0")):
        call.raw = await reader.readexactly(size)
    return call
