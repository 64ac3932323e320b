"""The live log as Server-Sent Events, for scripts: the same frames, `id:` is their seq."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse

from live import log
from live.tail import BEGINNING, follow

SIGN_OF_LIFE = b": still here\n\n"


def respond(
    *,
    kind: str,
    identity: object,
    after: str,
    user_id: int,
    opening: log.Frame | None = None,
    without: Collection[str] = (),
) -> Any:
    """Return a response that streams one followed thing to `user_id` until it ends; leaving does not stop it.

    Frames of the types in `without` are left out.
    """
    response = StreamingHttpResponse(
        _events(kind, identity, after, user_id, opening, without),
        content_type="text/event-stream; charset=utf-8",
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(
    kind: str,
    identity: object,
    after: str,
    user_id: int,
    opening: log.Frame | None,
    without: Collection[str],
) -> AsyncIterator[bytes]:
    if opening:
        yield _event(opening)
    stream = log.stream_key(kind, identity)
    following = follow(stream=stream, kind=kind, identity=identity, after=after or BEGINNING, user_id=user_id)
    async for frame in following:
        if not frame or frame["type"] not in without:
            yield _event(frame) if frame else SIGN_OF_LIFE


def _event(frame: log.Frame) -> bytes:
    name = f"id: {frame['seq']}\n" if "seq" in frame else ""
    return f"{name}event: {frame['type']}\ndata: {log.encode(frame)}\n\n".encode()


def respond_over(*frames: log.Frame) -> Any:
    """Return these frames as the whole stream of something that is over."""
    body = b"".join(_event(frame) for frame in frames)
    response = HttpResponse(body, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response


def respond_ended(identity: object, content: str, status: str) -> Any:
    """Return the events of something that is over: its whole text, then its end."""
    named = {"kind": "message", "id": identity}
    text = {**named, "type": "text", "offset": 0, "text": content}
    end = {**named, "type": "end", "status": status}
    return respond_over(text, end)
