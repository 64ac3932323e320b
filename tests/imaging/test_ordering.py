from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction

from accounts.errors import AppError, Code
from accounts.models import User
from chats import editing, managing, sending
from chats.models import Chat, Message
from gpu import arbiter
from imaging import access, following, ordering
from imaging.models import GeneratedImage, ImageJob, SourcePicture
from live.kinds import Followed
from tests.imaging.studio import Studio, end_of, fresh, images, nobody_holds_the_card, pixels, upload


def test_an_order_is_a_wish_and_a_picture_message_in_a_new_chat(studio: Studio, alice: User) -> None:
    job = studio.order(alice, "  рыжая лиса\r\nв снегу ")
    wish, picture = Message.objects.order_by("pk")
    assert (wish.role, wish.content, wish.status) == ("user", "рыжая лиса\nв снегу", "complete")
    assert (picture.role, picture.kind, picture.parent) == ("assistant", "picture", wish)
    assert (job.message, job.chat.leaf, job.chat.title) == (picture, picture, "рыжая лиса в снегу")
    assert [grant[:2] for grant in studio.grants] == [("think", job.pk)]


def test_the_ticket_goes_out_once_the_rows_are_there(studio: Studio, alice: User) -> None:
    with transaction.atomic():
        job = studio.order(alice)
        assert studio.grants == []
    assert [grant[1] for grant in studio.grants] == [job.pk]


def test_a_picture_and_an_answer_never_block_each_other(studio: Studio, alice: User) -> None:
    sent = sending.send_message(None, author=alice, content="hello")
    job = ordering.order_picture(alice, sent.chat, "a fox")
    assert job.message.parent
    assert job.message.parent.parent == sent.answer
    chat = Chat.objects.get(pk=sent.chat.pk)
    Message.objects.filter(pk=sent.answer.pk).update(live_in=None, status="complete")
    again = sending.send_message(chat, author=alice, content="and now?")
    assert again.message.parent == job.message


def test_the_chats_own_sweep_and_stop_leave_a_picture_alone(studio: Studio, alice: User) -> None:
    from chats import stopping, sweep

    job = studio.order(alice)
    sweep.sweep()
    stopping.stop(job.message_id)
    studio.work()
    assert fresh(job).status == "done"


def test_the_same_client_id_returns_what_the_first_order_made(studio: Studio, alice: User, bob: User) -> None:
    client_id = uuid.uuid4()
    job = studio.order(alice, client_id=client_id)
    assert studio.order(alice, "other words", client_id=client_id) == job
    assert (ImageJob.objects.count(), Chat.objects.count(), Message.objects.count()) == (1, 1, 2)
    assert studio.order(bob, client_id=client_id) != job


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        ("description", " \n ", Code.INVALID),
        ("description", "х" * 4001, Code.TOO_LARGE),
        ("description", "x" * 20_000, Code.TOO_LARGE),
        ("width", 250, Code.INVALID),
        ("width", 1000, Code.INVALID),
        ("width", -16, Code.INVALID),
        ("height", 4096, Code.INVALID),
        ("variants", 0, Code.INVALID),
        ("variants", 5, Code.INVALID),
        ("seed", "-1", Code.INVALID),
        ("seed", "many", Code.INVALID),
        ("seed", 2**64, Code.INVALID),
        ("strength", "very", Code.INVALID),
        ("denoise", 0.0, Code.INVALID),
        ("denoise", 1.5, Code.INVALID),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_field(
    studio: Studio, alice: User, field: str, given: Any, code: Code
) -> None:
    with pytest.raises(AppError) as refused:
        studio.order(alice, **{field: given})
    assert refused.value.code == code
    assert list(refused.value.fields or {}) == [field]
    assert not Message.objects.exists()


def test_a_description_may_have_four_thousand_letters(studio: Studio, alice: User) -> None:
    assert studio.order(alice, "х" * 4000).status == "queued"


def test_without_a_size_the_operators_own_is_taken(studio: Studio, alice: User) -> None:
    job = ordering.order_picture(alice, None, "a fox")
    assert (job.width, job.height) == (1024, 1024)


