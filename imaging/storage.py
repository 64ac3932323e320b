"""Pictures on disk: private, each content once, found by its hash. Never served but through `imaging.views`.

A file appears whole or not at all: it is written beside its place, flushed and renamed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from accounts.errors import AppError, Code
from imaging.models import PictureDescription, StoredFile

logger = logging.getLogger(__name__)
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
THUMBS = (256, 768)  # pixels of the longest side
THUMB_QUALITY = 80
OURS = re.compile(r"(?P<beside>\.?)(?P<sha256>[0-9a-f]{64})\..+")
"""The names of files here; those that are not in their places yet begin with a dot."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def save(data: bytes) -> StoredFile:
    """Keep a picture, the same bytes once; return its row. Raises AppError, OSError, ValueError."""
    sha256 = hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        content_type = f"image/{(picture.format or '').lower()}"
    if content_type not in EXTENSIONS:
        raise ValueError(f"{content_type} is not kept")
    place = _place(sha256, EXTENSIONS[content_type])
    if place.exists() and place.stat().st_size == len(data):
        place.touch()  # as young as if it were written now: no sweep takes it before its row is there
    else:
        _write(place, data)
    facts = {"bytes": len(data), "width": width, "height": height, "content_type": content_type}
    return StoredFile.objects.get_or_create(sha256=sha256, defaults=facts)[0]


def path(file: StoredFile) -> Path:
    """Return where a file is."""
    return _place(file.sha256, EXTENSIONS[file.content_type])


def read(file: StoredFile) -> bytes:
    """Return a file's bytes. Raises OSError."""
    return path(file).read_bytes()


def thumb(file: StoredFile, side: int) -> Path:
    """Return a thumbnail as WebP, made at its first use; `side` is in THUMBS. Raises OSError, AppError."""
    place = _place(file.sha256, f"{side}.webp")
    if not place.exists():
        _write(place, _shrunk(read(file), side))
    return place


def remove(file: StoredFile) -> None:
    """Take a file and what is known of it away; one that something refers to again meanwhile stays."""
    places = [path(file), *(_place(file.sha256, f"{side}.webp") for side in THUMBS)]
    try:
        with transaction.atomic():
            PictureDescription.objects.filter(sha256=file.sha256).delete()
            file.delete()
            for place in places:  # before the row's end is known: the same picture sent again waits for it
                place.unlink(missing_ok=True)
    except (ProtectedError, IntegrityError):
        logger.info("the file %s is in use again and stays", file)


def remove_strays(before: datetime) -> int:
    """Remove what was left here before then by whoever died over it; returns how many files."""
    count = 0
    for folder in Path(settings.IMAGE_STORAGE_PATH).glob("[0-9a-f][0-9a-f]"):
        count += sum(_remove_stray(place, before) for place in _strays(folder))
    return count


def _strays(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that no row knows, and those that were never finished."""
    known = set(StoredFile.objects.filter(sha256__startswith=folder.name).values_list("sha256", flat=True))
    for place in folder.iterdir():
        found = OURS.fullmatch(place.name)
        if found and (found["beside"] or found["sha256"] not in known):
            yield place


def _remove_stray(place: Path, before: datetime) -> bool:
    try:
        old = place.stat().st_mtime < before.timestamp()
        if old:
            place.unlink()
    except FileNotFoundError:
        return False
    return old


def _place(sha256: str, ending: str) -> Path:
    return Path(settings.IMAGE_STORAGE_PATH) / sha256[:2] / f"{sha256}.{ending}"


def _shrunk(data: bytes, side: int) -> bytes:
    written = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.draft("RGB", (side, side))
        shown = ImageOps.exif_transpose(picture).convert("RGB")
        shown.thumbnail((side, side))
        shown.save(written, "WEBP", quality=THUMB_QUALITY, method=2)
    return written.getvalue()


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        beside.unlink(missing_ok=True)
        if error.errno not in FULL:
            raise
        logger.exception("the disk is full")
        raise AppError(
            _("The disk is full, so the picture could not be kept. Nothing else is lost; tell the admin."),
            code=Code.UNAVAILABLE,
        ) from error
