"""Placeholder until the real module lands (temporary, overwrite me)."""

from __future__ import annotations

import hashlib
import io

from django.conf import settings
from PIL import Image

from imaging.models import StoredFile

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def save(data: bytes) -> StoredFile:
    sha = hashlib.sha256(data).hexdigest()
    folder = settings.IMAGE_STORAGE_PATH / sha[:2]
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        kind = f"image/{(picture.format or '').lower()}"
    (folder / f"{sha}.{EXTENSIONS[kind]}").write_bytes(data)
    facts = {"bytes": len(data), "width": width, "height": height, "content_type": kind}
    return StoredFile.objects.get_or_create(sha256=sha, defaults=facts)[0]


def read(file: StoredFile) -> bytes:
    name = f"{file.sha256}.{EXTENSIONS[file.content_type]}"
    return bytes((settings.IMAGE_STORAGE_PATH / file.sha256[:2] / name).read_bytes())


def remove(file: StoredFile) -> None:
    file.delete()
