"""Pictures that go along with a person's message. The app that keeps pictures registers here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chats.models import Message


@dataclass(frozen=True)
class Picture:
    """A picture beside a message, as pages and the API show it; sizes in pixels.

    `page_url` shows it large; `thumb_url` and `preview_url` are smaller versions of `url`.
    """

    id: int
    name: str
    url: str
    page_url: str
    thumb_url: str
    preview_url: str
    width: int
    height: int


@dataclass(frozen=True)
class Keeper:
    """Who keeps the pictures.

    `attach(message, picture_ids, user)` raises AppError for one that is not the user's;
    `show(message_ids)` returns each message's pictures; `read(message_id)` returns their bytes, as a
    model gets them, in the same order; `copy(original, copy)` puts the same pictures beside another message;
    `drawn(message_ids)` returns the finished variants of messages that are pictures themselves.
    """

    attach: Callable[[Message, Sequence[int], Any], None]
    show: Callable[[Sequence[int]], dict[int, list[Picture]]]
    read: Callable[[int], list[bytes]]
    copy: Callable[[Message, Message], None]
    drawn: Callable[[Sequence[int]], dict[int, list[Picture]]]


_keepers: list[Keeper] = []


def register(keeper: Keeper) -> None:
    """Have `keeper` keep the pictures; called from AppConfig.ready."""
    _keepers[:] = [keeper]


def attach_pictures(message: Message, picture_ids: Sequence[int], *, user: Any) -> None:
    """Put the user's pictures beside a message. Raises AppError."""
    for keeper in _keepers if picture_ids else ():
        keeper.attach(message, picture_ids, user)


def show_pictures(messages: Sequence[Message]) -> None:
    """Give each of a person's messages its `pictures`, in one query for all."""
    mine = [message for message in messages if not message.is_answer]
    found: dict[int, list[Picture]] = {}
    for keeper in _keepers if mine else ():
        found = keeper.show([message.pk for message in mine])
    for message in mine:
        message.pictures = found.get(message.pk, [])


def show_drawn(messages: Sequence[Message]) -> None:
    """Give each message that is a drawn picture its finished variants as `pictures`, in one query for all."""
    drawn = [message for message in messages if message.is_answer and message.kind == Message.Kind.PICTURE]
    found: dict[int, list[Picture]] = {}
    for keeper in _keepers if drawn else ():
        found = keeper.drawn([message.pk for message in drawn])
    for message in drawn:
        message.pictures = found.get(message.pk, [])


def read_pictures(message_id: int) -> list[bytes]:
    """Return the files of a message's pictures."""
    return [data for keeper in _keepers for data in keeper.read(message_id)]


def copy_pictures(original: Message, copy: Message) -> None:
    """Put a message's pictures beside its copy too."""
    for keeper in _keepers:
        keeper.copy(original, copy)
