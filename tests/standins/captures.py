"""Traffic of a real Ollama 0.32.15 to compare with: what it was sent, to the byte, and what it answered."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FOLDER = Path(__file__).resolve().parents[1] / "captures" / "ollama"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer read to its end; `ended` tells whether a chunked body had its last chunk."""

    status: int
    headers: dict[str, str]
    body: bytes
    ended: bool = True

    @property
    def framing(self) -> tuple[str | None, bool]:
        """How the body came: its type, and whether it was chunked."""
        return self.headers.get("Content-Type"), "Transfer-Encoding" in self.headers

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def shapes(self) -> list[Any]:
        """The distinct shapes of the lines: keys in order, and the types of what they hold."""
        shapes: list[Any] = []
        for line in self.lines:
            if (found := shape(line)) not in shapes:
                shapes.append(found)
        return shapes

    @property
    def text(self) -> str:
        return "".join(
            line.get("response", line.get("message", {}).get("content", "")) for line in self.lines
        )


def shape(value: Any) -> Any:
    """Returns the keys and types of a JSON value, without its contents."""
    if isinstance(value, dict):
        return [(name, shape(part)) for name, part in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def names(text: str) -> list[str]:
    """Returns the captures named in a paragraph."""
    return text.split()


def captured(name: str) -> Answer:
    """Returns what the real one answered."""
    return parse((FOLDER / f"{name}.resp").read_bytes())


def replayed(name: str, url: str) -> Answer:
    """Sends the very request of a capture to `url` and returns the answer."""
    with send(url, (FOLDER / f"{name}.req").read_bytes()) as client:
        data = b""
        while part := client.recv(65536):
            data += part
    return parse(data)


def send(url: str, request: bytes) -> socket.socket:
    """Returns a connection on which `request` has gone out."""
    place = urlsplit(url)
    client = socket.create_connection((place.hostname, place.port), timeout=120)
    client.sendall(request)
    return client


def post(url: str, path: str, body: Any) -> socket.socket:
    """Returns a connection on which a JSON request has gone out."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return send(url, head.encode() + data)


def parse(data: bytes) -> Answer:
    """Returns the answer in these bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    chunks, ended = _unchunk(body) if "Transfer-Encoding" in headers else (body, True)
    return Answer(int(first.split(" ")[1]), headers, chunks, ended)


def _unchunk(body: bytes) -> tuple[bytes, bool]:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return whole, True
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole, False
