"""A picture from the wish to the file, in front of both services."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from chats.models import Message
from imaging import metadata, storage
from imaging.models import GeneratedImage
from imaging.tickets import draw_ticket
from tests.imaging.studio import PROMPT, Studio, end_of, fresh, images, nobody_holds_the_card, pixels, told


def test_a_russian_wish_becomes_a_picture_with_all_that_made_it(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice)
    assert (job.status, job.error_code, job.prompt, job.negative) == ("done", "", PROMPT, "")
    assert job.settings == {
        "steps": 28, "cfg": 1.0, "guidance": 3.5, "denoise": 1.0, "sampler": "euler", "scheduler": "simple",
    }  # fmt: skip
    (image,) = images(job)
    assert (image.status, image.width, image.height) == ("done", 256, 256)
    assert image.file
    facts = metadata.read_from(storage.read(image.file))
    assert (facts["seed"], facts["prompt"], facts["model"]) == (image.seed, PROMPT, job.model_name)
    message = Message.objects.get(pk=job.message_id)
    assert (message.status, message.content) == ("complete", f"[picture: {PROMPT}]")
    assert nobody_holds_the_card()


def test_every_variant_has_its_own_seed_and_prompt_and_one_lease_each_way(
    studio: Studio, alice: User
) -> None:
    job = studio.drawn(alice, variants=4)
    drawn = images(job)
    assert len({image.seed for image in drawn}) == len({pixels(image) for image in drawn}) == 4
    assert studio.rendered() == [str(image.prompt_id) for image in drawn]
    assert len(studio.ollama.chats) == 1
    ticket = draw_ticket(job)
    assert (ticket.images, ticket.about.rpartition(":")[2]) == (4, "4")


def test_open_pages_see_stages_progress_previews_and_each_result(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 1.0
    job = studio.drawn(alice, variants=2)
    assert end_of(job)["status"] == "done"
    assert [frame["status"] for frame in told(job, "status")] == [
        "prompting", "shaping", "waiting", "rendering", "saving",
    ]  # fmt: skip
    assert told(job, "prompt")[0]["prompt"] == PROMPT
    assert {frame["variant"] for frame in told(job, "progress")} == {0, 1}
    assert [frame["image"] for frame in told(job, "image")] == [image.pk for image in images(job)]
    assert told(job, "preview") == []


def test_the_log_keeps_the_newest_preview_only(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 2.0
    job = studio.order(alice)
    studio.work_once()
    thread = studio.begin()
    looks: list[list[dict[str, Any]]] = []

    def two_have_come() -> bool:
        if shown := told(job, "preview"):
            looks.append(shown)
        return len({frame["seq"] for shown in looks for frame in shown}) > 1

    studio.comfyui.wait_for(two_have_come)
    assert max(map(len, looks)) <= 2
    assert looks[-1][-1]["data"].startswith("data:image/jpeg;base64,")
    thread.join(30)
    assert fresh(job).status == "done"
    assert GeneratedImage.objects.count() == 1
