"""Two clients of the same tokens: one asks the scripted Ollama itself, one uses the app as a page does."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect

from bench.processes import MODEL

TOKEN = re.compile(r"(\d+\.\d{6}) ")
PATIENCE = 120.0  # seconds for one whole answer


@dataclass
class Heard:
    """What one client heard of one answer; times are seconds."""

    asked_at: float
    first_after: float | None = None
    lags: list[float] = field(default_factory=list)
    text: str = ""
    refused: str = ""
    stored: str | None = None
    answer: int | None = None
    _read: int = 0

    def hear(self, text: str) -> None:
        """Notes what has just arrived: each token names the moment at which it was sent."""
        now = time.time()
        self.text += text
        for found in TOKEN.finditer(self.text, self._read):
            self.lags.append(now - float(found[1]))
            self._read = found.end()
        if self.first_after is None and text:
            self.first_after = now - self.asked_at

    def complete(self, tokens: int) -> bool:
        """Returns whether every token arrived once, in order, and was stored as it arrived."""
        moments = [float(moment) for moment in TOKEN.findall(self.text)]
        whole = len(moments) == tokens and moments == sorted(set(moments))
        return whole and self.stored in (None, self.text)


async def ask_directly(url: str, delay: float) -> Heard:
    """Streams one answer straight from the stand-in, `delay` seconds from now."""
    await asyncio.sleep(delay)
    heard = Heard(time.time())
    body = {"model": MODEL, "messages": [{"role": "user", "content": "bench"}]}
    reader, writer = await _post(url, "/api/chat", body, {})
    async for line in reader:
        if line.startswith(b"{") and not (event := json.loads(line))["done"]:
            heard.hear(event["message"]["content"])
        elif line.startswith(b"{"):
            break
    writer.close()
    return heard


async def ask_the_app(url: str, person: dict[str, Any], delay: float) -> Heard:
    """Sends a message through the JSON API and follows its answer on the websocket, as the page does."""
    headers = {"Cookie": f"sessionid={person['session']}"}
    address = f"{url.replace('http', 'ws', 1)}/ws/"
    async with connect(address, origin=url, additional_headers=headers, compression=None) as live:  # type: ignore[arg-type]
        await asyncio.sleep(delay)
        heard = Heard(time.time())
        body = {"content": "bench", "model": MODEL, "stream": False, "client_id": str(uuid.uuid4())}
        status, sent = await call(url, f"/api/chats/{person['chat']}/messages", person["token"], body)
        if status >= 300:
            heard.refused = f"{status} {sent}"
            return heard
        answer = int(sent["answer"]["id"])
        await live.send(json.dumps({"op": "join", "kind": "message", "id": answer, "after": "0"}))
        await asyncio.wait_for(_follow(live, answer, heard), PATIENCE)
    heard.answer = answer
    return heard


async def check_stored(url: str, person: dict[str, Any], heard: Heard) -> None:
    """Notes what the database holds of the answer."""
    if heard.answer:
        _, chat = await call(url, f"/api/chats/{person['chat']}", person["token"])
        heard.stored = next((m["content"] for m in chat["messages"] if m["id"] == heard.answer), "")


async def call(url: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
    """Returns status and JSON of a call to the API."""
    method = "GET" if body is None else "POST"
    reader, writer = await _post(url, path, body, {"Authorization": f"Bearer {token}"}, method)
    head = await reader.readuntil(b"\r\n\r\n")
    data = await reader.read(-1)
    writer.close()
    return int(head.split(b" ")[1]), json.loads(data or b"null")


async def _follow(live: Any, answer: int, heard: Heard) -> None:
    async for packet in live:
        frames = json.loads(packet)
        for frame in frames if isinstance(frames, list) else [frames]:
            if str(frame.get("id")) != str(answer):
                continue
            if frame["type"] == "text":
                heard.hear(frame["text"])
            elif frame["type"] == "end":
                heard.refused = "" if frame.get("status", "complete") == "complete" else str(frame)
                return


async def _post(
    url: str, path: str, body: Any, headers: dict[str, str], method: str = "POST"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    data = b"" if body is None else json.dumps(body).encode()
    given = {"Host": place.netloc, "Content-Type": "application/json", "Content-Length": str(len(data))}
    lines = [f"{name}: {value}" for name, value in (given | headers | {"Connection": "close"}).items()]
    writer.write("\r\n".join([f"{method} {path} HTTP/1.0", *lines, "", ""]).encode() + data)
    return reader, writer
