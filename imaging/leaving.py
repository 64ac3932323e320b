"""A person's pictures when they go: as files to take along, and off the disk for good."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from accounts.models import User
from accounts.zipping import File
from chats.exporting.archive import ENDINGS
from imaging import storage
from imaging.models import GeneratedImage, ImageJob, SourcePicture, StoredFile

logger = logging.getLogger(__name__)
AT_ONCE = 100  # rows of one deletion


def export(user: User) -> Iterator[File]:
    """Yield the person's pictures, drawn and brought, and a list of what made them."""
    told: list[dict[str, Any]] = []
    drawn = GeneratedImage.objects.visible_to(user).finished().select_related("file", "job")
    for image in drawn.order_by("pk").iterator(chunk_size=100):
        about = {"description": image.job.description, "seed": image.seed, "at": image.created_at}
        yield from _file(image.file, about, told)
    brought = SourcePicture.objects.filter(user=user, deleted_at=None).select_related("file")
    for source in brought.order_by("pk").iterator(chunk_size=100):
        yield from _file(source.file, {"name": source.name, "at": source.created_at}, told)
    if told:
        listed = json.dumps(told, ensure_ascii=False, indent=2, default=str)
        yield "pictures/pictures.json", listed.encode()


def _file(file: StoredFile | None, about: dict[str, Any], told: list[dict[str, Any]]) -> Iterator[File]:
    if file is None:
        return
    name = f"pictures/{file.sha256}.{ENDINGS.get(file.content_type, 'bin')}"
    try:
        yield name, storage.read(file)
    except FileNotFoundError:
        logger.warning("the file %s is gone and cannot be exported", file)
        return
    told.append({"file": name, **about})


def purge(user: User) -> None:
    """Remove the person's pictures: their rows, then the files that nobody else's pictures refer to."""
    files = _files_of(user)
    for rows in (ImageJob.objects.filter(user=user), SourcePicture.objects.filter(user=user)):
        while gone := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
            rows.filter(pk__in=gone).delete()
    for file in StoredFile.objects.orphans().filter(pk__in=files):
        storage.remove(file)


def _files_of(user: User) -> set[int]:
    drawn = GeneratedImage.objects.filter(job__user=user).exclude(file=None).values_list("file_id", flat=True)
    brought = SourcePicture.objects.filter(user=user).values_list("file_id", flat=True)
    return {number for number in (*drawn, *brought) if number}
