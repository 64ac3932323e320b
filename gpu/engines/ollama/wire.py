"""The server's side of HTTP/1.1, no more of it than Ollama's API needs, framed as Go frames it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

MAX_HEAD = 64 * 1024
MAX_BODY = 100 * 1024 * 1024
GO_BUFFER = 2048  # Go gives a Content-Length to what fits its buffer, and chunks the rest
JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"


def encode(value: Any) -> bytes:
    """Returns compact JSON as Go writes it: UTF-8, with `<`, `>` and `&` escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode("utf-8", "replace")


@dataclass
class Request:
    """One request, its body read whole; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    keep_alive: bool = True


class Exchange:
    """One request and the answer to it, sent whole or line by line."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.extra_headers: dict[str, str] = {}
        self.streaming = False
        self._writer = writer

    async def send(self, status: int, body: bytes, content_type: str = JSON) -> None:
        """Sends a whole answer."""
        if len(body) > GO_BUFFER and self.request.method != "HEAD":
            await self.send_chunked(status, body, content_type)
            return
        head = self._head(status, content_type, f"Content-Length: {len(body)}")
        self._writer.write(head if self.request.method == "HEAD" else head + body)
        await self._writer.drain()

    async def send_chunked(self, status: int, body: bytes, content_type: str) -> None:
        """Sends a whole answer in one chunk."""
        head = self._head(status, content_type, "Transfer-Encoding: chunked")
        self._writer.write(head + _chunk(body))
        await self.end()

    async def line(self, value: Any) -> None:
        """Sends one line of NDJSON; the headers go with the first one, as in Ollama."""
        head = b"" if self.streaming else self._head(200, NDJSON, "Transfer-Encoding: chunked")
        self.streaming = True
        self._writer.write(head + _chunk(encode(value) + b"\n"))
        await self._writer.drain()

    async def end(self) -> None:
        """Ends a chunked answer cleanly."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _head(self, status: int, content_type: str, framing: str) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.extra_headers.items()]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        lines.append(f"Date: {formatdate(usegmt=True)}")
        closing = [] if self.request.keep_alive else ["Connection: close"]
        lines += [*closing, framing] if framing.startswith("Transfer") else [framing, *closing]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


Handler = Callable[[Exchange], Awaitable[None]]


class BadRequestError(Exception):
    """What came is not HTTP that this server reads."""


class Connection(asyncio.StreamReaderProtocol):
    """One client. When it hangs up, whatever is being done for it is cancelled at once."""

    def __init__(self, handler: Handler) -> None:
        self._task: asyncio.Task[None] | None = None
        self._handler = handler
        super().__init__(asyncio.StreamReader(limit=MAX_HEAD), self._connected)

    def eof_received(self) -> bool:
        super().eof_received()
        self._hung_up()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._hung_up()

    def _hung_up(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._task = asyncio.get_running_loop().create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader, writer):
                await self._handler(Exchange(request, writer))
                if not request.keep_alive:
                    break
        except BadRequestError:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            with contextlib.suppress(ConnectionError):
                writer.close()


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """Returns the next request, or None when the client has closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError from error
    request = parse_head(head.decode("latin-1"))
    if request.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        request.body = await _read_body(reader, request.headers)
    except (ValueError, asyncio.IncompleteReadError) as error:
        raise BadRequestError from error
    return request


def parse_head(head: str) -> Request:
    """Returns the request without its body; raises BadRequestError."""
    first, *lines = head.rstrip("\r\n").split("\r\n")
    try:
        method, target, version = first.split(" ")
        pairs = [line.split(":", 1) for line in lines]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
    except ValueError as error:
        raise BadRequestError from error
    asked = headers.get("connection", "").lower()
    keep_alive = asked != "close" and (version == "HTTP/1.1" or asked == "keep-alive")
    return Request(method, target.split("?", 1)[0], headers, keep_alive=keep_alive)


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= MAX_BODY:
        raise BadRequestError
    return await reader.readexactly(size)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        if not 0 <= size <= MAX_BODY - len(body):
            raise BadRequestError
        body += await reader.readexactly(size)
        await reader.readline()
        if not size:
            return bytes(body)
