"""Pictures that people bring along, through the pages and the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from accounts.models import User
from imaging import ordering, sources
from imaging.models import ImageJob, SourcePicture
from tests.imaging.studio import Studio, png

API = "/api/image/upload"
DOORS = ["/api/image/upload", "/api/image/upload/", "/pictures/sources/"]
FETCH = {"X-Requested-With": "fetch"}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Any, db: None) -> Any:
    with override_settings(IMAGE_STORAGE_PATH=tmp_path):
        yield


def sent(data: bytes = b"", name: str = "photo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data or png(), content_type="image/png")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("field", ["file", "image"])
def test_a_picture_is_kept_and_served_to_its_owner_alone(
    alice_client: Client, bob_client: Client, door: str, field: str
) -> None:
    response = alice_client.post(door, {field: sent()}, headers=FETCH)
    told = response.json()
    assert (response.status_code, told["width"], told["name"]) == (201, 256, "photo.png")
    for url in (told["url"], told["thumb_url"]):
        mine = alice_client.get(url)
        assert mine.status_code == 200
        assert mine.getvalue()
        assert bob_client.get(url).status_code == 404
        assert Client().get(url).status_code in (302, 401)


@pytest.mark.parametrize("door", DOORS)
def test_nobody_brings_a_picture_without_signing_in(client: Client, door: str) -> None:
    assert client.post(door, {"file": sent()}, headers=FETCH).status_code in (302, 401)
    assert not SourcePicture.objects.exists()


@pytest.mark.parametrize("door", DOORS)
def test_what_is_refused_is_said_in_the_readers_language(alice_client: Client, door: str) -> None:
    response = alice_client.post(
        door, {"file": sent(b"GIF89a rest")}, headers={**FETCH, "Accept-Language": "ru"}
    )
    assert response.status_code == 415
    assert "GIF" in response.json()["error"]["message"]
    assert alice_client.post(door, {}, headers=FETCH).status_code == 400
    with override_settings(IMAGE_MAX_BYTES_UPLOAD=1000):
        assert alice_client.post(door, {"file": sent(bytes(5000))}, headers=FETCH).status_code == 413


def test_the_same_picture_is_one_row_and_comes_back_when_it_was_deleted(alice: User, bob: User) -> None:
    first = sources.add_source(alice, png(), "one.png")
    ordering.delete_source(first)
    again = sources.add_source(alice, png(), "two.png")
    his = sources.add_source(bob, png())
    assert (again.pk, again.deleted_at) == (first.pk, None)
    assert his.pk != first.pk
    assert his.file == first.file


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd.png", "passwd.png"), ("C:\\photos\\cat.jpg", "cat.jpg"), ("a\nb\x00.png", "ab.png")],
)
def test_a_name_is_only_a_name(alice: User, name: str, kept: str) -> None:
    assert sources.add_source(alice, png(), name).name == kept


def order(client: Client, **more: Any) -> Any:
    wish = {"content": "make it blue", "variants": "1", "size": "832x1216", **more}
    return client.post("/pictures/order/", wish, headers=FETCH)


def test_the_composer_orders_a_change_of_a_picture(studio: Studio, alice: User, alice_client: Client) -> None:
    source = sources.add_source(alice, png(size=(640, 480)))
    assert order(alice_client, source=source.pk, strength="keep", seed="7").status_code == 200
    job = ImageJob.objects.get()
    assert (job.kind, job.source, job.width, job.height) == ("img2img", source, 640, 480)
    assert (job.strength, job.seed, job.prompt_first) == ("keep", "7", False)


def test_the_composer_orders_a_free_size_and_the_prompt_first(
    studio: Studio, alice: User, alice_client: Client
) -> None:
    assert order(alice_client, size="free", width="512", height="768", prompt_first="1").status_code == 200
    job = ImageJob.objects.get()
    assert (job.kind, job.width, job.height, job.prompt_first) == ("txt2img", 512, 768, True)
    assert order(alice_client, size="free", width="500", height="768").status_code == 400
    assert order(alice_client, size="free", width="", height="768").status_code == 400


def test_what_has_been_ordered_is_a_draft_no_more(studio: Studio, alice: User, alice_client: Client) -> None:
    alice_client.post("/chats/draft/", {"draft": "make it blue"})
    chat = order(alice_client).json()["chat"]
    alice_client.post(f"/chats/{chat}/draft/", {"draft": "make it green"})
    assert order(alice_client, chat=chat).status_code == 200
    for page in ("/", f"/chats/{chat}/"):
        assert ">make it" not in alice_client.get(page).text.split('id="content"')[1].split("</textarea>")[0]


def test_a_strangers_picture_is_no_source(studio: Studio, bob: User, alice_client: Client) -> None:
    source = sources.add_source(bob, png())
    assert order(alice_client, source=source.pk).status_code == 404
    image = studio.drawn(bob).images.get()
    assert order(alice_client, source_image=image.pk).status_code == 404


def test_a_drawn_picture_is_a_source(studio: Studio, alice: User, alice_client: Client) -> None:
    image = studio.drawn(alice).images.get()
    assert order(alice_client, source_image=image.pk, strength="free").status_code == 200
    assert ImageJob.objects.latest("pk").source_image == image


def test_the_api_puts_a_picture_into_a_chat_and_an_order_names_its_message(
    studio: Studio, alice: User, alice_client: Client, bob_client: Client
) -> None:
    told = alice_client.post(API, {"file": sent()}).json()
    told = alice_client.post(API, {"file": sent(), "chat_id": told["chat_id"]}).json()
    assert told["message_id"]
    seen = alice_client.get(f"/api/image/{told['message_id']}").json()
    assert (seen["kind"], seen["images"][0]["url"]) == ("upload", told["url"])
    assert bob_client.get(f"/api/image/{told['message_id']}").status_code == 404
    assert bob_client.post(API, {"file": sent(), "chat_id": told["chat_id"]}).status_code == 404

    body = {"description": "make it blue", "reference_image_id": told["message_id"]}
    ordered = alice_client.post("/api/image/generate", body, content_type="application/json").json()
    job = ImageJob.objects.get(pk=ordered["job_id"])
    assert (job.kind, job.source_id) == ("img2img", told["source_id"])
    answer = bob_client.post("/api/image/generate", body, content_type="application/json")
    assert answer.status_code == 404
