"""All of a person's pictures: found, looked at, chosen, deleted, brought back, taken home."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from accounts.models import User
from chats.models import Chat, Message
from imaging import gallery, metadata, storage
from imaging.models import GeneratedImage, ImageJob, StoredFile
from tests.imaging.studio import Studio, images, pixels, png

pytestmark = pytest.mark.django_db
FETCH = {"X-Requested-With": "fetch"}


def drawn(
    user: User, words: str = "a fox", *, prompt: str = "", variants: int = 1, days: int = 0
) -> ImageJob:
    """Return a finished picture as the gallery sees it; no file is on the disk."""
    chat = Chat.objects.create(user=user, title=words, updated_at=timezone.now())
    message = Message.objects.create(
        chat=chat,
        author=user,
        role=Message.Role.ASSISTANT,
        kind=Message.Kind.PICTURE,
        status=Message.Status.COMPLETE,
    )
    job = ImageJob.objects.create(
        user=user,
        chat=chat,
        message=message,
        description=words,
        prompt=prompt,
        width=256,
        height=256,
        variants=variants,
        status=ImageJob.Status.DONE,
        model_name="flux1-dev-fp8.safetensors",
    )
    ImageJob.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(days=days))
    for index in range(variants):
        file = StoredFile.objects.create(
            sha256=f"{job.pk:060}{index:04}", bytes=1000, width=256, height=256, content_type="image/png"
        )
        GeneratedImage.objects.create(
            job=job, index=index, seed=str(index), status="done", file=file, width=256, height=256
        )
    return job


def found(user: User, **asked: str) -> list[int]:
    return [job.pk for job in gallery.read_page(user, gallery.Wanted.of(asked)).jobs]


def test_words_are_found_in_any_case_in_the_wish_and_in_the_prompt(alice: User) -> None:
    fox = drawn(alice, "Рыжая ЛИСА в снегу", prompt="A red fox in deep snow.")
    drawn(alice, "Маяк у моря", prompt="A lighthouse by the sea.")
    assert found(alice, q="лиса") == [fox.pk]
    assert found(alice, q="DEEP лиса") == [fox.pk]
    assert found(alice, q="лиса lighthouse") == []
    assert found(alice, q="100%_.*") == []


def test_days_and_models_narrow_what_is_shown(alice: User) -> None:
    new, old = drawn(alice), drawn(alice, days=40)
    day = (timezone.localtime() - timedelta(days=20)).date().isoformat()
    assert found(alice, since=day) == [new.pk]
    assert found(alice, until=day) == [old.pk]
    assert found(alice, model="flux1-dev-fp8.safetensors") == [new.pk, old.pk]
    assert found(alice, model="another") == []
    assert found(alice, since="yesterday", until="9999-12-31", before="x") == [new.pk, old.pk]


def test_pages_follow_each_other_without_gap_or_repetition(alice: User) -> None:
    made = [drawn(alice, days=n % 3).pk for n in range(gallery.PAGE + 5)]
    first = gallery.read_page(alice, gallery.Wanted())
    second = gallery.read_page(alice, gallery.Wanted(before=first.next))
    shown = [job.pk for job in (*first.jobs, *second.jobs)]
    assert (len(first.jobs), len(second.jobs), second.next) == (gallery.PAGE, 5, None)
    assert sorted(shown) == made


def test_a_page_takes_as_many_queries_for_sixty_as_for_one(alice: User, alice_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert alice_client.get("/pictures/").status_code == 200
        return len(seen)

    drawn(alice, variants=2)
    few = queries()
    for _ in range(gallery.PAGE):
        drawn(alice, variants=2)
    assert queries() == few


def test_the_chosen_variant_is_the_cover(alice: User, alice_client: Client) -> None:
    job = drawn(alice, variants=3)
    third = images(job)[2]
    assert alice_client.post(f"/pictures/variants/{third.pk}/choose/", headers=FETCH).status_code == 204
    (shown,) = gallery.read_page(alice, gallery.Wanted()).jobs
    assert shown.cover.pk == third.pk  # type: ignore[attr-defined]


def test_what_is_deleted_can_be_brought_back(alice: User, alice_client: Client) -> None:
    job = drawn(alice, variants=2)
    first, second = images(job)
    told = alice_client.post(f"/pictures/variants/{first.pk}/delete/", headers=FETCH).json()
    assert told["images"] == [first.pk]
    assert found(alice) == [job.pk]
    alice_client.post(f"/pictures/variants/{second.pk}/delete/", headers=FETCH)
    assert found(alice) == []
    assert gallery.usage(alice) == gallery.Usage(0, 0, 2, 2000)
    assert alice_client.get("/pictures/bin/").content.count(b'name="image"') == 2
    alice_client.post("/pictures/restore/", {"image": [first.pk, second.pk]}, headers=FETCH)
    assert found(alice) == [job.pk]
    assert gallery.usage(alice) == gallery.Usage(2, 2000, 0, 0)


def test_several_are_deleted_together(alice: User, alice_client: Client) -> None:
    one, two, kept = drawn(alice), drawn(alice, variants=2), drawn(alice)
    told = alice_client.post("/pictures/delete/", {"job": [one.pk, two.pk]}, headers=FETCH).json()
    assert len(told["images"]) == 3
    assert "3" in told["sentence"]
    assert found(alice) == [kept.pk]
    assert alice_client.post("/pictures/delete/", {}, headers=FETCH).status_code == 400
    many = {"job": [str(n) for n in range(1, 300)]}
    assert alice_client.post("/pictures/delete/", many, headers=FETCH).status_code == 413


def test_a_strangers_pictures_are_not_there(alice: User, bob_client: Client) -> None:
    job = drawn(alice, "a secret")
    image = images(job)[0]
    assert b"a secret" not in bob_client.get("/pictures/").content
    for path in ("", "download/"):
        assert bob_client.get(f"/pictures/variants/{image.pk}/{path}").status_code == 404
    for path in ("choose/", "delete/", "vary/"):
        assert bob_client.post(f"/pictures/variants/{image.pk}/{path}").status_code == 404
    for path in ("approve/", "rethink/", "again/", "cancel/"):
        assert bob_client.post(f"/pictures/{job.pk}/{path}").status_code == 404
    bob_client.post("/pictures/delete/", {"job": [job.pk]}, headers=FETCH)
    bob_client.post("/pictures/restore/", {"image": [image.pk]}, headers=FETCH)
    assert found(alice) == [job.pk]
    packed = bob_client.post("/pictures/download/", {"job": [job.pk]}).getvalue()
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == []


def test_the_viewer_the_api_and_the_file_tell_how_a_picture_was_made(
    studio: Studio, alice: User, alice_client: Client
) -> None:
    job = studio.drawn(alice)
    image = images(job)[0]
    page = alice_client.get(f"/pictures/variants/{image.pk}/").content.decode()
    made = page[page.index("How it was made") :]
    for part in ("Steps", "28", "Guidance", "3.5", "euler", "simple", job.workflow_hash[:12], "Drawing took"):
        assert part in made
    told = alice_client.get(f"/api/image/{job.message_id}").json()
    assert told["timings"]["thinking"] >= 0
    assert told["images"][0]["seconds"] > 0
    assert image.file
    timings = metadata.read_from(storage.read(image.file))["timings"]
    assert timings == {**told["timings"], "drawing": told["images"][0]["seconds"]}


def test_a_picture_is_taken_home_with_or_without_what_made_it(
    studio: Studio, alice: User, alice_client: Client
) -> None:
    job = studio.drawn(alice, variants=2)
    image = images(job)[0]
    whole = alice_client.get(f"/pictures/variants/{image.pk}/download/")
    plain = alice_client.get(f"/pictures/variants/{image.pk}/download/?plain=1")
    assert whole["Content-Disposition"] == f'attachment; filename="picture-{job.pk}-1.png"'
    assert metadata.read_from(whole.content)["prompt"] == job.prompt
    with Image.open(io.BytesIO(plain.content)) as picture:
        assert picture.info == {}
        assert pixels(image) == pixels_of(plain.content)
    packed = zipfile.ZipFile(
        io.BytesIO(alice_client.post("/pictures/download/", {"job": [job.pk]}).getvalue())
    )
    assert [packed.read(name) for name in packed.namelist()] == [
        storage.read(image.file) for image in images(job) if image.file
    ]


def pixels_of(data: bytes) -> str:
    """Return the hash of a file's pixels, as `pixels` has it."""
    with Image.open(io.BytesIO(data)) as picture:
        return hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()


def test_stripping_keeps_a_palette_and_its_transparency() -> None:
    picture, written = Image.open(io.BytesIO(png())).convert("P"), io.BytesIO()
    picture.save(written, "PNG", transparency=3)
    with Image.open(io.BytesIO(metadata.without(written.getvalue()))) as stripped:
        assert stripped.convert("RGBA").tobytes() == Image.open(written).convert("RGBA").tobytes()


def test_the_pages_are_there_for_somebody_without_pictures(alice_client: Client) -> None:
    assert b"No pictures yet" in alice_client.get("/pictures/").content
    assert b"No picture fits" in alice_client.get("/pictures/?q=fox").content
    assert b"The bin is empty" in alice_client.get("/pictures/bin/").content
