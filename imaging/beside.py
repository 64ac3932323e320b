"""Pictures beside messages: what people show to a model that sees."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats import attachments, parts
from chats.attachments import Picture
from chats.forms import MOST_PICTURES
from chats.models import Message
from imaging import storage
from imaging.models import GeneratedImage, MessagePicture, SourcePicture

logger = logging.getLogger(__name__)


def register() -> None:
    """Have messages keep their pictures here, and the composer take them."""
    attachments.register(attachments.Keeper(attach, show, read, copy, drawn))
    parts.add_tool(parts.Tool(tool, above="imaging/_tray.html", menu="imaging/_attach.html"))


def tool(user: Any) -> dict[str, Any]:
    """Return what the composer's tray of pictures needs to know."""
    return {"most": MOST_PICTURES, "seeing": settings.OLLAMA_VISION_MODEL}


def attach(message: Message, picture_ids: Sequence[int], user: Any) -> None:
    """Put the user's own uploads beside a message, in this order. Raises AppError not_found."""
    wanted = list(dict.fromkeys(picture_ids))
    if SourcePicture.objects.visible_to(user).filter(pk__in=wanted).count() < len(wanted):
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    _put(message, wanted)


def show(message_ids: Sequence[int]) -> dict[int, list[Picture]]:
    """Return the pictures of each message that has any, in their order, in two queries."""
    return {
        message_id: [_describe(source) for source in sources]
        for message_id, sources in of_messages(message_ids).items()
    }


def read(message_id: int) -> list[bytes]:
    """Return the files of a message's pictures as they are kept, without those that the disk has lost."""
    files = []
    for source in of_messages([message_id]).get(message_id, []):
        try:
            files.append(storage.read(source.file))
        except FileNotFoundError:
            logger.warning("the file of source picture %s is gone", source.pk)
    return files


def copy(original: Message, copy: Message) -> None:
    """Put a message's pictures beside its copy too."""
    _put(copy, [source.pk for source in of_messages([original.pk]).get(original.pk, [])])


def drawn(message_ids: Sequence[int]) -> dict[int, list[Picture]]:
    """Return the finished variants of each picture message, in one query."""
    images = GeneratedImage.objects.finished().filter(job__message__in=message_ids, deleted_at=None)
    found: dict[int, list[Picture]] = defaultdict(list)
    for image in images.select_related("job", "file").order_by("index"):
        found[image.job.message_id].append(_describe_variant(image))
    return found


def _put(message: Message, source_ids: Sequence[int]) -> None:
    MessagePicture.objects.bulk_create(
        MessagePicture(message=message, source_id=source_id, position=position)
        for position, source_id in enumerate(source_ids)
    )


def of_messages(message_ids: Sequence[int]) -> dict[int, list[SourcePicture]]:
    """Return each message's pictures: those beside it, and the one that it was made for."""
    found: dict[int, list[SourcePicture]] = defaultdict(list)
    alone = SourcePicture.objects.filter(message__in=message_ids, deleted_at=None)
    for source in alone.select_related("file"):
        found[source.message_id or 0].append(source)
    beside = MessagePicture.objects.filter(message__in=message_ids).select_related("source__file")
    for picture in beside:
        found[picture.message_id].append(picture.source)
    return found


def _describe_variant(image: GeneratedImage) -> Picture:
    file = image.file
    assert file is not None  # noqa: S101 - `finished` has looked
    return Picture(
        id=image.pk,
        name="",
        url=file.url(),
        page_url=reverse("imaging:one", args=[image.pk]),
        thumb_url=file.url("256"),
        preview_url=file.url("768"),
        width=image.width,
        height=image.height,
    )


def _describe(source: SourcePicture) -> Picture:
    return Picture(
        id=source.pk,
        name=source.name,
        url=source.file.url(),
        page_url=reverse("imaging:source", args=[source.pk]),
        thumb_url=source.file.url("256"),
        preview_url=source.file.url("768"),
        width=source.file.width,
        height=source.file.height,
    )