def test_nothing_is_ordered_while_the_app_is_draining(studio: Studio, alice: User) -> None:
    arbiter.transact("drain", on=True)
    with pytest.raises(AppError) as refused:
        studio.order(alice)
    assert (refused.value.code, refused.value.retry_after) == (Code.DRAINING, 30)


# --- Afterwards --------------------------------------------------------------------------------------


def test_again_is_the_same_with_other_seeds_and_asks_no_model(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice, seed=5, variants=2)
    asked = len(studio.ollama.chats)
    again = ordering.draw_again(job)
    studio.work()
    again = fresh(again)
    assert len(studio.ollama.chats) == asked
    assert (again.status, again.prompt, again.settings) == ("done", job.prompt, job.settings)
    assert (again.variants, again.chat, again.message.parent.content) == (2, job.chat, job.description)  # type: ignore[union-attr]
    seeds = {image.seed for image in GeneratedImage.objects.all()}
    assert len(seeds) == 4


def test_again_with_another_prompt_draws_that(studio: Studio, alice: User) -> None:
    again = ordering.draw_again(studio.drawn(alice), prompt="A grey wolf.")
    studio.work()
    assert fresh(again).prompt == "A grey wolf."


def test_again_of_one_that_never_came_to_words_thinks_anew(studio: Studio, alice: User) -> None:
    job = studio.order(alice)
    ordering.cancel_job(job)
    again = ordering.draw_again(fresh(job))
    assert again.status == "queued"


def test_again_of_one_that_never_came_to_settings_has_the_usual_ones(studio: Studio, alice: User) -> None:
    job = studio.order(alice, source=upload(alice))
    ordering.cancel_job(job)
    ImageJob.objects.filter(pk=job.pk).update(prompt="Kept words.")
    again = ordering.draw_again(fresh(job))
    assert (again.status, again.settings["denoise"]) == ("waiting", 0.6)


def test_variations_are_drawn_from_the_picture_with_its_prompt(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice)
    image = images(job)[0]
    varied = ordering.vary_image(image, variants=2)
    studio.work()
    varied = fresh(varied)
    assert (varied.status, varied.kind, varied.source_image) == ("done", "img2img", image)
    assert (varied.prompt, varied.settings["denoise"]) == (job.prompt, 0.5)
    assert len({pixels(found) for found in [image, *images(varied)]}) == 3
    assert all(call.body.get("images") is None for call in studio.ollama.chats)


def test_the_chosen_variant_is_the_only_one_and_the_next_source(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice, variants=3)
    first, second, third = images(job)
    assert ordering.source_of_message(alice, job.message_id) == first
    for image in (third, second):
        ordering.choose_image(image)
    assert [image.chosen for image in images(job)] == [False, True, False]
    assert ordering.source_of_message(alice, job.message_id) == second
    assert ordering.source_of_message(alice, job.message_id, third.pk) == third


def test_an_unfinished_variant_can_be_neither_chosen_nor_varied(studio: Studio, alice: User) -> None:
    image = GeneratedImage.objects.create(job=studio.order(alice), index=0, seed="1")
    for act in (ordering.choose_image, ordering.vary_image):
        with pytest.raises(AppError) as refused:
            act(image)
        assert refused.value.code == Code.STALE


def test_an_approved_prompt_can_not_be_approved_twice(studio: Studio, alice: User) -> None:
    job = studio.think(studio.order(alice, prompt_first=True))
    ordering.approve_prompt(job)
    with pytest.raises(AppError) as refused:
        ordering.approve_prompt(job, prompt="Another one here.")
    assert refused.value.code == Code.STALE


@pytest.mark.parametrize("chosen", [{"denoise": 7}, {"denoise": 0}])
def test_settings_that_cannot_be_are_refused(studio: Studio, alice: User, chosen: dict[str, Any]) -> None:
    job = studio.think(studio.order(alice, prompt_first=True))
    with pytest.raises(AppError):
        ordering.approve_prompt(job, chosen=chosen)
    assert fresh(job).status == "reviewing"


# --- Cancelling and deleting ------------------------------------------------------------------------


