"""Deletion that means it: after 30 days in the bin, chats and messages go, and their files after them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from chats.models import Chat, Message

logger = logging.getLogger(__name__)

KEPT_DELETED = timedelta(days=30)
EVERY = 6 * 3600.0  # seconds
CALLS_EVERY = 3600.0
AT_ONCE = 50  # chats or messages of one transaction, so that nobody waits long for the database


def purge(*, before: datetime | None = None) -> tuple[int, int]:
    """Remove what was deleted before then, by default 30 days ago; returns counts of chats and messages."""
    before = before or timezone.now() - KEPT_DELETED
    chats = messages = 0
    while gone := _purge_chats(before):
        chats += gone
    while gone := _purge_messages(before):
        messages += gone
    if chats or messages:
        logger.info("purged %s chats and %s messages that were deleted before %s", chats, messages, before)
    return chats, messages


def count_purgeable(before: datetime) -> tuple[int, int]:
    """Return how many chats, and messages of other chats, would go."""
    return _chats(before).count(), _messages(before).count()


def _chats(before: datetime) -> QuerySet[Chat]:
    return Chat.objects.filter(deleted_at__lt=before).exclude(messages__status__in=Message.RUNNING)


def _messages(before: datetime) -> QuerySet[Message]:
    return Message.objects.filter(deleted_at__lt=before, live_in=None).exclude(status__in=Message.RUNNING)


def purge_person(user: User) -> None:
    """Remove all chats of somebody who leaves for good."""
    while gone := list(Chat.objects.filter(user=user).values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            _remove(gone)


def _remove(gone: list[int]) -> None:
    Chat.objects.filter(pk__in=gone).update(leaf=None)
    Chat.objects.filter(pk__in=gone).delete()


@transaction.atomic
def _purge_chats(before: datetime) -> int:
    gone = list(_chats(before).values_list("pk", flat=True)[:AT_ONCE])
    _remove(gone)
    return len(gone)


@transaction.atomic
def _purge_messages(before: datetime) -> int:
    """Remove messages of chats that stay; what hung below them hangs below their parents then."""
    gone = list(_messages(before)[:AT_ONCE])
    for message in gone:
        parent = Message.objects.filter(pk=message.pk).values_list("parent_id", flat=True).get()
        Message.objects.filter(parent_id=message.pk).update(parent_id=parent)
        Chat.objects.filter(leaf_id=message.pk).update(leaf_id=parent)
        Message.objects.filter(pk=message.pk).delete()
    return len(gone)
