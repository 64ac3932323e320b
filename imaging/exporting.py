"""Pictures on their way out of here and back in: those beside messages, and those that were drawn."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from chats import luggage, uploads
from chats.luggage import Packing, Unpacking
from chats.models import Message
from chats.told import Told
from imaging import beside, metadata, sources, storage
from imaging.api import shapes
from imaging.models import (
    MOST_VARIANTS,
    GeneratedImage,
    ImageJob,
    MessagePicture,
    SourcePicture,
    StoredFile,
)

logger = logging.getLogger(__name__)
LONGEST_WORDS = 100_000  # characters of a description or a prompt
MOST_BESIDE = 16
GREATEST_SIDE = 16_384  # pixels
JOB_TEXTS = ("description", "prompt", "negative", "vision_text", "vision_shown")
JOB_WORDS = {"seed": 20, "change": 16, "workflow_hash": 64, "model_name": 190, "error_code": 32}
JOB_TIMES = ("started_at", "finished_at", "cancelled_at")
JOB_FACTS = ("settings", "notices", "numbers", "error_about")
SETTING_WORDS = ("sampler", "scheduler", "sampler_name")


@dataclass(frozen=True)
class Kept:
    """A picture of the file that is on the disk already; `told` is what stood beside it."""

    file: StoredFile
    told: dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """A job of the file."""

    fields: dict[str, Any]
    created_at: datetime
    source: Kept | None
    images: list[Kept]


def register() -> None:
    """Have exports carry pictures."""
    luggage.register(luggage.Carrier("beside", pack_beside, check_beside, put_beside))
    luggage.register(luggage.Carrier("drawing", pack_drawings, check_drawing, put_drawing))


def pack_beside(messages: Sequence[Message], packing: Packing) -> dict[int, dict[str, Any]]:
    """Return the pictures of the messages that have any."""
    found: dict[int, dict[str, Any]] = {}
    for message_id, pictures in beside.of_messages([message.pk for message in messages]).items():
        packed = [_packed(source.file, source.name, packing) for source in pictures]
        alone = any(source.message_id == message_id for source in pictures)
        found[message_id] = {"alone": alone, "pictures": [told for told in packed if told]}
    return found


def check_beside(told: Told, unpacking: Unpacking, user: Any) -> dict[str, Any]:
    """Keep the pictures, and return them. Raises AppError."""
    kept = [_keep_source(row, unpacking, user) for row in told.rows("pictures", most=MOST_BESIDE)]
    once = {picture.file.pk: picture for picture in kept}
    return {"alone": told.flag("alone"), "pictures": list(once.values())}


def put_beside(message: Message, checked: dict[str, Any]) -> None:
    """Put the pictures beside a message as they were."""
    if checked["alone"] and len(checked["pictures"]) == 1:
        [kept] = checked["pictures"]
        SourcePicture.objects.create(
            user=message.author, file=kept.file, name=kept.told["name"], message=message
        )
        return
    MessagePicture.objects.bulk_create(
        MessagePicture(message=message, source=_source(kept, message), position=position)
        for position, kept in enumerate(checked["pictures"])
    )


def pack_drawings(messages: Sequence[Message], packing: Packing) -> dict[int, dict[str, Any]]:
    """Return the jobs of the messages that are drawings, with their finished variants."""
    wanted = [message.pk for message in messages if message.kind == Message.Kind.PICTURE]
    found = shapes.with_images(ImageJob.objects.filter(message__in=wanted)) if wanted else ()
    return {job.message_id: _pack_job(job, packing) for job in found}


def _pack_job(job: ImageJob, packing: Packing) -> dict[str, Any]:
    names = (*JOB_TEXTS, *JOB_WORDS, *JOB_FACTS, "kind", "strength", "denoise", "width", "height", "variants")
    told: dict[str, Any] = {name: getattr(job, name) for name in names}
    told["status"] = job.status if job.is_final else ImageJob.Status.CANCELLED.value
    for name in (*JOB_TIMES, "created_at"):
        moment = getattr(job, name)
        told[name] = moment.isoformat() if moment else None
    source = job.source or job.source_image
    if source and source.file and (packed := _packed(source.file, str(getattr(source, "name", "")), packing)):
        told["source"] = packed
    images = (_pack_image(job, image, packing) for image in job.shown if image.file)  # type: ignore[attr-defined]
    return {**told, "pictures": [image for image in images if image]}


def _pack_image(job: ImageJob, image: GeneratedImage, packing: Packing) -> dict[str, Any] | None:
    packed = _packed(image.file, job.description[:190], packing) if image.file else None
    about = {"index": image.index, "seed": image.seed, "chosen": image.chosen, "numbers": image.numbers}
    return {**packed, **about} if packed else None


def _packed(file: StoredFile, name: str, packing: Packing) -> dict[str, Any] | None:
    """Return a picture as JSON; None for one that the disk has lost."""
    try:
        data = storage.read(file)
    except FileNotFoundError:
        logger.warning("the file %s is gone and cannot be exported", file)
        return None
    return {"name": name, "width": file.width, "height": file.height, **packing(data, file.content_type)}


def check_drawing(told: Told, unpacking: Unpacking, user: Any) -> Drawing:
    """Keep the variants, and return the job. Raises AppError."""
    fields: dict[str, Any] = {
        **{name: told.text(name, most=LONGEST_WORDS) for name in JOB_TEXTS},
        **{name: told.text(name, most=most) for name, most in JOB_WORDS.items()},
        **{name: told.moment(name) for name in JOB_TIMES},
        "kind": told.choice("kind", ImageJob.Kind.values),
        "strength": told.choice("strength", ["", *ImageJob.Strength.values], ""),
        "status": told.choice("status", [status.value for status in ImageJob.FINAL]),
        "denoise": _denoise(told),
        "width": told.number("width", low=1, high=GREATEST_SIDE),
        "height": told.number("height", low=1, high=GREATEST_SIDE),
        "variants": told.number("variants", low=1, high=MOST_VARIANTS),
        "settings": told.numbers("settings", *SETTING_WORDS),
        "notices": _notices(told),
        "numbers": told.numbers("numbers"),
        "error_about": told.facts("error_about"),
    }
    source = _keep_source(told.inner("source"), unpacking, user) if told.data.get("source") else None
    rows = told.rows("pictures", most=fields["variants"])
    images = {
        kept.told["index"]: kept for kept in (_keep_image(row, fields, unpacking, user) for row in rows)
    }
    return Drawing(fields, told.moment("created_at") or timezone.now(), source, list(images.values()))


def put_drawing(message: Message, drawing: Drawing) -> None:
    """Give a message its job, and the job its variants."""
    source = _source(drawing.source, message) if drawing.source else None
    job = ImageJob.objects.create(
        user=message.author, chat=message.chat, message=message, source=source, **drawing.fields
    )
    ImageJob.objects.filter(pk=job.pk).update(created_at=drawing.created_at)
    GeneratedImage.objects.bulk_create(
        GeneratedImage(
            job=job,
            status=GeneratedImage.Status.DONE,
            file=kept.file,
            width=kept.file.width,
            height=kept.file.height,
            finished_at=drawing.fields["finished_at"],
            **{name: value for name, value in kept.told.items() if name != "name"},
        )
        for kept in drawing.images
    )


def _keep_source(told: Told, unpacking: Unpacking, user: Any) -> Kept:
    """Keep a picture that somebody brought along: ours as it is, any other made anew from its pixels."""
    data, name = unpacking(told), told.text("name")
    file = _known(data, user) or storage.save(uploads.take_in(data, sources.limits()).data)
    return Kept(file, {"name": name})


def _keep_image(told: Told, job: dict[str, Any], unpacking: Unpacking, user: Any) -> Kept:
    """Keep a variant: its pixels and what its text says, nothing that hides elsewhere in the file."""
    data = unpacking(told)
    about = {
        "index": told.number("index", low=0, high=job["variants"] - 1),
        "seed": told.text("seed", most=20),
        "chosen": told.flag("chosen"),
        "numbers": told.numbers("numbers"),
    }
    if file := _known(data, user):
        return Kept(file, about)
    try:
        png, _width, _height = metadata.as_png(data)
    except ValueError:
        raise told.wrong("data") from None
    return Kept(storage.save(metadata.without(png, keep_text=True)), about)


def _known(data: bytes, user: Any) -> StoredFile | None:
    """Return the very file if the user has it here already."""
    mine = StoredFile.objects.visible_to(user).filter(sha256=hashlib.sha256(data).hexdigest())
    return next((file for file in mine if storage.path(file).exists()), None)


def _source(kept: Kept, message: Message) -> SourcePicture:
    mine = SourcePicture.objects.filter(user=message.author, file=kept.file, message=None, deleted_at=None)
    return mine.first() or SourcePicture.objects.create(
        user=message.author, file=kept.file, name=kept.told["name"]
    )


def _denoise(told: Told) -> float | None:
    value = told.data.get("denoise")
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise told.wrong("denoise")
    return float(value)


def _notices(told: Told) -> list[str]:
    notices = told.values("notices", most=50)
    if not all(isinstance(notice, str) and len(notice) <= 64 for notice in notices):
        raise told.wrong("notices")
    return notices
