"""Taking in pictures that people bring along: refused with a reason, or made anew from their pixels alone.

Nothing of what was sent survives but the pixels: the file is decoded, turned upright, brought
into sRGB and written again, so neither a place where a photo was taken nor a script that
somebody hid in it is ever kept. What the content is, its first bytes say; names and declared
types are not asked. Sizes are checked in the header, before anything is decoded.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from dataclasses import dataclass

import pillow_heif
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from accounts.errors import AppError, Code

pillow_heif.register_heif_opener(thumbnails=False)

READ = {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "JPEG", "HEIF": "JPEG", "AVIF": "JPEG"}
"""The formats that are taken, and what each is kept as: a drawing stays without loss, a photo small."""
QUALITY = 92
LEAST_SIDE = 256  # pixels that the shorter side gets at least
MOST_ASPECT = 4.0
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
FOREIGN = (
    b"pk\x03\x04",
    b"%pdf-",
    b"<html",
    b"<script",
    b"<?php",
    b"<!doctype",
    b"rar!\x1a",
    b"7z\xbc\xaf",
    b"\x7felf",
)
"""How files begin (in lower case) that no camera appends to a photo; a second picture or a film it may."""
LOOKED_AT = 4096  # bytes after the picture's end
ZIP_END, ZIP_TAIL = b"PK\x05\x06", 66_000  # a zip is found from its end, wherever its rest is hidden
OTHERS: dict[str, tuple[bytes, ...]] = {
    "GIF": (b"GIF87a", b"GIF89a"),
    "SVG": (b"<svg", b"<?xml"),
    "PDF": (b"%PDF-",),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*"),
}

Sentence = str | Promise


@dataclass(frozen=True)
class Limits:
    """How large an upload may be, and how it is kept: sides in pixels, both multiples of `step`."""

    bytes: int
    width: int
    height: int
    longest_side: int
    step: int = 16


@dataclass(frozen=True)
class CleanPicture:
    """A picture as it is kept."""

    data: bytes
    width: int
    height: int
    content_type: str


def take_in(data: bytes, limits: Limits) -> CleanPicture:
    """Return what was sent as a picture of our own. Raises AppError with the reason.

    The first picture counts of several (an animation, a burst).
    """
    if not data:
        raise _refuse(_("The file is empty. Choose another picture."))
    if len(data) > limits.bytes:
        sentence = _("The file has %(has)s MB, at most %(most)s MB are taken. Make it smaller and try again.")
        raise _refuse(sentence, Code.TOO_LARGE, has=_mega(len(data)), most=_mega(limits.bytes))
    kind = sniff(data)
    _check_end(data, kind)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _made_anew(data, kind, limits)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(limits) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, struct.error):
        raise _refuse(
            _("The picture is damaged or was cut off on its way. Send it again, or save it anew first.")
        ) from None


def sniff(data: bytes) -> str:
    """Return the format that the first bytes name, a key of READ. Raises AppError."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        return "AVIF" if data[8:11] == b"avi" else "HEIF"
    start = data[:256].lstrip()
    other = next((name for name, marks in OTHERS.items() if start.startswith(marks)), "")
    if other:
        sentence = _("%(format)s pictures are not taken. Save it as PNG, JPEG, WebP or HEIC and try again.")
        raise _refuse(sentence, Code.WRONG_TYPE, format=other)
    raise _refuse(_("This is no picture. PNG, JPEG, WebP and HEIC are taken."), Code.WRONG_TYPE)


def fitting(width: int, height: int, limits: Limits) -> tuple[int, int]:
    """Return the size that a picture is kept in: its shape, both sides multiples of the step."""
    scale = min(1.0, limits.longest_side / max(width, height))
    scale = max(scale, LEAST_SIDE / min(width, height))
    sides = (max(LEAST_SIDE, round(side * scale / limits.step) * limits.step) for side in (width, height))
    wide, high = (min(side, limits.longest_side // limits.step * limits.step) for side in sides)
    return wide, high


def _made_anew(data: bytes, kind: str, limits: Limits) -> CleanPicture:
    with Image.open(io.BytesIO(data), formats=list(READ)) as header:
        _check_size(*header.size, limits)
        header.verify()
    with Image.open(io.BytesIO(data), formats=list(READ)) as picture:
        picture.draft("RGB", (limits.longest_side, limits.longest_side))  # a large JPEG is decoded smaller
        upright = ImageOps.exif_transpose(picture)
        size = fitting(*upright.size, limits)
        flat = _on_white(_in_srgb(upright, picture.info.get("icc_profile")))
        kept = flat if flat.size == size else ImageOps.fit(flat, size, Image.Resampling.LANCZOS)
    kept.info.clear()
    written, kept_as = io.BytesIO(), READ[kind]
    kept.save(written, kept_as, **({"quality": QUALITY} if kept_as == "JPEG" else {}))
    return CleanPicture(written.getvalue(), *kept.size, content_type=f"image/{kept_as.lower()}")


def _check_size(width: int, height: int, limits: Limits) -> None:
    upright = width <= limits.width and height <= limits.height
    if not upright and not (width <= limits.height and height <= limits.width):
        raise _too_many_pixels(limits)
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise _refuse(
            _("The picture is too long and narrow: one side may be at most four times the other. Crop it.")
        )


def _check_end(data: bytes, kind: str) -> None:
    """Refuse what goes on after the picture's end as something else."""
    after = data[END[kind](data) :] if kind in END else b""
    foreign = any(mark in after[:LOOKED_AT].lower() for mark in FOREIGN)
    if foreign or ZIP_END in data[-ZIP_TAIL:] or (kind == "PNG" and after.strip(b"\0")):
        raise _refuse(
            _("Something else is hidden behind the picture in this file. Save it anew, then send it.")
        )


def _jpeg_end(data: bytes) -> int:
    end = data.rfind(b"\xff\xd9")
    return len(data) if end < 0 else end + 2


def _png_end(data: bytes) -> int:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        at += 12 + length
        if kind == b"IEND":
            return at
    return len(data)  # cut off: the decoder says so


def _riff_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


END = {"PNG": _png_end, "JPEG": _jpeg_end, "WEBP": _riff_end}


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture with 8 bits a channel in the colours that every screen and model expects."""
    if picture.mode.startswith("I"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            told = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return told or picture
    return picture


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def _too_many_pixels(limits: Limits) -> AppError:
    sentence = _(
        "The picture is too large: at most %(width)d × %(height)d pixels. Make it smaller and try again."
    )
    return _refuse(sentence, Code.TOO_LARGE, width=limits.width, height=limits.height)


def _refuse(sentence: Sentence, code: Code = Code.INVALID, **about: object) -> AppError:
    told = sentence % about if about else sentence
    return AppError(told, code=code, fields={"file": [told]})


def _mega(count: int) -> str:
    return f"{count / 2**20:.3g}"
