"""The live log: one Redis Stream for everything a browser may follow.

An entry has one field, `f`: a frame as JSON without `kind`, `id` and `seq`, which
its readers add (seq is the entry's stream id). `text` and `thinking` frames carry
their offset in code points from the start of the answer, so a repeated write is
harmless: a reader that holds more than the offset cuts back and appends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from live.redis import client, key

KEPT_AFTER_END = 3600  # seconds that a finished log stays readable
SEQ = re.compile(r"\d{1,20}(-\d{1,20})?")
GROWING = ("text", "thinking")

Frame = dict[str, Any]
Entry = tuple[str, dict[str, str]]


def is_seq(text: str) -> bool:
    """Return whether `text` can be a frame's seq."""
    return bool(SEQ.fullmatch(text))


def stream_key(kind: str, identity: object) -> str:
    """Return the stream of one followed thing."""
    return key("live", kind, identity)


def encode(frame: Frame) -> str:
    """Return a frame as it is stored."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def read_frames(entries: Iterable[Entry]) -> list[Frame]:
    """Return the entries as frames with their `seq`, pieces of text that follow each other joined."""
    frames: list[Frame] = []
    for frame in read_pieces(entries):
        add_frame(frames, frame)
    return frames


def read_pieces(entries: Iterable[Entry]) -> list[Frame]:
    """Return each entry as a frame of its own, with its `seq`."""
    return [json.loads(fields["f"]) | {"seq": seq} for seq, fields in entries]


def add_frame(frames: list[Frame], frame: Frame) -> None:
    """Append `frame` to what waits to be sent, or let the last piece of text grow by it."""
    last = frames[-1] if frames else None
    if last and frame["type"] in GROWING and last["type"] == frame["type"] and _continues(last, frame):
        frames[-1] = {**last, "text": last["text"] + frame["text"], "seq": frame["seq"]}
    else:
        frames.append(frame)


def _continues(last: Frame, frame: Frame) -> bool:
    same = last.get("kind") == frame.get("kind") and last.get("id") == frame.get("id")
    return same and bool(frame["offset"] == last["offset"] + len(last["text"]))


@dataclass(frozen=True)
class Told:
    """What a message's log holds: the text and thinking so far, and whether it ended."""

    text: str
    thinking: str
    ended: bool


def read_told(kind: str, identity: object) -> Told:
    """Return what the log tells. Raises RedisError."""
    told = {"text": "", "thinking": ""}
    ended = False
    for frame in read_frames(client().xrange(stream_key(kind, identity))):
        if frame["type"] in GROWING:
            told[frame["type"]] = told[frame["type"]][: frame["offset"]] + frame["text"]
        ended = ended or frame["type"] == "end"
    return Told(told["text"], told["thinking"], ended)


def write_end(kind: str, identity: object, **data: Any) -> None:
    """Close the log of something that no worker writes any more. Raises RedisError."""
    name = stream_key(kind, identity)
    pipe = client().pipeline(transaction=False)
    pipe.xadd(name, {"f": encode({"type": "end", **data})})
    pipe.expire(name, KEPT_AFTER_END)
    pipe.execute()


def forget(kind: str, identity: object) -> None:
    """Remove the log, before the same thing begins again. Raises RedisError."""
    client().delete(stream_key(kind, identity))
