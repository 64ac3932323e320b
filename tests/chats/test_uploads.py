"""Pictures that people bring along: real bytes of every kind, good and bad."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageDraw

from accounts.errors import AppError
from chats import uploads

LIMITS = uploads.Limits(bytes=8 * 2**20, width=4096, height=4096, longest_side=1024)
FORMATS = ["PNG", "JPEG", "WEBP", "HEIF", "AVIF"]


def photo(size: tuple[int, int] = (640, 480), mode: str = "RGB") -> Image.Image:
    """Return a picture whose upper left corner is red."""
    picture = Image.new(mode, size, "white")
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] // 3, size[1] // 3), "red")
    return picture


def written(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def opened(clean: uploads.CleanPicture) -> Image.Image:
    return Image.open(io.BytesIO(clean.data))


def refusal(data: bytes, limits: uploads.Limits = LIMITS) -> tuple[str, str]:
    with pytest.raises(AppError) as caught:
        uploads.take_in(data, limits)
    return caught.value.code.value, str(caught.value)


def is_red(picture: Image.Image, place: tuple[int, int]) -> bool:
    red, green, blue = picture.convert("RGB").getpixel(place)  # type: ignore[misc]
    return bool(red > 200 and green < 80 and blue < 80)


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_taken_and_made_anew(kind: str) -> None:
    clean = uploads.take_in(written(photo((1600, 1200)), kind), LIMITS)
    with opened(clean) as picture:
        assert picture.size == (clean.width, clean.height) == (1024, 768)
        assert clean.content_type == f"image/{(picture.format or '').lower()}"
        assert clean.content_type == ("image/png" if kind == "PNG" else "image/jpeg")
        assert is_red(picture, (20, 20))
        assert not is_red(picture, (1000, 700))


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((1024, 1024), (1024, 1024)),
        ((4000, 3000), (1024, 768)),
        ((3000, 4000), (768, 1024)),
        ((1000, 700), (992, 704)),
        ((100, 80), (320, 256)),
        ((4096, 1024), (1024, 256)),
        ((1030, 1030), (1024, 1024)),
    ],
)
def test_sides_are_multiples_of_sixteen_in_the_pictures_shape(
    size: tuple[int, int], kept: tuple[int, int]
) -> None:
    assert uploads.fitting(*size, LIMITS) == kept
    clean = uploads.take_in(written(photo(size)), LIMITS)
    assert (clean.width, clean.height) == kept


def test_a_photo_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    clean = uploads.take_in(written(photo((640, 480)), exif=exif), LIMITS)
    with opened(clean) as picture:
        assert picture.size == (480, 640)
        assert is_red(picture, (470, 10))


def test_where_and_when_it_was_taken_is_gone() -> None:
    exif = Image.Exif()
    exif[0x010F] = "ACME"
    exif.get_ifd(0x8825)[1] = "N"
    clean = uploads.take_in(written(photo(), exif=exif, comment=b"<script>alert(1)</script>"), LIMITS)
    with opened(clean) as picture:
        assert dict(picture.getexif()) == {}
        assert b"script" not in clean.data
        assert b"ACME" not in clean.data


def test_text_chunks_of_a_png_are_gone() -> None:
    from PIL import PngImagePlugin

    told = PngImagePlugin.PngInfo()
    told.add_text("prompt", "a secret")
    clean = uploads.take_in(written(photo(), "PNG", pnginfo=told), LIMITS)
    assert b"secret" not in clean.data


def test_what_is_transparent_lies_on_white() -> None:
    picture = Image.new("RGBA", (512, 512), (255, 0, 0, 0))
    with opened(uploads.take_in(written(picture, "PNG"), LIMITS)) as kept:
        assert kept.mode == "RGB"
        assert kept.getpixel((100, 100)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "CMYK", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(mode: str) -> None:
    picture = (
        photo((512, 512)).convert("L").convert("I;16") if mode == "I;16" else photo((512, 512)).convert(mode)
    )
    data = written(picture, "JPEG" if mode == "CMYK" else "PNG")
    with opened(uploads.take_in(data, LIMITS)) as kept:
        assert (kept.mode, kept.size) == ("RGB", (512, 512))


def test_another_colour_space_becomes_srgb_without_its_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    for icc in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile.tobytes(),
        b"rubbish",
    ):
        with opened(uploads.take_in(written(photo(), icc_profile=icc), LIMITS)) as kept:
            assert "icc_profile" not in kept.info


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [photo((256, 256)), Image.new("RGB", (256, 256), "blue")]
    data = io.BytesIO()
    frames[0].save(data, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    with opened(uploads.take_in(data.getvalue(), LIMITS)) as kept:
        assert is_red(kept, (10, 10))


def test_a_photo_with_a_short_film_behind_it_is_a_photo() -> None:
    film = struct.pack(">I", 24) + b"ftypmp42" + bytes(5000)
    assert uploads.take_in(written(photo()) + film, LIMITS).width == 640


# Refused


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG whose header claims to be that large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("evil.html", "<script>alert(1)</script>\xff\xd9")
    return data.getvalue()


@pytest.mark.parametrize("size", [(60000, 60000), (20000, 20000), (4097, 100), (5000, 4000)])
def test_too_many_pixels_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    code, sentence = refusal(bomb(*size))
    assert code == "too_large"
    assert "4096 × 4096" in sentence


def test_a_portrait_may_be_as_long_as_a_landscape_may_be_wide() -> None:
    limits = uploads.Limits(bytes=2**20, width=800, height=400, longest_side=1024)
    assert uploads.take_in(written(photo((400, 800))), limits).height == 800
    assert refusal(written(photo((401, 801))), limits)[0] == "too_large"


def test_too_many_bytes_are_refused() -> None:
    code, sentence = refusal(bytes(9 * 2**20))
    assert (code, "9 MB" in sentence, "8 MB" in sentence) == ("too_large", True, True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("hidden", [zipped(), b"<html><script>alert(1)</script>", b"<?php system(1);"])
def test_something_hidden_behind_a_picture_is_refused(kind: str, hidden: bytes) -> None:
    code, sentence = refusal(written(photo(), kind) + hidden)
    assert (code, "hidden" in sentence) == ("invalid", True)


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", "invalid", "empty"),
        (b"GIF89a" + bytes(50), "wrong_type", "GIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "wrong_type", "SVG"),
        (b"  <?xml version='1.0'?><svg/>", "wrong_type", "SVG"),
        (b"%PDF-1.7", "wrong_type", "PDF"),
        (b"BM" + bytes(60), "wrong_type", "BMP"),
        (b"<html><body>", "wrong_type", "no picture"),
        (b"\x00\x00\x00\x18ftypmp42", "wrong_type", "no picture"),
        (b"rubbish", "wrong_type", "no picture"),
    ],
)
def test_what_is_no_picture_of_ours_is_named(data: bytes, code: str, word: str) -> None:
    told, sentence = refusal(data)
    assert (told, word in sentence) == (code, True), sentence


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_was_cut_off_is_refused(kind: str, share: float) -> None:
    whole = written(photo((900, 700)), kind)
    code, sentence = refusal(whole[: int(len(whole) * share)])
    assert (code, "damaged" in sentence) == ("invalid", True), sentence


def test_long_and_narrow_is_refused() -> None:
    assert "narrow" in refusal(written(photo((2000, 300))))[1]


def test_heif_is_read_by_the_library_that_the_app_brings() -> None:
    assert pillow_heif.libheif_info()["decoders"]
