"""What scripts say of a picture after its order: draw it now, again, another like this, this one."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import User
from imaging.models import ImageJob
from tests.imaging.studio import Studio, images


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def test_a_picture_waits_for_the_word_and_is_drawn_as_it_was_changed(
    studio: Studio, alice: User, alice_client: Client, bob_client: Client
) -> None:
    job = studio.think(studio.order(alice, prompt_first=True))
    path = f"/api/image/{job.message_id}/approve"
    assert post(bob_client, path).status_code == 404
    assert post(alice_client, path, denoise=7).status_code == 400
    told = post(alice_client, path, prompt="A blue fox sits in the snow.", steps=4)
    assert (told.status_code, told.json()["prompt"]) == (202, "A blue fox sits in the snow.")
    studio.work()
    assert alice_client.get(f"/api/image/{job.message_id}").json()["settings"]["steps"] == 4
    assert post(alice_client, path).status_code == 412


def test_again_and_vary_and_choose(
    studio: Studio, alice: User, alice_client: Client, bob_client: Client
) -> None:
    job = studio.drawn(alice, variants=2)
    first, second = images(job)
    base = f"/api/image/{job.message_id}"
    chosen = post(alice_client, f"{base}/choose", image_id=second.pk).json()["images"]
    assert [image["chosen"] for image in chosen] == [False, True]
    again = post(alice_client, f"{base}/again", prompt="A green fox sits in the snow.")
    assert (again.status_code, again.json()["prompt"]) == (202, "A green fox sits in the snow.")
    varied = post(alice_client, f"{base}/again", image_id=first.pk).json()
    assert (varied["kind"], varied["batch_count"]) == ("img2img", 4)
    assert ImageJob.objects.get(pk=varied["job_id"]).source_image == first

    other = studio.drawn(alice)
    for path in ("again", "choose"):
        assert post(alice_client, f"{base}/{path}", image_id=images(other)[0].pk).status_code == 404
        assert post(bob_client, f"{base}/{path}", image_id=first.pk).status_code == 404
    studio.work()


def test_the_prompt_is_written_anew_from_what_the_person_sees(
    studio: Studio, alice: User, alice_client: Client
) -> None:
    from tests.imaging.studio import upload

    job = studio.think(studio.order(alice, prompt_first=True, source=upload(alice)))
    studio.says("A white cat sleeps on a red sofa near the window.")
    path = f"/pictures/{job.pk}/rethink/"
    fetch = {"X-Requested-With": "fetch"}
    assert (
        alice_client.post(path, {"vision": "Белая кошка на красном диване."}, headers=fetch).status_code
        == 204
    )
    job = studio.think(job)
    assert (job.status, job.prompt) == ("reviewing", "A white cat sleeps on a red sofa near the window.")
    assert job.vision_shown == "Белая кошка на красном диване."
    asked = str(studio.ollama.chats[-2].body["messages"])
    assert "Белая кошка" in asked
