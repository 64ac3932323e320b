"""Looking for words in a person's own chats: what is found, page by page, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils.safestring import SafeString

from chats.finding import mysql, snippets, sqlite, words
from chats.models import Chat, Message

PAGE = 30  # messages
MOST_CHATS = 20  # found by their titles
SHOWN = ("chat", "role", "kind", "content", "created_at", "chat__title", "chat__archived_at")


@dataclass(frozen=True)
class FoundChat:
    """A chat whose title holds the words; `title` is HTML with them marked."""

    chat: Chat
    title: SafeString


@dataclass(frozen=True)
class FoundMessage:
    """A message that holds the words; `snippet` is HTML with them marked."""

    message: Message
    snippet: SafeString

    @property
    def url(self) -> str:
        """Return the message's place: its chat, on the branch that holds it."""
        chat = reverse("chats:chat", args=[self.message.chat_id])
        return f"{chat}?m={self.message.pk}#m{self.message.pk}"


@dataclass(frozen=True)
class Found:
    """A page of what was found; `next` is the id before which the next page begins, None at the end."""

    chats: Sequence[FoundChat] = ()
    messages: Sequence[FoundMessage] = ()
    next: int | None = None

    def __bool__(self) -> bool:
        return bool(self.chats or self.messages)


def backend() -> ModuleType:
    """Return the index of the database in use."""
    return sqlite if connection.vendor == "sqlite" else mysql


def find(user: Any, text: str, *, before: int | None = None) -> Found:
    """Return what of the user's holds all words of the text, in four queries; titles on the first page."""
    terms = words.parse(text)
    if not terms or not user.pk:
        return Found()
    ids = backend().find_messages(user.pk, terms, before=before, most=PAGE + 1)
    return Found(
        () if before else _chats(user, terms),
        _messages(user, ids[:PAGE], terms),
        ids[PAGE - 1] if len(ids) > PAGE else None,
    )


def mend_index() -> None:
    """Make the index anew if a migration has lost part of it."""
    if backend().is_damaged():
        backend().uninstall()
        backend().install()


def _chats(user: Any, terms: Sequence[words.Term]) -> list[FoundChat]:
    ids = backend().find_chats(user.pk, terms, most=MOST_CHATS)
    found = Chat.objects.visible_to(user).filter(pk__in=ids).order_by("-updated_at") if ids else ()
    return [FoundChat(chat, snippets.mark(chat.title, terms)) for chat in found]


def _messages(user: Any, ids: list[int], terms: Sequence[words.Term]) -> list[FoundMessage]:
    mine = Message.objects.visible_to(user).filter(pk__in=ids).select_related("chat").only(*SHOWN)
    found = mine.order_by("-pk") if ids else ()
    return [FoundMessage(message, snippets.snippet(message.content, terms)) for message in found]
