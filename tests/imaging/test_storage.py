from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import override_settings
from django.utils import timezone
from PIL import Image

from accounts.errors import AppError
from accounts.models import User
from imaging import storage
from imaging.models import PictureDescription, SourcePicture, StoredFile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with override_settings(IMAGE_STORAGE_PATH=tmp_path / "pictures"):
        yield tmp_path / "pictures"


def picture(colour: str = "red", kind: str = "PNG", size: tuple[int, int] = (640, 320)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, kind)
    return written.getvalue()


def test_what_is_saved_is_read_back() -> None:
    data = picture()
    file = storage.save(data)
    assert storage.read(file) == data
    assert (file.width, file.height, file.bytes, file.content_type) == (640, 320, len(data), "image/png")


def test_the_same_bytes_are_kept_once(folder: Path) -> None:
    first, second = storage.save(picture()), storage.save(picture())
    assert first.pk == second.pk
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
def test_the_kind_is_told_by_the_content(kind: str, ending: str) -> None:
    assert storage.path(storage.save(picture(kind=kind))).suffix == f".{ending}"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_kinds_are_not_kept(kind: str, folder: Path) -> None:
    with pytest.raises(ValueError, match="not kept"):
        storage.save(picture(kind=kind))
    assert not folder.exists()


def test_a_half_written_file_is_written_anew() -> None:
    data = picture()
    file = storage.save(data)
    storage.path(file).write_bytes(data[:20])
    storage.save(data)
    assert storage.read(file) == data


@pytest.mark.parametrize("side", storage.THUMBS)
def test_a_thumbnail_is_made_once(side: int) -> None:
    file = storage.save(picture(size=(1600, 800)))
    place = storage.thumb(file, side)
    made = place.stat().st_mtime_ns
    with Image.open(place) as small:
        assert (small.format, max(small.size)) == ("WEBP", side)
    assert storage.thumb(file, side).stat().st_mtime_ns == made


def test_removing_takes_everything(folder: Path) -> None:
    file = storage.save(picture())
    storage.thumb(file, 256)
    storage.remove(file)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert not StoredFile.objects.exists()


def test_a_file_that_is_used_again_is_not_removed(alice: User) -> None:
    file = storage.save(picture())
    SourcePicture.objects.create(user=alice, file=file)
    storage.remove(file)
    assert StoredFile.objects.get() == file
    assert storage.path(file).exists()


def test_what_a_model_saw_in_a_file_goes_with_it() -> None:
    file, other = storage.save(picture()), storage.save(picture("blue"))
    for one in (file, other):
        PictureDescription.objects.create(sha256=one.sha256, model_name="llava", text="A red wall.")
    storage.remove(file)
    assert PictureDescription.objects.get().sha256 == other.sha256


def test_what_was_left_behind_is_removed_and_nothing_else(folder: Path) -> None:
    kept, lost = storage.save(picture()), storage.save(picture("blue"))
    storage.thumb(kept, 256)
    storage.thumb(lost, 256)
    lost_place = storage.path(lost)
    StoredFile.objects.filter(pk=lost.pk).delete()
    half = storage.path(kept).with_name(f".{kept.sha256}.png.0a1b2c3d")
    theirs = storage.path(kept).with_name("holiday.png")
    for place in (half, theirs):
        place.write_bytes(b"x")
    now = timezone.now()
    assert storage.remove_strays(now - timedelta(hours=1)) == 0
    assert storage.remove_strays(now + timedelta(hours=1)) == 3
    assert not lost_place.exists()
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        f"{kept.sha256}.png", f"{kept.sha256}.256.webp", "holiday.png",
    }  # fmt: skip


def test_a_full_disk_leaves_no_half_file(folder: Path) -> None:
    """A device that is always full stands where the folder would be: the write fails as on a full disk."""
    data = picture()
    place = storage.path(storage.save(data))
    place.unlink()
    place.parent.rmdir()
    place.parent.symlink_to("/proc/self")  # nothing can be created there
    with pytest.raises((AppError, OSError)):
        storage.save(data)
    assert not place.exists()
