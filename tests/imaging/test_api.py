from __future__ import annotations

import io
import uuid
from contextlib import closing
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts import apikeys
from accounts.models import User
from chats import sending
from chats.models import Chat, Message
from imaging import ordering, storage
from imaging.models import GeneratedImage, ImageJob
from live.redis import client as redis
from tests.imaging.studio import PROMPT, Studio


def generate(client: Client, **given: Any) -> Any:
    body = {"description": "Лиса в снегу", "width": 256, "height": 256, **given}
    return client.post("/api/image/generate", body, content_type="application/json")


@pytest.fixture
def drawn(studio: Studio, alice: User) -> ImageJob:
    """A finished picture of alice's in two variants."""
    job = ordering.order_picture(alice, None, "Лиса в снегу", width=256, height=256, variants=2)
    studio.work()
    job.refresh_from_db()
    assert job.status == ImageJob.Status.DONE
    return job


def file_url(job: ImageJob, variant: str = "original") -> str:
    image = job.images.get(index=0)
    assert image.file
    return f"/media/{image.file.sha256}/{variant}"


def test_a_picture_is_ordered_and_read(studio: Studio, alice_client: Client) -> None:
    ordered = generate(alice_client, batch_count=2)
    assert ordered.status_code == 202
    told = ordered.json()
    assert (told["status"], told["batch_count"], told["images"]) == ("queued", 2, [])
    studio.work()
    told = alice_client.get(f"/api/image/{told['message_id']}").json()
    assert (told["status"], told["prompt"], told["negative_prompt"]) == ("done", PROMPT, "")
    first, second = told["images"]
    assert first["seed"] != second["seed"]
    assert (first["width"], first["height"], first["chosen"]) == (256, 256, False)
    with closing(alice_client.get(first["url"])) as file:
        assert file.status_code == 200
    assert set(told["settings"]) >= {"steps", "cfg", "denoise", "sampler", "scheduler"}


def test_the_seeds_parameters_all_count(studio: Studio, alice: User, alice_client: Client) -> None:
    chat = Chat.objects.create(user=alice, updated_at=timezone.now())
    told = generate(alice_client, chat_id=chat.pk, batch_count=4, seed="18446744073709551615").json()
    job = ImageJob.objects.get()
    assert (told["chat_id"], job.variants, job.seed) == (chat.pk, 4, "18446744073709551615")
    assert (job.width, job.height) == (256, 256)


def test_a_picture_is_made_from_another_one(studio: Studio, alice_client: Client, drawn: ImageJob) -> None:
    told = generate(alice_client, reference_image_id=drawn.message_id, description="Сделай снег синим").json()
    assert told["kind"] == "img2img"
    studio.work()
    told = alice_client.get(f"/api/image/{told['message_id']}").json()
    assert told["status"] == "done"
    assert told["settings"]["denoise"] < 1


def test_a_variant_is_taken_from_the_message_that_is_named(
    studio: Studio, alice: User, alice_client: Client, drawn: ImageJob
) -> None:
    other = studio.drawn(alice).images.get()
    mine = drawn.images.get(index=1)
    named = {"reference_image_id": drawn.message_id, "description": "Сделай снег синим"}
    assert generate(alice_client, **named, image_id=other.pk).status_code == 404
    assert generate(alice_client, **named, image_id=mine.pk).status_code == 202


def test_what_is_null_is_as_if_it_were_left_out(studio: Studio, alice_client: Client) -> None:
    told = generate(alice_client, seed=None, batch_count=None, denoise=None, strength="")
    assert (told.status_code, told.json()["batch_count"]) == (202, 1)


def test_denoise_without_a_picture_to_start_from_counts_for_nothing(
    studio: Studio, alice_client: Client
) -> None:
    told = generate(alice_client, denoise=0.3).json()
    studio.work()
    assert alice_client.get(f"/api/image/{told['message_id']}").json()["settings"]["denoise"] == 1


def test_the_same_order_twice_is_one(studio: Studio, alice_client: Client) -> None:
    same = "11111111-2222-4333-8444-555555555555"
    first, second = (generate(alice_client, client_id=same).json() for _ in range(2))
    assert first["message_id"] == second["message_id"]
    assert ImageJob.objects.count() == 1


