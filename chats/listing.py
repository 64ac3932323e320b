"""The list of chats, a window at a time: as fast with ten thousand as with ten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from chats.models import Chat, ChatQuerySet

FIRST = 60  # chats that a page begins with
MOST = 600  # that a list which is fetched anew keeps at most
NOT_LISTED = ("draft", "system_prompt", "options")  # as long as people like, and no row shows them


@dataclass(frozen=True)
class Window:
    """A run of chats; `after` is where the next one begins, "" at the end."""

    chats: list[Chat]
    after: str = ""


def sidebar(user: Any, *, rows: int = FIRST) -> Window:
    """Return the pinned chats and the newest `rows` of the others, in three queries at most."""
    listed = Chat.objects.visible_to(user).in_list()
    pinned = list(listed.exclude(pinned_at=None).recent().defer(*NOT_LISTED).order_by("-pinned_at", "-pk"))
    others = window(listed.filter(pinned_at=None), rows=max(FIRST, min(rows, MOST)))
    return Window(pinned + others.chats, others.after)


def more(user: Any, after: str) -> Window:
    """Return what follows in the list."""
    return window(Chat.objects.visible_to(user).in_list().filter(pinned_at=None), after=after)


def window(chats: ChatQuerySet, *, after: str = "", rows: int = FIRST) -> Window:
    """Return `rows` chats from the place `after` on, newest first."""
    found = list(_after(chats.recent().defer(*NOT_LISTED), after)[: rows + 1])
    last = found[rows - 1] if len(found) > rows else None
    return Window(found[:rows], f"{last.updated_at.timestamp():.6f}-{last.pk}" if last else "")


def _after(chats: ChatQuerySet, after: str) -> ChatQuerySet:
    moment, _dash, identity = after.partition("-")
    try:
        when, pk = datetime.fromtimestamp(float(moment), tz=UTC), int(identity)
    except (ValueError, OverflowError, OSError):
        return chats
    return chats.filter(Q(updated_at__lt=when) | Q(updated_at=when, pk__lt=pk))
