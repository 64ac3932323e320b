"""One answer while a worker writes it: its claim on the row, its line in the log, its end."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from chats import managing, stopping
from chats.models import Chat, Message
from chats.pulse import pulse
from gpu.services.ollama import Stream
from live import counters
from live.redis import RedisError
from live.scribe import scribe

logger = logging.getLogger(__name__)
SAVE_TRIES = 8  # with growing waits, about 30 s in all


def claim_answer(message_id: int) -> Running | None:
    """Return the answer as this worker's own; None when another has it or nobody wants it."""
    claim, now = secrets.token_hex(16), timezone.now()
    unclaimed = Message.objects.filter(pk=message_id, status__in=Message.UNCLAIMED, claim=None)
    if not unclaimed.update(claim=claim, status=Message.Status.STREAMING, started_at=now, heartbeat_at=now):
        return None
    message = Message.objects.select_related("chat", "parent").get(pk=message_id)
    return Running(message, claim)


class Running:
    """An answer in the hands of this worker. Any thread may call `end_as`."""

    def __init__(self, message: Message, claim: str) -> None:
        self.message, self.message_id, self.claim = message, message.pk, claim
        before = ("", "") if message.as_it_stood else (message.content, message.thinking)
        self.line = scribe().open("message", message.pk, text=before[0], thinking=before[1])
        self.ends_as: Message.Status | None = None
        self._stream: Stream | None = None
        self._lock = threading.Lock()
        self._saved = self.line.length
        try:
            stopping.clear(message.pk)
        except RedisError:
            logger.warning("an old stop flag could not be cleared")
        pulse().watch(self)

    def listen_to(self, stream: Stream) -> Stream:
        """Make `stream` the one that is hung up when the answer shall end."""
        with self._lock:
            self._stream = stream
            if self.ends_as:
                stream.hang_up()
        return stream

    def end_as(self, status: Message.Status) -> None:
        """End the answer now with this status; the first wish counts."""
        with self._lock:
            if self.ends_as is None:
                self.ends_as = status
                if self._stream:
                    self._stream.hang_up()

    def save_progress(self) -> None:
        """Save what has been said since the last time, of a summary nothing. Raises DatabaseError."""
        length = self.line.length
        if length == self._saved or self.message.kind == Message.Kind.SUMMARY:
            return
        saved = Message.objects.held_by(self.claim).update(
            content=self.line.text, thinking=self.line.thinking
        )
        if saved:
            self._saved = length
        else:
            self.end_as(Message.Status.INTERRUPTED)  # somebody else has taken the row

    def finish(self, status: Message.Status, *, code: str = "", **changes: Any) -> None:
        """Make the row final, then close the log. The claim decides: a row taken away stays as it is."""
        pulse().forget(self)
        final = {
            "status": status,
            "content": self.line.text,
            "thinking": self.line.thinking,
            "html": "",
            "error_code": code,
            "live_in": None,
            "finished_at": timezone.now(),
            "heartbeat_at": None,
            "claim": None,
            **changes,
        }
        if status != Message.Status.COMPLETE:
            final |= self.message.as_it_stood
        elif self.message.kind == Message.Kind.SUMMARY:
            final["edited_at"] = None
        self._save_final(final)
        counters.count("answers", status.value)
        self.line.end(status=status.value, **({"code": code} if code else {}))
        managing.tell_ended(self.message, status.value)

    def give_back(self) -> bool:
        """Queue the row again, as if it had never been claimed; False when it is another's by now."""
        pulse().forget(self)
        self.line.tell("status", status="queued")
        self.line.leave()
        return bool(
            Message.objects.held_by(self.claim).update(
                status=Message.Status.QUEUED, claim=None, heartbeat_at=None, sent_at=timezone.now()
            )
        )

    def _save_final(self, final: dict[str, Any]) -> None:
        for attempt in range(SAVE_TRIES):
            try:
                if Message.objects.held_by(self.claim).update(**final):
                    Chat.objects.filter(pk=self.message.chat_id).update(updated_at=timezone.now())
            except DatabaseError:
                logger.warning("an answer could not be saved, trying again", exc_info=True)
                connection.close()
                time.sleep(min(8.0, 0.25 * 2**attempt))
            else:
                return
        logger.error("answer %s could not be saved; the sweep rebuilds it from the log", self.message_id)
