"""Pictures that people bring along: taken in once each, kept by content."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from PIL import Image, ImageOps

from accounts import limits as quota
from chats import uploads
from chats.models import Chat, Message
from chats.sending import title_from
from imaging import orders, storage
from imaging.models import SourcePicture, StoredFile
from live.events import tell_user

LONGEST_NAME = 190  # characters


def limits() -> uploads.Limits:
    """Return how large an upload may be, and how it is kept."""
    return uploads.Limits(
        bytes=settings.IMAGE_MAX_BYTES_UPLOAD,
        width=settings.IMAGE_MAX_WIDTH_UPLOAD,
        height=settings.IMAGE_MAX_HEIGHT_UPLOAD,
        longest_side=settings.IMAGE_MAX_SIZE_FOR_GENERATION,
    )


def size_of(file: StoredFile) -> tuple[int, int]:
    """Return the size in which a picture is drawn anew: its own, unless a workflow has made it too large."""
    longest = max(orders.GREATEST_SIDE, settings.IMAGE_MAX_SIZE_FOR_GENERATION)
    if max(file.width, file.height) <= longest:
        return file.width, file.height
    return uploads.fitting(file.width, file.height, replace(limits(), longest_side=longest))


def read(file: StoredFile) -> tuple[str, bytes]:
    """Return a picture to start from, in that size: a name for it, and its bytes. Raises OSError."""
    size, data = size_of(file), storage.read(file)
    if size == (file.width, file.height):
        return f"{file.sha256}.{storage.EXTENSIONS[file.content_type]}", data
    written = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        ImageOps.fit(picture, size, Image.Resampling.LANCZOS).save(written, "PNG")
    return f"{file.sha256}-{size[0]}.png", written.getvalue()


def add_source(user: Any, data: bytes, name: str = "") -> SourcePicture:
    """Keep a picture for the user; the same one again is the same row. Raises AppError."""
    quota.check(user, quota.STORAGE)
    clean = uploads.take_in(data, limits())
    with transaction.atomic():
        file = storage.save(clean.data)
        known = SourcePicture.objects.filter(user=user, file=file, message=None).order_by("pk").first()
        if known is None:
            return SourcePicture.objects.create(user=user, file=file, name=_clean_name(name))
        known.deleted_at, known.created_at = None, timezone.now()
        known.save(update_fields=["deleted_at", "created_at"])
        return known


def add_to_chat(user: Any, chat: Chat | None, data: bytes, name: str = "") -> SourcePicture:
    """Keep a picture as a message of its own, in a chat or in a new one. Raises AppError."""
    quota.check(user, quota.STORAGE)
    clean = uploads.take_in(data, limits())
    name, now = _clean_name(name), timezone.now()
    with transaction.atomic():
        if chat is None:
            chat = Chat.objects.create(user=user, title=title_from(name or "picture"), updated_at=now)
        message = Message.objects.create(
            chat=chat,
            parent_id=chat.leaf_id,
            author=user,
            role=Message.Role.USER,
            kind=Message.Kind.PICTURE,
            content=f"[picture: {name}]",
            finished_at=now,
        )
        chat.leaf, chat.updated_at = message, now
        chat.save(update_fields=["leaf", "updated_at"])
        file = storage.save(clean.data)
        tell_user(user.pk, "chats")
        return SourcePicture.objects.create(user=user, file=file, name=name, message=message)


def describe(source: SourcePicture) -> dict[str, Any]:
    """Return a source as the API and the composer get it."""
    return {
        "source_id": source.pk,
        **({"message_id": source.message_id, "chat_id": source.message.chat_id} if source.message else {}),
        "image_id": source.pk,
        "name": source.name,
        "width": source.file.width,
        "height": source.file.height,
        "url": source.file.url(),
        "thumb_url": source.file.url("256"),
    }


def _clean_name(name: str) -> str:
    """Return the file's own name without folders and what cannot be printed."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:LONGEST_NAME]
