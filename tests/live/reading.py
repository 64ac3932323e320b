"""What the tests see of a log, as its readers would."""

from __future__ import annotations

from typing import Any

from live import log
from live.redis import client


def write(identity: object, *frames: log.Frame) -> list[str]:
    """Append frames to a message's log; returns their seqs."""
    name = log.stream_key("message", identity)
    return [str(client().xadd(name, {"f": log.encode(frame)})) for frame in frames]


def text(offset: int, words: str, type_: str = "text") -> log.Frame:
    return {"type": type_, "offset": offset, "text": words}


def entries(identity: object) -> list[Any]:
    return list(client().xrange(log.stream_key("message", identity)))


def frames(identity: object) -> list[log.Frame]:
    """Return what a reader who joins now would get, without the seqs."""
    return [without_seq(frame) for frame in log.read_frames(entries(identity))]


def without_seq(frame: log.Frame) -> log.Frame:
    return {name: value for name, value in frame.items() if name != "seq"}