@pytest.mark.parametrize(
    "given",
    [
        {"description": ""},
        {"description": "x" * 5000},
        {"width": 250},
        {"height": 99999},
        {"batch_count": 0},
        {"batch_count": 5},
        {"seed": "minus one"},
        {"seed": "9" * 5000},
        {"seed": "0" * 5000},
        {"strength": "much"},
        {"denoise": 7},
        {"client_id": "no uuid"},
    ],
)
def test_bad_orders_are_told_and_make_nothing(
    studio: Studio, alice_client: Client, given: dict[str, Any]
) -> None:
    refused = generate(alice_client, **given)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"]
    assert not ImageJob.objects.exists()
    assert not Message.objects.exists()


def test_somebody_elses_chat_and_picture_are_not_there(
    studio: Studio, bob: User, bob_client: Client, alice_client: Client, drawn: ImageJob
) -> None:
    chat = Chat.objects.create(user=bob, updated_at=timezone.now())
    assert generate(alice_client, chat_id=chat.pk).status_code == 404
    assert generate(bob_client, reference_image_id=drawn.message_id).status_code == 404
    for call in (
        bob_client.get(f"/api/image/{drawn.message_id}"),
        bob_client.delete(f"/api/image/{drawn.message_id}"),
        bob_client.get(f"/api/image/{drawn.message_id}/events"),
        bob_client.post(f"/api/image/{drawn.message_id}/cancel"),
        bob_client.get(file_url(drawn)),
        bob_client.get(file_url(drawn, "256")),
    ):
        assert call.status_code == 404
    assert bob_client.get("/api/image").json()["results"] == []


@pytest.mark.parametrize("path", ["", "/generate", "/generate/stream", "/1", "/1/events", "/1/cancel"])
def test_strangers_sign_in_first(client: Client, db: None, path: str) -> None:
    assert client.post(f"/api/image{path}").status_code in (401, 405)
    assert client.get(f"/api/image{path}").status_code in (401, 405)


def test_a_picture_is_cancelled(studio: Studio, alice_client: Client) -> None:
    told = generate(alice_client).json()
    cancelled = alice_client.post(f"/api/image/{told['message_id']}/cancel/").json()
    assert cancelled["status"] == "cancelled"
    assert "kept" in cancelled["error"]


def test_a_deleted_picture_is_in_its_owners_bin_alone(
    alice_client: Client, bob_client: Client, drawn: ImageJob
) -> None:
    url = file_url(drawn)
    assert alice_client.delete(f"/api/image/{drawn.message_id}").status_code == 204
    assert alice_client.get(f"/api/image/{drawn.message_id}").status_code == 404
    assert url.rsplit("/", 1)[0].encode() in alice_client.get("/pictures/bin/").content
    assert bob_client.get(url).status_code == 404
    drawn.chat.deleted_at = timezone.now()
    drawn.chat.save()
    assert alice_client.get(url).status_code == 404


