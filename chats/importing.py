"""Chats out of our own JSON, or out of our zip: new ones each time, whole, or none at all.

Everything is checked before anything is written; what is written stays out of sight until the
last of it is there. The file's numbers only tell its messages apart: no id of a row is taken from it.
"""

from __future__ import annotations

import base64
import binascii
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, NoReturn

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats import luggage, options
from chats.exporting.document import FORMAT, VERSION
from chats.luggage import Unpacking
from chats.models import TITLE_LENGTH, Chat, Message
from chats.told import Told, refuse
from live.events import tell_user

MOST_TEXT = 200 * 2**20  # bytes of JSON in a file, after unpacking
MOST_PICTURES = 2 * 2**30  # bytes of pictures in a zip
MOST_PICTURE = 64 * 2**20
MOST_CHATS, MOST_MESSAGES, MOST_SOURCES = 20_000, 200_000, 100
LONGEST_CONTENT = 1_000_000  # characters
LONGEST_SOURCE = 50_000
FINAL = (Message.Status.COMPLETE, *Message.UNFINISHED)
AT_ONCE = 500  # rows in a statement


@dataclass
class NewMessage:
    """A message of the file; `parent` is its parent's place in the list, None for a root."""

    fields: dict[str, Any]
    created_at: datetime
    parent: int | None
    parts: dict[str, Any] = field(default_factory=dict)


@dataclass
class NewChat:
    """A chat of the file; `leaf` is a place in `messages`."""

    fields: dict[str, Any]
    created_at: datetime
    messages: list[NewMessage]
    leaf: int | None


def import_file(user: Any, file: IO[bytes]) -> list[Chat]:
    """Bring the chats of a file to the user; return them. Raises AppError (invalid, too_large)."""
    start = file.read(4)
    file.seek(0)
    reading = _read_zip(user, file) if start.startswith(b"PK") else _read_json(user, file)
    found = list(reading)
    if not found:
        raise AppError(_("There are no chats in this file."), code=Code.INVALID)
    return _write(user, found)


def _read_json(user: Any, file: IO[bytes]) -> Iterator[NewChat]:
    yield from _Reader(user, unpack_inside).read(file.read(MOST_TEXT + 1))


def _read_zip(user: Any, file: IO[bytes]) -> Iterator[NewChat]:
    try:
        with zipfile.ZipFile(file) as archive:
            reader = _Reader(user, _unpack_from(archive))
            for name in archive.namelist():
                if name.startswith("chats/") and name.endswith(".json"):
                    yield from reader.read(_member(archive, name, MOST_TEXT))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
        raise AppError(_("This zip is damaged, or not one of ours."), code=Code.INVALID) from None


