from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from gpu import arbiter
from imaging import ordering, sweep, tickets
from imaging.models import GeneratedImage, ImageJob, PictureDescription, SourcePicture, StoredFile
from live.redis import client
from tests.imaging.studio import Studio, end_of, fresh, images, upload

LONG_AGO = timezone.now() - timedelta(minutes=10)


def left_behind(studio: Studio, user: User, status: str, **changes: Any) -> ImageJob:
    """Return a job whose worker was last heard ten minutes ago."""
    job = studio.order(user)
    studio.grants.clear()
    client().flushdb()
    ImageJob.objects.filter(pk=job.pk).update(
        status=status, **{"claim": "a dead worker", "attempts": 1, "heartbeat_at": LONG_AGO, **changes}
    )
    return job


@pytest.mark.parametrize("status", [*ImageJob.THINKING, *ImageJob.DRAWING])
def test_a_job_without_heartbeat_goes_back_in_line_at_its_stage(
    studio: Studio, alice: User, status: str
) -> None:
    job = left_behind(studio, alice, status)
    sweep.sweep()
    sweep.sweep()
    job = fresh(job)
    assert (job.status, job.claim) == (status, None)
    kind = "think" if status in ImageJob.THINKING else "draw"
    assert [grant[:2] for grant in studio.grants] == [(kind, job.pk)]


def test_a_job_that_was_just_heard_is_left_alone(studio: Studio, alice: User) -> None:
    job = left_behind(studio, alice, "prompting")
    ImageJob.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now())
    sweep.sweep()
    assert fresh(job).claim == "a dead worker"


def test_a_job_that_lost_too_many_workers_is_given_up(studio: Studio, alice: User) -> None:
    job = left_behind(studio, alice, "rendering", attempts=sweep.MOST_ATTEMPTS)
    sweep.sweep()
    job = fresh(job)
    assert (job.status, job.error_code, job.message.status) == ("failed", "worker_lost", "failed")
    assert end_of(job)["code"] == "worker_lost"
    assert studio.grants == []


def test_what_comfyui_has_of_a_job_that_is_given_up_is_taken_back(studio: Studio, alice: User) -> None:
    job = left_behind(studio, alice, "rendering", attempts=sweep.MOST_ATTEMPTS)
    image = GeneratedImage.objects.create(job=job, index=0, seed="1", status="rendering")
    sweep.sweep()
    assert interrupted(studio) == [str(image.prompt_id)]


def interrupted(studio: Studio) -> list[str]:
    return [call.body["prompt_id"] for call in studio.comfyui.called("/interrupt")]


def test_a_cancelled_job_whose_worker_died_is_ended_and_taken_back(studio: Studio, alice: User) -> None:
    job = left_behind(studio, alice, "rendering", cancelled_at=timezone.now())
    image = GeneratedImage.objects.create(job=job, index=0, seed="1", status="rendering")
    sweep.sweep()
    assert fresh(job).status == "cancelled"
    assert interrupted(studio) == [str(image.prompt_id)]


@pytest.mark.parametrize("status", ["sending", "rendering"])
def test_a_prompt_that_no_worker_holds_is_taken_back_when_its_job_is_cancelled(
    studio: Studio, alice: User, status: str
) -> None:
    job = left_behind(studio, alice, "rendering", claim=None, heartbeat_at=None)
    image = GeneratedImage.objects.create(job=job, index=0, seed="1", status=status)
    ordering.cancel_job(job)
    sweep.sweep()
    assert (fresh(job).status, end_of(job)["status"]) == ("cancelled", "cancelled")
    assert interrupted(studio) == [str(image.prompt_id)]
    assert studio.grants == []


@pytest.mark.parametrize("gone", ["message", "chat"])
@pytest.mark.parametrize("status", ["queued", "reviewing", "waiting"])
def test_a_picture_that_outlived_its_place_is_cancelled(
    studio: Studio, alice: User, gone: str, status: str
) -> None:
    job = left_behind(studio, alice, status, claim=None, heartbeat_at=None)
    place = job.message if gone == "message" else job.chat
    place.deleted_at = timezone.now()
    place.save(update_fields=["deleted_at"])
    sweep.sweep()
    assert fresh(job).status == "cancelled"