def test_a_waiting_picture_is_cancelled_at_once_and_leaves_the_line(studio: Studio, alice: User) -> None:
    arbiter.transact("pause", on=True)
    job = studio.order(alice)
    ordering.cancel_job(job)
    job = fresh(job)
    assert (job.status, job.message.status) == ("cancelled", "stopped")
    assert end_of(job)["status"] == "cancelled"
    assert nobody_holds_the_card()


def test_one_that_waits_for_its_person_is_cancelled_too(studio: Studio, alice: User) -> None:
    job = studio.think(studio.order(alice, prompt_first=True))
    ordering.cancel_job(job)
    assert fresh(job).status == "cancelled"


def test_a_granted_but_cancelled_picture_is_not_begun(studio: Studio, alice: User) -> None:
    job = studio.order(alice)
    ordering.cancel_job(job)
    studio.work()
    assert fresh(job).status == "cancelled"
    assert not studio.ollama.chats


@pytest.mark.parametrize("gone", ["message", "chat"])
def test_what_is_deleted_is_drawn_no_further(studio: Studio, alice: User, gone: str) -> None:
    studio.comfyui.picture_seconds = 60
    job = studio.think(studio.order(alice, variants=4))
    waits = studio.order(alice) if gone == "message" else ordering.order_picture(alice, job.chat, "a fox")
    thread = studio.begin()
    studio.comfyui.wait_for(studio.rendered, 20)
    for one in (job, waits):
        if gone == "message":
            editing.delete_message(Message.objects.get(pk=one.message_id))
        else:
            managing.delete_chats(alice, [one.chat_id])
    thread.join(20)
    assert [fresh(one).status for one in (job, waits)] == ["cancelled", "cancelled"]
    assert [call.body["prompt_id"] for call in studio.comfyui.called("/interrupt")] == studio.rendered()


def test_what_is_over_stays_as_it_is(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice)
    ordering.cancel_job(job)
    assert (fresh(job).status, fresh(job).cancelled_at) == ("done", None)


def test_deleted_things_are_out_of_sight_and_come_back(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice, variants=2)
    image = images(job)[0]
    ordering.delete_image(image)
    with pytest.raises(AppError):
        access.get_image(alice, image.pk)
    ordering.restore_image(image)
    ordering.delete_job(job)
    with pytest.raises(AppError):
        access.get_job(alice, job.pk)
    ordering.restore_job(job)
    assert access.get_image(alice, image.pk) == image


# --- Strangers -----------------------------------------------------------------------------------------


def test_a_stranger_finds_nothing(studio: Studio, alice: User, bob: User) -> None:
    source = upload(alice)
    job = studio.drawn(alice, source=source, denoise=0.6)
    image = images(job)[0]
    assert image.file
    looks: list[tuple[Any, Any]] = [
        (access.get_job, job.pk),
        (access.get_job_of_message, job.message_id),
        (access.get_image, image.pk),
        (access.get_source, source.pk),
        (access.get_file, image.file.sha256),
        (access.get_file, source.file.sha256),
    ]
    for look, key in looks:
        assert look(alice, key)
        with pytest.raises(AppError) as refused:
            look(bob, key)
        assert refused.value.code == Code.NOT_FOUND


def test_a_stranger_neither_follows_nor_stops(studio: Studio, alice: User, bob: User) -> None:
    job = studio.order(alice)
    assert following.find(bob, str(job.pk)) is None
    following.stop(bob, str(job.pk))
    assert fresh(job).status == "queued"
    assert following.find(alice, str(job.pk)) == Followed(str(job.pk))
    assert following.find(alice, "x") is None
    following.stop(alice, str(job.pk))
    found = following.find(alice, str(job.pk))
    assert found
    assert found.over == {"status": "cancelled"}


def test_the_same_bytes_of_two_people_are_one_file_that_both_see(
    studio: Studio, alice: User, bob: User
) -> None:
    mine, theirs = upload(alice), upload(bob)
    assert mine.file == theirs.file
    ordering.delete_source(mine)
    with pytest.raises(AppError):
        access.get_file(alice, mine.file.sha256)
    assert access.get_file(bob, mine.file.sha256) == mine.file
    assert SourcePicture.objects.visible_to(alice).count() == 0
