"""Stopping an answer: at once when no worker has it yet, else by a flag that its worker watches."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats.models import Message
from gpu import arbiter
from live import log
from live.redis import RedisError, client, key

KEPT = 600  # seconds
UNREACHABLE = _(
    "The app's short-term memory is restarting, so the answer can't be stopped yet. Try again in a moment."
)


def flag(message_id: int) -> str:
    """Return the key that asks a worker to stop."""
    return key("stop", message_id)


def stop(message_id: int) -> None:
    """Stop the answer, wherever it is. Raises AppError unavailable when Redis is away."""
    unclaimed = Message.objects.filter(pk=message_id, status__in=Message.UNCLAIMED, claim=None)
    anew = unclaimed.filter(kind=Message.Kind.SUMMARY).first()
    final = {"status": Message.Status.STOPPED, **(anew.as_it_stood if anew else {})}
    stopped = unclaimed.update(**final, live_in=None, finished_at=Now())
    try:
        if stopped:
            arbiter.cancel("message", message_id)
            log.write_end("message", message_id, status=Message.Status.STOPPED.value)
        else:
            client().set(flag(message_id), "1", ex=KEPT)
    except RedisError:
        if not stopped:
            raise AppError(UNREACHABLE, code=Code.UNAVAILABLE) from None


def read_flags(message_ids: Sequence[int]) -> set[int]:
    """Return which of the answers shall stop. Raises RedisError."""
    flags = client().mget([flag(message_id) for message_id in message_ids])
    return {message_id for message_id, set_ in zip(message_ids, flags, strict=True) if set_}


def clear(message_id: int) -> None:
    """Forget an old wish to stop, before the answer begins. Raises RedisError."""
    client().delete(flag(message_id))
