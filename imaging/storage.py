"""Pictures on disk: private, each content once, found by its hash. Never served but through `imaging.views`.

A file appears whole or not at all: it is written beside its place, flushed and renamed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from accounts.errors import AppError, Code
from imaging.models import StoredFile

logger = logging.getLogger(__name__)
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
THUMBS = (256, 768)  # pixels of the longest side
THUMB_QUALITY = 80
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
    if not place.exists() or place.stat().st_size != len(data):
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
    """Take the file and its thumbnails from the disk, then its row."""
    for place in (path(file), *(_place(file.sha256, f"{side}.webp") for side in THUMBS)):
        place.unlink(missing_ok=True)
    file.delete()


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
