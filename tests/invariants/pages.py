"""A page's end of the socket: what a browser would have been shown."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.processes import App, Person


class Page:
    """One socket of one person; `text` is what an answer's page shows, `frames` all that came."""

    def __init__(self, app: App, person: Person) -> None:
        self.app, self.person = app, person
        self.frames: list[dict[str, Any]] = []
        self.text: dict[int, str] = {}
        self.seq: dict[int, str] = {}
        self.ended: dict[int, dict[str, Any]] = {}
        self.socket: ClientConnection

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def open(self) -> None:
        self.socket = connect(
            self.app.url.replace("http", "ws", 1) + "/ws/",
            additional_headers={"Cookie": f"sessionid={self.person.session}"},
            origin=Origin(self.app.url),
            compression=None,
            legacy=True,
        )

    def drop(self) -> None:
        """Lose the socket, as a phone in a lift does."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)

    def say(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def join(self, answer: int) -> None:
        """Follow an answer from what this page has seen of it."""
        self.say(op="join", kind="message", id=answer, after=self.seq.get(answer, "0"))

    def hear(self, seconds: float = 30) -> dict[str, Any] | None:
        """Take the next frame in; None when nothing comes, or the socket is gone."""
        try:
            frame: dict[str, Any] = json.loads(self.socket.recv(timeout=seconds))
        except (TimeoutError, ConnectionClosed, OSError):
            return None
        self.frames.append(frame)
        answer = frame.get("id")
        if frame.get("kind") == "message" and isinstance(answer, int):
            self._show(answer, frame)
        return frame

    def _show(self, answer: int, frame: dict[str, Any]) -> None:
        self.seq[answer] = frame.get("seq", self.seq.get(answer, "0"))
        if frame["type"] == "text":
            held = self.text.get(answer, "")
            assert frame["offset"] <= len(held), "a gap"
            self.text[answer] = held[: frame["offset"]] + frame["text"]
        elif frame["type"] == "end":
            self.ended[answer] = frame

    def hear_until(self, done: Callable[[], bool], seconds: float = 30) -> None:
        """Listen until `done`."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not heard in {seconds} s: {self.frames[-5:]}"
            self.hear(0.2)

    def hear_words(self, answer: int, words: int) -> None:
        self.hear_until(lambda: len(self.text.get(answer, "").split()) >= words)

    def hear_end(self, answer: int, seconds: float = 30) -> dict[str, Any]:
        self.hear_until(lambda: answer in self.ended, seconds)
        return self.ended[answer]
