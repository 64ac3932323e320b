"""People's own little pictures: made anew from their pixels, small, shown to signed-in people alone."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from accounts.errors import AppError, Code
from accounts.models import Avatar, User

READ = ("PNG", "JPEG", "WEBP")  # never SVG: what can hold a script is no picture here
MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 50_000_000
SIDE = 256  # pixels
QUALITY = 85
TOO_LARGE = _("This picture is too large. At most 10 MB and 50 megapixels are taken.")
NO_PICTURE = _("This is no picture that is taken here. PNG, JPEG and WebP are.")
BROKEN = (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, struct.error)


def set_avatar(user: User, data: bytes) -> Avatar:
    """Keep a person's picture, made anew. Raises AppError: too_large, wrong_type."""
    small = make_small(data)
    told = {"sha": hashlib.sha256(small).hexdigest(), "data": small}
    return Avatar.objects.update_or_create(user=user, defaults=told)[0]


def remove_avatar(user: User) -> None:
    """Let the initials stand again."""
    Avatar.objects.filter(user=user).delete()


def sha_of(user: User) -> str:
    """Return the name of the person's picture; empty where they have none. One small query."""
    return Avatar.objects.filter(user=user).values_list("sha", flat=True).first() or ""


def make_small(data: bytes) -> bytes:
    """Return the middle of a picture as a small square WebP. Raises AppError: too_large, wrong_type."""
    if len(data) > MOST_BYTES:
        raise AppError(TOO_LARGE, code=Code.TOO_LARGE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _made_anew(data)
    except Image.DecompressionBombError:
        raise AppError(TOO_LARGE, code=Code.TOO_LARGE) from None
    except BROKEN:
        raise AppError(NO_PICTURE, code=Code.WRONG_TYPE) from None


def _made_anew(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=READ) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise AppError(TOO_LARGE, code=Code.TOO_LARGE)
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # a large JPEG is decoded smaller
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    square = ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.LANCZOS)
    flat = Image.new("RGB", square.size, "white")
    flat.paste(square, mask=square.getchannel("A"))
    written = io.BytesIO()
    flat.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()
