"""What no worker looks after: answers never claimed are put in line again, answers left behind are ended."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from chats import managing
from chats.models import Message
from gpu import arbiter
from live import log

logger = logging.getLogger(__name__)


def sweep() -> None:
    """Do both; idempotent, so any number of processes may sweep. Raises RedisError."""
    send_again()
    end_abandoned()


def send_again() -> None:
    """Put the tickets of unclaimed answers in line again: the broker may have lost them."""
    before = timezone.now() - timedelta(seconds=settings.ANSWER_UNCLAIMED)
    lost = Message.objects.filter(status__in=Message.UNCLAIMED, claim=None, sent_at__lt=before)
    rows = list(lost.values_list("pk", "author_id", "sent_at", "model_name"))
    if not rows:
        return
    known = arbiter.read().rows("message")
    for pk, author_id, sent_at, model_name in rows:
        mine = Message.objects.filter(pk=pk, sent_at=sent_at, claim=None)
        if pk not in known and mine.update(sent_at=timezone.now()):
            logger.warning("answer %s was never claimed and is sent again", pk)
            arbiter.enqueue(arbiter.Ticket("message", pk, author_id, about=model_name))


def still_wanted(message_ids: list[int]) -> set[int]:
    """Return which of these answers still wait for the card."""
    waiting = Message.objects.filter(pk__in=message_ids, status__in=Message.UNCLAIMED, claim=None)
    return set(waiting.values_list("pk", flat=True))


def end_abandoned() -> None:
    """Interrupt answers without a heartbeat; their text is what the log told, if that is more."""
    before = timezone.now() - timedelta(seconds=settings.ANSWER_STALE)
    stale = Message.objects.filter(status=Message.Status.STREAMING, heartbeat_at__lt=before)
    for message in stale:
        told = log.read_told("message", message.pk)
        ended = Message.objects.held_by(message.claim or "").filter(heartbeat_at__lt=before)
        final = {
            "status": Message.Status.INTERRUPTED,
            "content": max(message.content, told.text, key=len),
            "thinking": max(message.thinking, told.thinking, key=len),
            "html": "",
            "error_code": "worker_lost",
            "live_in": None,
            "claim": None,
            "heartbeat_at": None,
            "finished_at": timezone.now(),
            **message.as_it_stood,
        }
        if ended.update(**final):
            logger.warning("answer %s was left behind by its worker and is interrupted", message.pk)
            log.write_end("message", message.pk, status=Message.Status.INTERRUPTED.value, code="worker_lost")
            managing.tell_ended(message, Message.Status.INTERRUPTED.value)