def unpack_inside(told: Told) -> bytes:
    """Return a picture that stands in the JSON itself. Raises AppError."""
    text = told.text("data", most=MOST_PICTURE * 4 // 3)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise told.wrong("data") from None


def _unpack_from(archive: zipfile.ZipFile) -> Unpacking:
    names, left = set(archive.namelist()), [MOST_PICTURES]

    def unpack(told: Told) -> bytes:
        name = told.text("file")
        if not name.startswith("pictures/") or name not in names:
            raise told.wrong("file")
        data = _member(archive, name, min(MOST_PICTURE, left[0]))
        left[0] -= len(data)
        return data

    return unpack


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return one file of the zip, unpacked no further than one byte past `most`."""
    with archive.open(name) as member:
        data = member.read(most + 1)
    if len(data) > most:
        raise _too_large()
    return data


class _Reader:
    """Reads documents for a user, and counts what they bring."""

    def __init__(self, user: Any, unpacking: Unpacking) -> None:
        self.user, self.unpacking = user, unpacking
        self._bytes, self._chats, self._messages = MOST_TEXT, MOST_CHATS, MOST_MESSAGES

    def read(self, data: bytes) -> Iterator[NewChat]:
        """Yield a document's chats, all of it checked."""
        self._bytes -= len(data)
        if self._bytes < 0:
            raise _too_large()
        told = Told(_parse(data))
        if told.data.get("format") != FORMAT:
            raise refuse("format")
        if told.data.get("version") != VERSION:
            raise AppError(_("A newer version of this app has written this file."), code=Code.INVALID)
        for row in told.rows("chats", most=self._chats):
            self._chats -= 1
            yield self._chat(row)

    def _chat(self, told: Told) -> NewChat:
        now = timezone.now()
        by_ref: dict[int, int] = {}
        messages = [self._message(row, by_ref) for row in told.rows("messages", most=self._messages)]
        self._messages -= len(messages)
        leaf = told.data.get("leaf")
        if leaf is not None and (type(leaf) is not int or leaf not in by_ref):
            raise told.wrong("leaf")
        fields = {
            "title": " ".join(told.text("title", most=TITLE_LENGTH).split()),
            "titled_by": told.choice("titled_by", Chat.TitledBy.values, Chat.TitledBy.WORDS.value),
            "model_name": told.text("model_name"),
            "system_prompt": told.text("system_prompt", most=options.LONGEST_SYSTEM),
            "options": _read_options(told),
            "draft": told.text("draft", most=LONGEST_CONTENT),
            "updated_at": told.moment("updated_at") or now,
            "pinned_at": told.moment("pinned_at"),
            "archived_at": told.moment("archived_at"),
        }
        return NewChat(
            fields, told.moment("created_at") or now, messages, None if leaf is None else by_ref[leaf]
        )

    def _message(self, told: Told, by_ref: dict[int, int]) -> NewMessage:
        ref, parent = told.number("ref", low=1, high=2**53), told.data.get("parent")
        if ref in by_ref:
            raise told.wrong("ref")
        if parent is not None and (type(parent) is not int or parent not in by_ref):
            raise told.wrong("parent")
        by_ref[ref] = len(by_ref)
        return NewMessage(
            _fields(told),
            told.moment("created_at") or timezone.now(),
            None if parent is None else by_ref[parent],
            luggage.check(told.inner("parts"), self.unpacking, self.user),
        )


def _fields(told: Told) -> dict[str, Any]:
    return {
        "role": told.choice("role", Message.Role.values),
        "kind": told.choice("kind", Message.Kind.values, Message.Kind.ANSWER.value),
        "status": told.choice("status", [status.value for status in FINAL], Message.Status.COMPLETE.value),
        "content": told.text("content", most=LONGEST_CONTENT),
        "thinking": told.text("thinking", most=LONGEST_CONTENT),
        "model_name": told.text("model_name"),
        "error_code": told.text("error_code", most=32),
        "error_about": told.facts("error_about"),
        "numbers": told.numbers("numbers", "done_reason"),
        "search": told.facts("search"),
        "sources": [_source(row) for row in told.rows("sources", most=MOST_SOURCES)],
        "started_at": told.moment("started_at"),
        "finished_at": told.moment("finished_at"),
        "edited_at": told.moment("edited_at"),
    }


def _source(told: Told) -> dict[str, Any]:
    url = told.text("url", most=4000)
    if not url.lower().startswith(("https://", "http://")):
        raise told.wrong("url")
    title, text = told.text("title", most=1000), told.text("text", most=LONGEST_SOURCE)
    return {"n": told.number("n", low=1, high=1000), "title": title, "url": url, "text": text}


def _read_options(told: Told) -> dict[str, Any]:
    try:
        return options.read(told.facts("options"))
    except AppError:
        raise told.wrong("options") from None


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise AppError(_("This file is no JSON, or it was cut off on its way."), code=Code.INVALID) from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _write(user: Any, found: list[NewChat]) -> list[Chat]:
    """Write each chat by itself, so that others can write meanwhile, and show them all at once."""
    chats: list[Chat] = []
    try:
        chats.extend(_write_chat(user, new) for new in found)
        with transaction.atomic():
            _each(chats, lambda ids: Chat.objects.filter(pk__in=ids).update(deleted_at=None))
    except Exception:
        _each(chats, lambda ids: Chat.objects.filter(pk__in=ids).delete())
        raise
    tell_user(user.pk, "chats")
    return chats


def _each(chats: list[Chat], act: Callable[[list[int]], object]) -> None:
    for start in range(0, len(chats), AT_ONCE):
        act([chat.pk for chat in chats[start : start + AT_ONCE]])


@transaction.atomic
def _write_chat(user: Any, new: NewChat) -> Chat:
    chat = Chat.objects.create(user=user, deleted_at=timezone.now(), **new.fields)
    written: list[Message] = []
    for told in new.messages:
        above = None if told.parent is None else written[told.parent]
        message = Message.objects.create(chat=chat, author=user, parent=above, **told.fields)
        Message.objects.filter(pk=message.pk).update(created_at=told.created_at)
        luggage.put(message, told.parts)
        written.append(message)
    chat.leaf = None if new.leaf is None else written[new.leaf]
    chat.created_at = new.created_at
    chat.save(update_fields=["leaf", "created_at"])
    return chat


def _too_large() -> AppError:
    sentence = _("This file is too large: at most %(most)d MB of text and %(pictures)d GB of pictures.")
    told = sentence % {"most": MOST_TEXT // 2**20, "pictures": MOST_PICTURES // 2**30}
    return AppError(told, code=Code.TOO_LARGE, fields={"file": [told]})
