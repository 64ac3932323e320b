"""How an answer reaches a script: as it is written, when it is finished, or not at all yet."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection
from django.http import HttpResponseBase
from rest_framework.request import Request

from chats.models import Message
from chats.sending import Sent
from live import log, sse

LONGEST = 600.0  # seconds that a call waits for the finished answer; after that it is read from the chat
LOOK_EVERY = 0.2  # seconds between two looks at the row


def stream_sent(request: Request, sent: Sent) -> HttpResponseBase:
    """Return the events of an answer that was just asked for, after one that names what was made."""
    opening = {
        "type": "sent", "chat": sent.chat.pk, "message": sent.message.pk, "answer": sent.answer.pk
    }  # fmt: skip
    return stream_answer(request, sent.answer.pk, opening)


def stream_answer(request: Request, answer_id: int, opening: dict[str, Any] | None) -> HttpResponseBase:
    """Return the answer's events from `Last-Event-ID` on."""
    after = request.headers.get("Last-Event-ID", "")
    response: HttpResponseBase = sse.respond(
        kind="message",
        identity=answer_id,
        after=after if log.is_seq(after) else "",
        user_id=request.user.pk or 0,
        opening=opening,
    )
    return response


def finished(answer: Message) -> Message:
    """Return the answer as it is when it has ended, or when waiting has."""
    until = time.monotonic() + LONGEST
    while answer.is_running and time.monotonic() < until:
        connection.close()  # the wait is long, and a connection is dear
        time.sleep(LOOK_EVERY)
        answer.refresh_from_db()
    return answer
