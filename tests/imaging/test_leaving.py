"""Pictures go along with whoever takes their data, and off the disk with whoever leaves for good."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import exporting, leaving
from accounts.models import User
from imaging import storage
from imaging.models import GeneratedImage, ImageJob, SourcePicture, StoredFile
from tests.imaging.studio import Studio, upload

pytestmark = pytest.mark.django_db


def test_an_export_has_each_picture_once_with_what_made_it(looked: Studio, alice: User, bob: User) -> None:
    looked.drawn(alice, variants=2)
    upload(alice, "red")
    upload(bob, "blue")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(exporting.export_zip(alice))))
    names = [name for name in archive.namelist() if name.startswith("pictures/") and name.endswith(".png")]
    assert len(names) == len(set(names)) == 3
    told = json.loads(archive.read("pictures/pictures.json"))
    assert {row["file"] for row in told} == set(names)
    assert [bool(row.get("seed")) for row in told] == [True, True, False]


def test_files_go_with_their_owner_but_not_what_others_have_too(
    looked: Studio, alice: User, bob: User
) -> None:
    looked.drawn(alice)
    shared, own = upload(alice, "red"), upload(alice, "green")
    assert upload(bob, "red").file == shared.file
    lost = [storage.path(own.file), *(storage.path(file) for file in _drawn(alice))]
    assert all(place.exists() for place in lost)
    leaving.leave(alice)
    leaving.purge_left(now=timezone.now() + timedelta(days=31))
    assert not any(place.exists() for place in lost)
    assert storage.path(shared.file).exists()
    assert list(StoredFile.objects.all()) == [shared.file]
    assert not ImageJob.objects.exists()
    assert SourcePicture.objects.get().user == bob


def _drawn(user: User) -> list[StoredFile]:
    images = GeneratedImage.objects.filter(job__user=user).select_related("file")
    return [image.file for image in images if image.file]
