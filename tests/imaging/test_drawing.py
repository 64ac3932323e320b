"""The drawing: each variant once, whatever ComfyUI does and whoever dies meanwhile."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import User
from gpu import arbiter
from gpu.services.comfyui import ComfyUI
from imaging import ordering, pipeline, pulse, storage
from imaging.models import GeneratedImage, ImageJob, Workflow
from imaging.running import End
from tests.imaging import graphs as workflow_graphs
from tests.imaging.studio import (
    Studio,
    end_of,
    frames,
    fresh,
    images,
    nobody_holds_the_card,
    pixels,
    png,
    told,
    upload,
)
from tests.standins.comfyui_graphs import txt2img
from tests.standins.comfyui_script import Fault, Garbage


def ready(studio: Studio, user: User, **more: Any) -> ImageJob:
    """Return a job whose words are done."""
    return studio.think(studio.order(user, **more))


def begun(studio: Studio, job: ImageJob) -> Any:
    """Begin to draw the job and return its worker's thread once ComfyUI computes."""
    count = len(studio.comfyui.intervals)
    thread = studio.begin()
    studio.comfyui.wait_for(lambda: len(studio.comfyui.intervals) > count)
    return thread


def graphs(studio: Studio) -> list[dict[str, Any]]:
    return [call.body["prompt"] for call in studio.comfyui.called("/prompt")]