@pytest.mark.parametrize("status", ["queued", "shaping", "waiting", "rendering"])
def test_an_unclaimed_job_is_sent_again_and_only_once(studio: Studio, alice: User, status: str) -> None:
    job = left_behind(studio, alice, status, heartbeat_at=None)
    ImageJob.objects.filter(pk=job.pk).update(claim=None, sent_at=LONG_AGO)
    sweep.sweep()
    sweep.sweep()
    assert len(studio.grants) == 1


@pytest.mark.parametrize("status", ["reviewing", *ImageJob.FINAL])
def test_what_waits_for_nobody_is_not_sent_again(studio: Studio, alice: User, status: str) -> None:
    job = left_behind(studio, alice, status, heartbeat_at=None)
    ImageJob.objects.filter(pk=job.pk).update(claim=None, sent_at=LONG_AGO)
    sweep.sweep()
    assert studio.grants == []
    assert fresh(job).status == status


@pytest.mark.parametrize(("status", "prompt"), [("queued", "рыжая лиса в снегу"), ("shaping", "Kept words.")])
def test_words_are_done_without_when_no_ollama_comes_back(
    studio: Studio, alice: User, status: str, prompt: str
) -> None:
    job = left_behind(
        studio, alice, status, heartbeat_at=None, prompt="Kept words." if status == "shaping" else ""
    )
    ImageJob.objects.filter(pk=job.pk).update(claim=None, sent_at=LONG_AGO)
    studio.ollama_goes(61)
    sweep.sweep()
    assert [grant[0] for grant in studio.grants] == ["draw"]
    studio.work()
    job = fresh(job)
    assert (job.status, job.prompt, job.notices) == ("done", prompt, ["no_ollama"])


def test_an_ollama_that_was_away_for_a_moment_is_waited_for(studio: Studio, alice: User) -> None:
    job = studio.order(alice)
    ImageJob.objects.filter(pk=job.pk).update(sent_at=timezone.now() - timedelta(minutes=5))
    studio.ollama_goes(1)
    sweep.sweep()
    assert fresh(job).status == "queued"


def test_the_line_keeps_only_what_is_still_wanted(studio: Studio, alice: User) -> None:
    words, drawing, over = (studio.order(alice) for _ in range(3))
    ImageJob.objects.filter(pk=drawing.pk).update(status="waiting")
    ImageJob.objects.filter(pk=over.pk).update(status="done")
    keys = [words.pk, drawing.pk, over.pk, 10**9]
    assert tickets.wanted_words(keys) == {words.pk}
    assert tickets.wanted_drawings(keys) == {drawing.pk}


def test_a_redis_that_came_back_empty_costs_a_moment(studio: Studio, alice: User) -> None:
    job = studio.order(alice)
    studio.grants.clear()
    client().flushdb()
    ImageJob.objects.filter(pk=job.pk).update(sent_at=LONG_AGO)
    sweep.sweep()
    studio.work()
    assert fresh(job).status == "done"
    assert not arbiter.read().leases


def test_deleted_pictures_and_their_files_go_after_thirty_days(studio: Studio, alice: User) -> None:
    job, source = studio.drawn(alice, variants=2), upload(alice)
    kept, gone = images(job)
    StoredFile.objects.update(created_at=LONG_AGO - timedelta(days=40))
    ordering.delete_image(gone)
    ordering.delete_source(source)
    sweep.clear_files()
    assert StoredFile.objects.count() == 3
    GeneratedImage.objects.filter(pk=gone.pk).update(deleted_at=timezone.now() - timedelta(days=31))
    SourcePicture.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    sweep.clear_files()
    assert list(StoredFile.objects.all()) == [kept.file]
    assert images(job) == [kept]


def test_a_file_that_was_stored_a_moment_ago_is_no_orphan_yet(studio: Studio, alice: User) -> None:
    source = upload(alice)
    source.delete()
    sweep.clear_files()
    assert StoredFile.objects.count() == 1
    StoredFile.objects.update(created_at=LONG_AGO - timedelta(days=1))
    sweep.clear_files()
    assert StoredFile.objects.count() == 0


def test_what_a_model_saw_in_a_file_that_is_gone_goes_too(studio: Studio, alice: User) -> None:
    kept = upload(alice)
    for sha256 in (kept.file.sha256, "0" * 64):
        PictureDescription.objects.create(sha256=sha256, model_name="llava", text="A teal wall.")
    PictureDescription.objects.update(created_at=LONG_AGO - timedelta(days=1))
    sweep.clear_files()
    assert PictureDescription.objects.get().sha256 == kept.file.sha256