def test_the_list_has_a_constant_number_of_queries(
    alice: User, alice_client: Client, drawn: ImageJob, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        ordering.order_picture(alice, None, f"Picture {number}", width=256, height=256)
    with django_assert_max_num_queries(6):
        told = alice_client.get("/api/image/").json()
    assert told["count"] == 6
    assert [entry["description"] for entry in told["results"]][-1] == "Лиса в снегу"


def test_what_is_over_is_told_as_events_at_once(alice_client: Client, drawn: ImageJob) -> None:
    told = alice_client.get(f"/api/image/{drawn.message_id}/events").text
    assert "event: job" in told
    assert "event: end" in told
    assert '"status":"done"' in told


def test_files_are_private_and_kept_for_ever(alice_client: Client, client: Client, drawn: ImageJob) -> None:
    url = file_url(drawn)
    told = alice_client.get(url)
    assert told["Content-Type"] == "image/png"
    assert told["Cache-Control"] == "private, max-age=31536000, immutable"
    assert told["X-Content-Type-Options"] == "nosniff"
    with Image.open(io.BytesIO(told.getvalue())) as picture:
        assert picture.size == (256, 256)
    again = alice_client.get(url, headers={"If-None-Match": told["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url).status_code == 302


@pytest.mark.parametrize("side", [256, 768])
def test_thumbnails_are_small_webp(alice_client: Client, drawn: ImageJob, side: int) -> None:
    told = alice_client.get(file_url(drawn, str(side)))
    assert told["Content-Type"] == "image/webp"
    with Image.open(io.BytesIO(told.getvalue())) as picture:
        assert max(picture.size) <= side


@pytest.mark.parametrize("variant", ["512", "../settings", "original/x", "0"])
def test_there_are_no_other_variants(alice_client: Client, drawn: ImageJob, variant: str) -> None:
    assert alice_client.get(file_url(drawn, variant)).status_code == 404


def test_a_file_that_is_gone_from_the_disk_is_told_so(alice_client: Client, drawn: ImageJob) -> None:
    file = GeneratedImage.objects.get(job=drawn, index=0).file
    assert file
    storage.path(file).unlink()
    assert alice_client.get(file_url(drawn)).status_code == 410


def test_a_file_is_read_with_a_key_for_pictures_and_with_no_other(
    client: Client, alice: User, bob: User, drawn: ImageJob
) -> None:
    def status(user: User, scope: str) -> int:
        _key, text = apikeys.create_key(user, name="x", scopes=[scope])
        with closing(client.get(file_url(drawn), headers={"x-api-key": text})) as answer:
            return int(answer.status_code)

    assert [status(alice, scope) for scope in ("pictures", "read", "chat", "card")] == [200, 200, 403, 403]
    assert status(bob, "pictures") == 404
    dead = client.get(file_url(drawn), headers={"authorization": "Bearer dead"})
    assert (dead.status_code, dead.json()["error"]["code"]) == (401, "unauthenticated")
    assert client.get(file_url(drawn), headers={"authorization": "Basic YTpi"}).status_code == 302


def test_a_chat_shows_the_variants_of_its_pictures(alice_client: Client, drawn: ImageJob) -> None:
    wish, picture = alice_client.get(f"/api/chats/{drawn.chat_id}").json()["messages"]
    assert (wish["images"], picture["kind"]) == ([], "picture")
    told = alice_client.get(f"/api/image/{drawn.message_id}").json()
    assert [image["url"] for image in picture["images"]] == [image["url"] for image in told["images"]]


def test_more_pictures_in_a_chat_need_no_more_queries(
    studio: Studio, alice: User, alice_client: Client, drawn: ImageJob, django_assert_max_num_queries: Any
) -> None:
    for _ in range(2):
        ordering.order_picture(alice, drawn.chat, "Лиса", width=256, height=256)
        studio.work()
    with django_assert_max_num_queries(10):
        assert len(alice_client.get(f"/api/chats/{drawn.chat_id}").json()["messages"]) == 6


@pytest.mark.parametrize(("status", "count"), [("", 2), ("running", 1), ("ended", 1)])
def test_jobs_are_listed_by_their_state(
    alice: User, alice_client: Client, bob_client: Client, drawn: ImageJob, status: str, count: int
) -> None:
    ordering.order_picture(alice, None, "A lighthouse", width=256, height=256)
    told = alice_client.get(f"/api/jobs?status={status}").json()
    assert (told["count"], len(told["results"])) == (count, count)
    assert bob_client.get("/api/jobs").json()["count"] == 0


def test_a_job_is_read_by_its_own_id(alice_client: Client, bob_client: Client, drawn: ImageJob) -> None:
    told = alice_client.get(f"/api/jobs/{drawn.pk}/").json()
    assert told == alice_client.get(f"/api/image/{drawn.message_id}").json()
    assert bob_client.get(f"/api/jobs/{drawn.pk}").status_code == 404
    assert alice_client.get("/api/jobs?status=lost").status_code == 400


def test_the_same_order_again_is_streamed_to_its_end_when_it_is_over(
    studio: Studio, alice_client: Client
) -> None:
    body = {"description": "Лиса", "width": 256, "height": 256, "client_id": str(uuid.uuid4())}
    path = "/api/image/generate/stream"
    alice_client.post(path, body, content_type="application/json")
    studio.work()
    redis().flushdb()
    told = alice_client.post(path, body, content_type="application/json").text
    assert '"status":"done"' in told.split("event: end")[1]


def test_an_id_that_a_message_of_words_has_is_told(studio: Studio, alice: User, alice_client: Client) -> None:
    same = uuid.uuid4()
    sending.send_message(None, author=alice, content="Лиса в снегу", client_id=same)
    refused = generate(alice_client, client_id=str(same))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert not ImageJob.objects.exists()


@pytest.mark.parametrize("where", ["generate", "generate/stream"])
def test_the_same_order_under_one_key_is_one(studio: Studio, alice_client: Client, where: str) -> None:
    body = {"description": "Лиса", "width": 256, "height": 256}
    for _ in range(2):
        headers = {"idempotency-key": "one fox"}
        path = f"/api/image/{where}"
        answer = alice_client.post(path, body, content_type="application/json", headers=headers)
        assert answer.status_code in (200, 202)
    assert ImageJob.objects.count() == 1
