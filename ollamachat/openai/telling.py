"""An answer in the shapes of this API: whole, or in pieces as it is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from django.db import connection
from django.http import StreamingHttpResponse

from accounts.errors import AppError
from chats import sentences, stopping
from chats.models import Message
from gpu.arbiter import line
from live import log
from live.redis import RedisError
from live.tail import BEGINNING, follow
from ollamachat.openai import errors

DONE = b"data: [DONE]\n\n"
REASONS = {"length": "length"}


def whole(answer: Message, tool_calls: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Return status and body of a finished answer."""
    if answer.status != Message.Status.COMPLETE:
        return errors.of_answer(
            answer.error_code or answer.status, answer.error or answer.get_status_display()
        )
    message: dict[str, Any] = {"role": "assistant", "content": answer.content or None}
    if answer.thinking:
        message["reasoning"] = answer.thinking
    if tool_calls:
        message["tool_calls"] = [_tool_call(answer.pk, at, call) for at, call in enumerate(tool_calls)]
    elif message["content"] is None:
        message["content"] = ""
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _reason(answer.numbers, tool_calls),
    }
    return 200, {**_head(answer, "chat.completion"), "choices": [choice], "usage": usage(answer.numbers)}


def usage(numbers: dict[str, Any]) -> dict[str, int]:
    """Return what the answer took, in tokens."""
    asked, said = int(numbers.get("prompt_tokens", 0)), int(numbers.get("tokens", 0))
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _head(answer: Message, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answer.pk}",
        "object": kind,
        "created": int(answer.created_at.timestamp()),
        "model": answer.model_name,
    }


def _reason(numbers: dict[str, Any], tool_calls: list[dict[str, Any]]) -> str:
    return "tool_calls" if tool_calls else REASONS.get(str(numbers.get("done_reason")), "stop")


def _tool_call(answer_id: int, at: int, call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    return {
        "id": str(call.get("id") or f"call_{answer_id}_{at}"),
        "type": "function",
        "function": {
            "name": str(function.get("name", "")),
            "arguments": json.dumps(function.get("arguments") or {}, ensure_ascii=False),
        },
    }


def in_pieces(answer: Message, *, include_usage: bool) -> StreamingHttpResponse:
    """Return the response that streams an answer; a client that hangs up stops it."""
    body = Pieces(answer, include_usage).events()
    response = StreamingHttpResponse(body, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


class Pieces:
    """The frames of one answer's log, told as chunks."""

    def __init__(self, answer: Message, include_usage: bool) -> None:
        self.answer, self.include_usage = answer, include_usage
        self.tool_calls: list[dict[str, Any]] = []
        self.numbers: dict[str, Any] = {}
        self.said = {"text": 0, "thinking": 0}
        self.ended = False

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the events until the answer ends."""
        stream = log.stream_key("message", self.answer.pk)
        frames = follow(
            stream=stream,
            kind="message",
            identity=self.answer.pk,
            after=BEGINNING,
            user_id=self.answer.author_id,
        )
        try:
            yield self._chunk({"role": "assistant", "content": ""})
            async for frame in frames:
                for event in await self._told(frame):
                    yield event
        finally:
            if not self.ended:
                asyncio.get_running_loop().run_in_executor(None, stop, self.answer.pk)

    async def _told(self, frame: log.Frame | None) -> list[bytes]:
        if frame is None:
            return [await asyncio.to_thread(place_in_line, self.answer.pk)]
        kind = frame["type"]
        if kind in self.said:
            fresh = self._fresh(frame)
            return [self._chunk({"content" if kind == "text" else "reasoning": fresh})] if fresh else []
        if kind == "tool":
            return [self._tools(frame["calls"])]
        if kind == "usage":
            self.numbers = frame
        if kind == "status" and frame.get("status") in ("waiting", "loading", "queued"):
            return [f": {frame['status']}\n\n".encode()]
        return await self._end(frame) if kind == "end" else []

    def _fresh(self, frame: log.Frame) -> str:
        """Return what of a piece has not been told yet: a log that was written anew repeats itself."""
        told = self.said[frame["type"]]
        fresh: str = frame["text"][max(0, told - frame["offset"]) :]
        self.said[frame["type"]] = max(told, frame["offset"] + len(frame["text"]))
        return fresh

    def _tools(self, calls: list[dict[str, Any]]) -> bytes:
        first = len(self.tool_calls)
        self.tool_calls += calls
        told = [{"index": at, **_tool_call(self.answer.pk, at, call)} for at, call in enumerate(calls, first)]
        return self._chunk({"tool_calls": told})

    async def _end(self, frame: log.Frame) -> list[bytes]:
        self.ended = True
        if frame["status"] != Message.Status.COMPLETE:
            code = str(frame.get("code") or frame["status"])
            _status, body = errors.of_answer(
                code, sentences.explain(frame["status"], frame.get("code", ""), {})
            )
            return [_event(body)]
        events = [self._chunk({}, _reason(self.numbers, self.tool_calls))]
        if self.include_usage:
            head = _head(self.answer, "chat.completion.chunk")
            events.append(_event({**head, "choices": [], "usage": usage(self.numbers)}))
        return [*events, DONE]

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**_head(self.answer, "chat.completion.chunk"), "choices": [choice]})


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def place_in_line(answer_id: int) -> bytes:
    """Return a comment with the answer's place in line: no data, so no client minds."""
    try:
        tickets = line.read().tickets
    except RedisError:
        return b": still here\n\n"
    places = [
        at for at, ticket in enumerate(tickets) if (ticket.kind, ticket.row_id) == ("message", answer_id)
    ]
    return f": waiting, {places[0]} before you\n\n".encode() if places else b": still here\n\n"


def stop(answer_id: int) -> None:
    """Stop an answer that nobody reads any more."""
    try:
        stopping.stop(answer_id)
    except AppError:
        return  # Redis is away, and with it the line: the sweep ends the row
    finally:
        connection.close()
