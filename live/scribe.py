"""The writer of the live log: one thread a process for all of its running answers.

Batching is natural, not timed. While one round trip to Redis is in flight, tokens
gather, and all of them go with the next: a lone answer flows token by token, a
hundred gather by themselves. Past `CALM` answers a growing pause between writes
keeps the number of entries a second within what two cores carry.

The text lives here until it is final in the database, so an emptied Redis is
noticed (an entry refuses to go into a stream that is gone) and written anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from functools import cache
from typing import Any

from live import log
from live.redis import Pipe, RedisError, client

logger = logging.getLogger(__name__)

CALM = 50  # answers at once that need no pause
PAUSE_EACH = 0.0008  # seconds of pause for each answer above that
LONGEST_PAUSE = 0.12
RETRY = 0.25  # seconds between tries while Redis is away
GIVE_UP = 120.0  # seconds that an ended line waits for Redis


def pause_for(running: int) -> float:
    """Return the seconds to gather between two writes while `running` answers are written."""
    return min(LONGEST_PAUSE, max(0, running - CALM) * PAUSE_EACH)


class Growing:
    """A text that grows, and how much of it the log has."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.parts = [text] if text else []
        self.length = len(text)
        self.fresh = list(self.parts)
        self.told = 0

    def add(self, piece: str) -> None:
        self.parts.append(piece)
        self.fresh.append(piece)
        self.length += len(piece)

    def text(self) -> str:
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    def take(self) -> list[log.Frame]:
        """Return what the log lacks, and count it as told."""
        if not self.fresh:
            return []
        frame = {"type": self.kind, "offset": self.told, "text": "".join(self.fresh)}
        self.fresh, self.told = [], self.length
        return [frame]

    def rewind(self) -> None:
        """Tell everything again: repeated text carries its offset, so no reader doubles it."""
        self.fresh, self.told = [self.text()] if self.length else [], 0


class Line:
    """One answer's way into the log. Its worker's thread adds, the scribe's thread takes."""

    def __init__(self, scribe: Scribe, kind: str, identity: object, *, text: str, thinking: str) -> None:
        self.stream = log.stream_key(kind, identity)
        self._scribe = scribe
        self._lock = threading.Lock()
        self._text = Growing("text", text)
        self._thinking = Growing("thinking", thinking)
        self._events: deque[log.Frame] = deque()
        self._state: log.Frame | None = None
        self._end: log.Frame | None = None
        self.begun = False
        self.queued = False
        self.ended_at: float | None = None
        self.written = threading.Event()
        if text or thinking:
            scribe.nudge(self)

    @property
    def text(self) -> str:
        """The whole text so far."""
        with self._lock:
            return self._text.text()

    @property
    def thinking(self) -> str:
        """All of the thinking so far."""
        with self._lock:
            return self._thinking.text()

    @property
    def length(self) -> int:
        """How much has been said, thinking included, in code points."""
        return self._text.length + self._thinking.length

    def add(self, *, text: str = "", thinking: str = "") -> None:
        """Append what the model has just said."""
        with self._lock:
            if thinking:
                self._thinking.add(thinking)
            if text:
                self._text.add(text)
        self._scribe.nudge(self)

    def tell(self, type_: str, **data: Any) -> None:
        """Add an event; the newest `status` is repeated when the log has to be written anew."""
        frame = {"type": type_, **data}
        with self._lock:
            self._events.append(frame)
            if type_ == "status":
                self._state = frame
        self._scribe.nudge(self)

    def end(self, **data: Any) -> None:
        """Close the log; called when the row is final in the database."""
        with self._lock:
            self._end = {"type": "end", **data}
            self.ended_at = time.monotonic()
        self._scribe.nudge(self)

    def leave(self) -> None:
        """Stop writing without an end: somebody else will go on with this answer."""
        self._scribe.leave(self)

    def take(self) -> list[log.Frame]:
        """Return what is to be written now, in order; the end comes last."""
        with self._lock:
            frames = list(self._events)
            self._events.clear()
            frames += self._thinking.take()
            frames += self._text.take()
            return frames + ([self._end] if self._end else [])

    def rewind(self) -> None:
        """Write everything again: the log was lost, or it is unknown how much arrived."""
        with self._lock:
            self._text.rewind()
            self._thinking.rewind()
            self._events = deque([self._state] if self._state else [])
            self.begun = False


class Scribe:
    """The thread that writes; `threads` may nudge it at any moment."""

    def __init__(self) -> None:
        self._waiting: deque[Line] = deque()
        self._wake = threading.Event()
        self._open: set[Line] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pipe = Pipe()

    @property
    def running(self) -> int:
        """How many answers are being written."""
        return len(self._open)

    def open(self, kind: str, identity: object, *, text: str = "", thinking: str = "") -> Line:
        """Return a new line; `text` and `thinking` are what an earlier run had said already."""
        line = Line(self, kind, identity, text=text, thinking=thinking)
        with self._lock:
            self._open.add(line)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._write_forever, name="scribe", daemon=True)
                self._thread.start()
        return line

    def leave(self, line: Line) -> None:
        """Forget a line that is not to be ended here."""
        with self._lock:
            self._open.discard(line)

    def nudge(self, line: Line) -> None:
        """Have the line written with the next round trip."""
        if not line.queued:
            line.queued = True
            self._waiting.append(line)
            self._wake.set()

    def _write_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            lines = self._gather()
            try:
                self._write(lines)
            except RedisError as error:
                logger.warning("the live log could not be written, trying again: %s", error)
                self._try_again(lines)
            if pause := pause_for(self.running):
                time.sleep(pause)

    def _gather(self) -> list[Line]:
        lines = []
        while self._waiting:
            line = self._waiting.popleft()
            line.queued = False  # before it is read: what comes later nudges again
            lines.append(line)
        return lines

    def _write(self, lines: list[Line]) -> None:
        writes: list[tuple[Line, log.Frame]] = []
        commands: list[tuple[str, ...]] = []
        for line in lines:
            for frame in line.take():
                only_if_there = ("NOMKSTREAM",) if line.begun else ()
                commands.append(("XADD", line.stream, *only_if_there, "*", "f", log.encode(frame)))
                line.begun = True
                writes.append((line, frame))
        if not writes:
            return
        for (line, frame), seq in zip(writes, self._pipe.execute(commands), strict=True):
            if seq is None:  # the stream is gone: Redis came back empty
                line.rewind()
                self.nudge(line)
            elif frame["type"] == "end":
                self._close(line)

    def _close(self, line: Line) -> None:
        client().expire(line.stream, log.KEPT_AFTER_END)
        with self._lock:
            self._open.discard(line)
        line.written.set()

    def _try_again(self, lines: list[Line]) -> None:
        time.sleep(RETRY)
        for line in lines:
            if line.ended_at is not None and time.monotonic() - line.ended_at > GIVE_UP:
                with self._lock:
                    self._open.discard(line)
                continue
            line.rewind()
            self.nudge(line)


@cache
def scribe() -> Scribe:
    """Return this process's scribe."""
    return Scribe()