def sampler(graph: dict[str, Any]) -> dict[str, Any]:
    return next(node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")


# --- What is drawn --------------------------------------------------------------------------------


def test_a_finished_picture_is_news_and_one_that_was_called_off_is_none(studio: Studio, alice: User) -> None:
    drawn = studio.drawn(alice)
    assert fresh(drawn).chat.unread
    called_off = studio.order(alice)
    ordering.cancel_job(called_off)
    assert not fresh(called_off).chat.unread


def test_the_graph_has_the_prompt_the_settings_and_the_seed(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice, seed=2**64 - 1)
    (graph,) = graphs(studio)
    inputs = sampler(graph)
    assert (inputs["seed"], inputs["steps"], inputs["cfg"], inputs["denoise"]) == (2**64 - 1, 28, 1.0, 1.0)
    assert job.prompt in [node["inputs"].get("text") for node in graph.values()]
    assert images(job)[0].seed == str(2**64 - 1)
    assert len(job.workflow_hash) == 64


def test_a_picture_to_start_from_is_handed_over_and_changed(studio: Studio, alice: User) -> None:
    source = upload(alice)
    job = studio.drawn(alice, source=source, denoise=0.6)
    assert (job.status, job.kind) == ("done", "img2img")
    (graph,) = graphs(studio)
    loaded = next(node["inputs"] for node in graph.values() if node["class_type"] == "LoadImage")
    assert source.file.sha256 in loaded["image"]
    assert sampler(graph)["denoise"] == 0.6


@pytest.mark.parametrize("vary", [False, True])
def test_a_picture_that_a_workflow_has_enlarged_is_changed_in_a_size_that_may_be_ordered(
    studio: Studio, alice: User, vary: bool
) -> None:
    image = images(studio.drawn(alice))[0]
    large = storage.save(png(size=(4096, 2048)))
    GeneratedImage.objects.filter(pk=image.pk).update(file=large, width=4096, height=2048)
    image.refresh_from_db()
    job = ordering.vary_image(image, variants=1) if vary else studio.order(alice, source=image, denoise=0.6)
    studio.work()
    job = fresh(job)
    assert (job.status, job.width, job.height) == ("done", 2048, 1024)
    assert (images(job)[0].width, images(job)[0].height) == (2048, 1024)


def test_the_same_seed_and_words_give_the_same_pixels(studio: Studio, alice: User) -> None:
    first, second = studio.drawn(alice, seed=7), studio.drawn(alice, seed=7)
    assert pixels(images(first)[0]) == pixels(images(second)[0])
    assert pixels(images(first)[0]) != pixels(images(studio.drawn(alice, seed=8))[0])


def test_each_of_four_variants_can_be_drawn_alone_again(studio: Studio, alice: User) -> None:
    four = images(studio.drawn(alice, variants=4))
    alone = [images(studio.drawn(alice, seed=image.seed))[0] for image in four]
    assert [pixels(image) for image in alone] == [pixels(image) for image in four]


# --- Who takes over finds what was sent -----------------------------------------------------------


def left_behind(studio: Studio, job: ImageJob, *, sent: bool, status: str) -> GeneratedImage:
    """Leave the job as a worker does that was killed around its POST."""
    image = GeneratedImage.objects.create(
        job=job, index=0, seed="5", status=status, tries=int(status == "rendering")
    )
    ImageJob.objects.filter(pk=job.pk).update(status="rendering")
    if sent:
        ComfyUI(studio.comfyui.url).submit(txt2img(seed=5), str(image.prompt_id))
    return image


@pytest.mark.parametrize("status", ["sending", "rendering"])
@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_prompt_that_was_sent_is_found_and_not_sent_again(
    studio: Studio, alice: User, status: str, seconds: float
) -> None:
    job = ready(studio, alice)
    studio.comfyui.picture_seconds = seconds
    image = left_behind(studio, job, sent=True, status=status)
    studio.comfyui.wait_for(lambda: studio.rendered() and (seconds or studio.comfyui.intervals[0].end))
    studio.work()
    assert fresh(job).status == "done"
    assert studio.rendered() == [str(image.prompt_id)]
    assert images(job)[0].prompt_id == image.prompt_id


def test_a_prompt_that_never_arrived_is_sent_under_a_fresh_id(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    image = left_behind(studio, job, sent=False, status="sending")
    studio.work()
    assert fresh(job).status == "done"
    (rendered,) = studio.rendered()
    assert rendered != str(image.prompt_id)
    assert rendered == str(images(job)[0].prompt_id)


def test_a_prompt_that_its_dying_worker_took_back_is_sent_again(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    studio.comfyui.picture_seconds = 10
    image = left_behind(studio, job, sent=True, status="sending")
    studio.comfyui.wait_for(studio.rendered)
    ComfyUI(studio.comfyui.url).cancel(str(image.prompt_id))
    studio.comfyui.picture_seconds = 0.05
    studio.work()
    assert fresh(job).status == "done"


def test_a_job_whose_variants_are_all_there_ends_without_comfyui(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    GeneratedImage.objects.create(job=job, index=0, seed="5", status="done", file=upload(alice).file)
    studio.comfyui.stop()
    studio.work()
    assert fresh(job).status == "done"


def test_finished_variants_are_not_drawn_again(studio: Studio, alice: User) -> None:
    job = ready(studio, alice, variants=2)
    GeneratedImage.objects.create(job=job, index=0, seed="5", status="done", file=upload(alice).file)
    GeneratedImage.objects.create(job=job, index=1, seed="6")
    studio.work()
    assert fresh(job).status == "done"
    assert [sampler(graph)["seed"] for graph in graphs(studio)] == [6]


# --- The connection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "break_it",
    [
        lambda comfyui: setattr(comfyui, "refuses_sockets", True),
        lambda comfyui: setattr(comfyui, "drops_after", "execution_start"),
        lambda comfyui: setattr(comfyui, "drops_after", "progress"),
        lambda comfyui: setattr(comfyui, "loses", {"executing", "execution_success", "executed"}),
        lambda comfyui: setattr(comfyui, "noise", True),
        lambda comfyui: setattr(comfyui, "preview_seconds", 0.2),
    ],
)
def test_a_bad_websocket_costs_progress_and_nothing_else(
    studio: Studio, alice: User, break_it: Callable[[Any], None]
) -> None:
    break_it(studio.comfyui)
    studio.comfyui.picture_seconds = 0.3
    job = studio.drawn(alice, variants=2)
    assert job.status == "done"
    assert studio.rendered() == [str(image.prompt_id) for image in images(job)]


def test_each_job_has_a_websocket_of_its_own(studio: Studio, alice: User) -> None:
    studio.drawn(alice, variants=2)
    studio.drawn(alice)
    clients = [call.body["client_id"] for call in studio.comfyui.called("/prompt")]
    assert len(set(clients)) == 2
    assert clients[0] == clients[1]


# --- What goes wrong ------------------------------------------------------------------------------


def failed(job: ImageJob, code: str) -> ImageJob:
    job = fresh(job)
    assert (job.status, job.error_code) == ("failed", code)
    assert end_of(job) == {**end_of(job), "status": "failed", "code": code}
    assert job.message.status == "failed"
    assert nobody_holds_the_card()
    return job


def test_a_full_card_is_told_and_what_was_finished_is_kept(studio: Studio, alice: User) -> None:
    job = ready(studio, alice, variants=2)
    studio.comfyui.script(None, Fault.OUT_OF_MEMORY)
    studio.work()
    job = failed(job, "out_of_memory")
    assert "memory" in job.error
    assert [image.status for image in images(job)] == ["done", "rendering"]


def test_a_broken_node_is_named_by_its_title(studio: Studio, alice: User) -> None:
    studio.comfyui.script(Fault.NODE_ERROR)
    job = failed(studio.drawn(alice), "node_failed")
    assert "KSampler" in job.error
    assert "boom" not in job.error


@override_settings(COMFYUI_MODEL="flux2-dev")
def test_a_model_that_comfyui_does_not_have_is_named(studio: Studio, alice: User) -> None:
    assert "flux2-dev" in failed(studio.drawn(alice), "model_missing").error
    assert not studio.comfyui.called("/prompt")


def test_a_refused_workflow_names_node_and_field(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    ImageJob.objects.filter(pk=job.pk).update(settings={**job.settings, "sampler": "nonsense"})
    studio.work()
    job = failed(job, "workflow_refused")
    assert "KSampler" in job.error
    assert "sampler_name" in job.error


def test_a_branch_that_comfyui_would_leave_out_is_told_and_nothing_is_drawn(
    studio: Studio, alice: User
) -> None:
    graph = workflow_graphs.custom()
    graph["20"] = {**graph["13"], "inputs": {"samples": ["21", 0], "vae": ["3", 0]}}
    graph["21"] = copy.deepcopy(txt2img()["31"])
    graph["21"]["inputs"] |= {"model": ["1", 0], "positive": ["5", 0], "negative": ["4", 0],
                              "latent_image": ["11", 0], "sampler_name": "nonsense"}  # fmt: skip
    graph["22"] = copy.deepcopy(graph["14"])
    graph["22"]["inputs"]["images"] = ["20", 0]
    Workflow.objects.create(name="Mine", kind="txt2img", graph=graph, serves="txt2img")
    studio.comfyui.picture_seconds = 60
    job = failed(studio.drawn(alice), "workflow_refused")
    assert "sampler_name" in job.error
    sent = studio.comfyui.called("/prompt")[0].body["prompt_id"]
    assert [call.body for call in studio.comfyui.called("/interrupt")] == [{"prompt_id": sent}]


@override_settings(COMFYUI_TIMEOUT=1.5)
def test_no_progress_for_too_long_takes_the_prompt_back(studio: Studio, alice: User) -> None:
    studio.comfyui.script(Fault.STUCK)
    job = failed(studio.drawn(alice), "comfyui_timeout")
    assert "2 seconds" in job.error
    sent = studio.rendered()[0]
    assert [call.body for call in studio.comfyui.called("/interrupt")] == [{"prompt_id": sent}]


@override_settings(COMFYUI_TIMEOUT=3.0)
def test_slow_progress_is_progress(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 4.5
    assert studio.drawn(alice).status == "done"


@override_settings(COMFYUI_TIMEOUT=2.0)
def test_without_a_websocket_a_slow_picture_is_not_taken_for_a_stuck_one(studio: Studio, alice: User) -> None:
    studio.comfyui.refuses_sockets, studio.comfyui.picture_seconds = True, 4.0
    assert studio.drawn(alice).status == "done"


@override_settings(COMFYUI_TIMEOUT=0.5)
def test_without_a_websocket_a_stuck_picture_ends_all_the_same(studio: Studio, alice: User) -> None:
    studio.comfyui.refuses_sockets = True
    studio.comfyui.script(Fault.STUCK)
    failed(studio.drawn(alice), "comfyui_timeout")


def test_a_websocket_that_broke_is_opened_again(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 20.0
    job = ready(studio, alice)
    thread = begun(studio, job)
    studio.comfyui.wait_for(lambda: told(job, "progress"), 20)
    studio.comfyui.drop_sockets()
    studio.comfyui.wait_for(lambda: len(studio.comfyui.called("/ws", "GET")) == 2, 20)
    count = len(told(job, "progress"))
    studio.comfyui.wait_for(lambda: len(told(job, "progress")) > count, 20)
    ordering.cancel_job(fresh(job))
    thread.join(20)
    assert fresh(job).status == "cancelled"


@override_settings(COMFYUI_TIMEOUT=2.5)
def test_a_picture_that_somebody_else_has_in_line_is_waited_for(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 4.0
    ComfyUI(studio.comfyui.url).submit(txt2img(), str(uuid.uuid4()))
    job = ready(studio, alice)
    thread = begun_behind(studio)
    thread.join(30)
    assert fresh(job).status == "done"
    assert not studio.comfyui.called("/interrupt")


def begun_behind(studio: Studio) -> Any:
    thread = studio.begin()
    studio.comfyui.wait_for(lambda: len(studio.comfyui.called("/prompt")) == 2)
    studio.comfyui.picture_seconds = 0.1
    return thread


def test_a_picture_that_somebody_stopped_in_comfyui_fails(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 30
    job = ready(studio, alice)
    thread = begun(studio, job)
    ComfyUI(studio.comfyui.url).cancel(studio.rendered()[0])
    thread.join(20)
    failed(job, "interrupted")


@override_settings(COMFYUI_TIMEOUT=1.0)
def test_a_comfyui_that_is_away_is_told_with_its_address(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    studio.comfyui.stop()
    studio.work()
    assert studio.comfyui.url in failed(job, "comfyui_down").error


@pytest.mark.parametrize("kind", [Garbage.HTML, Garbage.CUT_JSON, Garbage.OTHER_JSON])
def test_an_address_that_is_no_comfyui_is_told(studio: Studio, alice: User, kind: Garbage) -> None:
    job = ready(studio, alice)
    studio.comfyui.garbage, studio.comfyui.fault_paths = kind, ("/prompt",)
    studio.work()
    failed(job, "comfyui_failed")


def test_a_source_that_is_gone_is_told(studio: Studio, alice: User) -> None:
    source = upload(alice)
    job = ready(studio, alice, source=source, denoise=0.6)
    ImageJob.objects.filter(pk=job.pk).update(source=None)
    studio.work()
    failed(job, "source_gone")


def test_a_folder_that_takes_no_file_is_told(studio: Studio, alice: User, tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("a file in the way")
    with override_settings(IMAGE_STORAGE_PATH=tmp_path / "no folder"):
        assert "disk" in failed(studio.drawn(alice), "not_stored").error


@pytest.mark.parametrize("fault", [Fault.DIES, Fault.DIES_LATE])
def test_a_comfyui_that_dies_in_mid_render_and_comes_back_gets_it_once_more(
    studio: Studio, alice: User, fault: Fault
) -> None:
    studio.comfyui.script(fault)
    studio.comfyui.picture_seconds = 0.3
    job = studio.drawn(alice, variants=2)
    assert job.status == "done"
    first, again, second = studio.rendered()
    assert first != again
    assert [again, second] == [str(image.prompt_id) for image in images(job)]


def test_a_comfyui_that_dies_each_time_is_told_and_what_was_finished_is_kept(
    studio: Studio, alice: User
) -> None:
    job = ready(studio, alice, variants=2)
    studio.comfyui.script(None, Fault.DIES, Fault.DIES)
    studio.work()
    job = failed(job, "comfyui_lost")
    assert images(job)[0].status == "done"
    assert len(studio.rendered()) == 3


@override_settings(COMFYUI_TIMEOUT=1.0)
def test_a_comfyui_that_dies_and_stays_away_is_told(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 30
    job = ready(studio, alice)
    thread = begun(studio, job)
    studio.comfyui.stop()
    thread.join(30)
    failed(job, "comfyui_down")


# --- Letting go -----------------------------------------------------------------------------------


def test_cancelling_takes_back_this_prompt_alone(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 60
    job = ready(studio, alice, variants=3)
    thread = begun(studio, job)
    ordering.cancel_job(fresh(job))
    thread.join(20)
    assert not thread.is_alive()
    job = fresh(job)
    assert (job.status, job.message.status) == ("cancelled", "stopped")
    sent = studio.rendered()[0]
    assert [call.body for call in studio.comfyui.called("/interrupt")] == [{"prompt_id": sent}]
    assert len(studio.rendered()) == 1
    assert end_of(job)["status"] == "cancelled"
    assert nobody_holds_the_card()


def test_cancelling_keeps_the_variants_that_are_finished(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 0.5
    job = ready(studio, alice, variants=4)
    thread = begun(studio, job)
    studio.comfyui.picture_seconds = 60
    studio.comfyui.wait_for(lambda: told(job, "image"))
    ordering.cancel_job(fresh(job))
    thread.join(20)
    assert not thread.is_alive()
    assert images(job)[0].status == "done"
    assert fresh(job).status == "cancelled"
    assert images(job)[3].status == "new"


def test_a_lost_lease_takes_the_prompt_back_and_waits_for_the_card_again(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 60
    job = ready(studio, alice)
    thread = begun(studio, job)
    (lease,) = arbiter.read().leases
    from gpu.arbiter.holding import keeper

    keeper()._held[lease.id].lose()
    thread.join(20)
    assert not thread.is_alive()
    assert fresh(job).status == "rendering"
    assert fresh(job).claim is None
    assert len(studio.comfyui.called("/interrupt")) == 1
    studio.comfyui.picture_seconds = 0.05
    studio.comfyui.wait_for(lambda: studio.grants or arbiter.tick() is None)
    studio.work()
    assert fresh(job).status == "done"
    assert len(studio.rendered()) == 2


def test_a_worker_whose_row_was_taken_writes_nothing_and_leaves_the_prompt_alone(
    studio: Studio, alice: User
) -> None:
    studio.comfyui.picture_seconds = 60
    job = ready(studio, alice)
    thread = begun(studio, job)
    ImageJob.objects.filter(pk=job.pk).update(claim="another worker")
    thread.join(20)
    assert not thread.is_alive()
    job = fresh(job)
    assert (job.status, job.claim) == ("rendering", "another worker")
    (image,) = images(job)
    assert image.file is None
    assert not studio.comfyui.called("/interrupt")
    assert not told(job, "end")


def test_an_older_lease_takes_nothing_from_a_newer_one(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    ImageJob.objects.filter(pk=job.pk).update(token=2**60)
    studio.work()
    assert fresh(job).status == "waiting"
    assert studio.rendered() == []


def test_a_lease_that_is_gone_does_nothing(studio: Studio, alice: User) -> None:
    job = ready(studio, alice)
    pipeline.draw(job.pk, "lease-1")
    assert fresh(job).status == "waiting"


def test_a_worker_that_is_asked_to_go_leaves_the_prompt_for_the_next_one(studio: Studio, alice: User) -> None:
    studio.comfyui.picture_seconds = 3.0
    job = ready(studio, alice)
    thread = begun(studio, job)
    pulse.pulse()._running[job.pk].end_as(End.LEAVING)
    thread.join(20)
    assert not thread.is_alive()
    assert (fresh(job).status, fresh(job).claim) == ("rendering", None)
    studio.comfyui.wait_for(lambda: studio.grants)
    studio.work()
    assert fresh(job).status == "done"
    assert len(studio.rendered()) == 1
    assert not studio.comfyui.called("/interrupt")


def test_the_file_is_there_before_the_row_says_so(studio: Studio, alice: User) -> None:
    job = studio.drawn(alice)
    image = images(job)[0]
    assert image.file
    assert storage.read(image.file)[:4] == b"\x89PNG"
    assert end_of(job)["seq"] == frames(job)[-1]["seq"]
