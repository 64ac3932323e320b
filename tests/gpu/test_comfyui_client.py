"""The client of ComfyUI in front of a scripted one: every call, and every fault in words."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator

import pytest
import requests
from PIL import Image

from gpu.services import errors
from gpu.services.comfyui import ComfyUI, Output, Queue, ValidationError
from gpu.services.comfyui.records import (
    read_finished,
    read_outputs,
    read_problems,
    read_queue,
    read_stats,
)
from tests.gpu.comfyui_prompts import answers, finish, submit
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import img2img, txt2img
from tests.standins.comfyui_script import BOOM, Fault, Garbage

GIB = 2**30


@pytest.fixture
def comfyui() -> Iterator[ScriptedComfyUI]:
    with ScriptedComfyUI() as running:
        yield running


@pytest.fixture
def client(comfyui: ScriptedComfyUI) -> ComfyUI:
    return ComfyUI(comfyui.url)


def png(width: int = 64, height: int = 48) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(written, "PNG")
    return written.getvalue()


# --- What it has ------------------------------------------------------------------------------------


def test_memory_is_read_in_bytes_and_comes_back_some_time_after_free(
    comfyui: ScriptedComfyUI, client: ComfyUI
) -> None:
    before = client.stats()
    assert (before.version, before.held, before.devices[0].total) == ("0.33.0", 0, 24 * GIB)
    finish(client, submit(client))
    assert client.stats().held == 16 * GIB
    comfyui.free_seconds = 1
    client.free()
    assert client.stats().held == 16 * GIB
    comfyui.wait_for(lambda: client.stats().held == 0)
    assert client.stats().devices[0].free == before.devices[0].free
    assert comfyui.called("/free")[0].body == {"unload_models": True, "free_memory": True}


def test_on_a_cpu_nothing_counts_as_held() -> None:
    device = {"name": "cpu", "type": "cpu", "vram_total": 25, "vram_free": 21, "torch_vram_total": 25}
    assert read_stats({"system": {}, "devices": [device]}).held == 0


def test_models_and_choices_are_listed(client: ComfyUI) -> None:
    assert client.models("checkpoints") == ("flux1-dev-fp8.safetensors",)
    assert client.models("nonsense") == ()
    assert "euler" in client.choices("KSampler", "sampler_name")
    assert "euler" in client.choices("KSamplerSelect", "sampler_name")
    assert client.choices("DualCLIPLoader", "device") == ("default", "cpu")
    assert client.choices("KSampler", "seed") == client.choices("KSampler", "x") == ()
    assert client.object_info("NoSuchNode") == {}


# --- The life of a prompt ---------------------------------------------------------------------------


def test_a_prompt_waits_runs_and_is_done(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.picture_seconds = 0.3
    first, second = submit(client), submit(client, txt2img(seed=2))
    comfyui.wait_for(lambda: client.find(first) == "running")
    assert client.queue() == Queue((first,), (second,))
    assert client.find(second) == "pending"
    assert client.history(first) is None
    assert client.is_computing()
    assert finish(client, second) == finish(client, first) == "done"
    assert not client.is_computing()
    assert client.find(str(uuid.uuid4())) == "lost"


def test_a_finished_prompt_names_files_that_can_be_fetched(client: ComfyUI) -> None:
    prompt_id = submit(client)
    finish(client, prompt_id)
    finished = client.history(prompt_id)
    assert finished is not None
    assert finished.outputs == (Output("9", "ComfyUI_00001_.png", "", "output"),)
    assert client.view(finished.outputs[0]).startswith(b"\x89PNG")
    assert client.view(finished.outputs[0], "webp;80")[8:12] == b"WEBP"
    with pytest.raises(errors.ServiceError, match="404"):
        client.view(Output("9", "gone.png", "", "output"))


def test_pending_prompts_are_told_in_the_order_in_which_they_run() -> None:
    items = [[-41, "front"], [40, "second"], [39, "first"], [42, "last"]]
    queue = read_queue({"queue_running": [[38, "now"]], "queue_pending": items})
    assert queue == Queue(("now",), ("front", "first", "second", "last"))


def test_an_upload_is_drawn_upon(client: ComfyUI) -> None:
    reference = client.upload("a.png", png())
    assert reference == "ollama-chat/a.png"
    assert client.upload("a.png", png()) == reference
    assert client.upload("a.png", png(32)) == "ollama-chat/a (1).png"
    assert finish(client, submit(client, img2img(reference))) == "done"


@pytest.mark.parametrize("name", ["", "../a.png", "a/b.png", "картина.png", ".png", "a b.png"])
def test_an_upload_needs_a_plain_name(client: ComfyUI, name: str) -> None:
    with pytest.raises(ValueError):
        client.upload(name, b"")


def test_cancel_takes_a_prompt_out_wherever_it_is(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.picture_seconds = 30
    running, waiting, other = (submit(client, txt2img(seed=seed, steps=100)) for seed in (1, 2, 3))
    comfyui.wait_for(lambda: client.find(running) == "running")
    client.cancel(waiting)
    assert client.find(waiting) == "lost"
    client.cancel(running)
    comfyui.wait_for(lambda: client.find(other) == "running")
    assert client.find(running) == "interrupted"
    client.interrupt(waiting)
    time.sleep(0.1)
    assert client.find(other) == "running"
    client.cancel(other)
    comfyui.wait_for(lambda: not client.is_computing())


def test_the_same_id_again_is_queued_again(client: ComfyUI) -> None:
    prompt_id = submit(client)
    client.submit(txt2img(seed=2), prompt_id)
    assert finish(client, prompt_id) == "done"


# --- What goes wrong with a workflow ----------------------------------------------------------------


def test_a_refused_workflow_names_node_and_field(client: ComfyUI) -> None:
    graph = txt2img()
    graph["30"]["inputs"]["ckpt_name"] = "other.safetensors"
    graph["30"]["_meta"]["title"] = "Load Checkpoint"
    del graph["31"]["inputs"]["seed"]
    with pytest.raises(ValidationError) as caught:
        submit(client, graph)
    found = {(p.node, p.title, p.class_type, p.field, p.kind) for p in caught.value.problems}
    assert found == {
        ("30", "Load Checkpoint", "CheckpointLoaderSimple", "ckpt_name", "value_not_in_list"),
        ("31", "KSampler", "KSampler", "seed", "required_input_missing"),
    }
    assert caught.value.permanent
    assert caught.value.about["field"]


def test_a_missing_node_is_named(client: ComfyUI) -> None:
    graph = txt2img()
    graph["31"]["class_type"] = "TurboSampler"
    with pytest.raises(ValidationError) as caught:
        submit(client, graph)
    (problem,) = caught.value.problems
    assert (problem.node, problem.class_type, problem.kind) == ("31", "TurboSampler", "missing_node_type")


def test_the_older_way_to_refuse_is_understood() -> None:
    error = {"type": "invalid_prompt", "message": "Cannot execute because node X does not exist."}
    (problem,) = read_problems({"error": error, "node_errors": []}, {})
    assert (problem.kind, problem.node) == ("invalid_prompt", "")


def test_a_branch_that_will_be_left_out_is_told(client: ComfyUI) -> None:
    graph = txt2img()
    graph["51"] = {"class_type": "LoadImage", "inputs": {"image": "gone.png"}}
    graph["50"] = {"class_type": "PreviewImage", "inputs": {"images": ["51", 0]}}
    submitted = client.submit(graph, str(uuid.uuid4()))
    assert [problem.kind for problem in submitted.problems] == ["custom_validation_failed"]
    assert finish(client, submitted.prompt_id) == "done"


def test_a_graph_of_the_page_trips_it(client: ComfyUI) -> None:
    with pytest.raises(errors.ServiceError, match="500"):
        client.submit({"nodes": [], "version": 0.4}, str(uuid.uuid4()))  # type: ignore[dict-item]


@pytest.mark.parametrize(("fault", "memory"), [(Fault.OUT_OF_MEMORY, True), (Fault.NODE_ERROR, False)])
def test_a_node_that_breaks_is_told(
    comfyui: ScriptedComfyUI, client: ComfyUI, fault: Fault, memory: bool
) -> None:
    comfyui.script(fault)
    prompt_id = submit(client)
    assert finish(client, prompt_id) == "failed"
    finished = client.history(prompt_id)
    assert finished is not None
    assert finished.failure is not None
    assert finished.failure.out_of_memory is memory
    assert (finished.failure.class_type, finished.failure.node) == ("KSampler", "31")
    assert memory or finished.failure.message == BOOM


def test_outputs_are_found_in_any_list_and_never_outside_of_its_folders() -> None:
    good = {"filename": "a.mp4", "subfolder": "u7/x", "type": "temp"}
    bad = [
        {"filename": "../a.png"},
        {"filename": "a\\b.png"},
        {"filename": ".."},
        {"filename": ""},
        {"filename": "a.png", "subfolder": "/etc"},
        {"filename": "a.png", "subfolder": "u/../../x"},
        {"filename": "a.png", "subfolder": "..\\x"},
        {"filename": "a.png", "subfolder": "C:x"},
        {"filename": "a.png", "type": "home"},
    ]
    told = {"5:2": {"gifs": [good, *bad], "animated": [True], "text": ["hi"], "count": 3}, "6": "odd"}
    assert list(read_outputs(told)) == [Output("5:2", "a.mp4", "u7/x", "temp")]


def test_an_error_without_its_message_is_still_a_failure() -> None:
    finished = read_finished({"status": {"status_str": "error"}, "outputs": {}})
    assert (finished.state, finished.failure and finished.failure.message) == ("failed", "")


# --- What goes wrong with the server ----------------------------------------------------------------


@pytest.mark.parametrize("garbage", list(Garbage))
def test_garbage_is_told_as_such(comfyui: ScriptedComfyUI, client: ComfyUI, garbage: Garbage) -> None:
    comfyui.garbage = garbage
    expected = errors.ServiceDownError if garbage is Garbage.BAD_GATEWAY else errors.GarbledError
    for ask in (client.stats, client.queue, lambda: client.find("x"), lambda: submit(client)):
        with pytest.raises(expected):
            ask()


def test_a_server_that_hangs_is_down(comfyui: ScriptedComfyUI) -> None:
    comfyui.hangs = True
    with pytest.raises(errors.ServiceDownError):
        ComfyUI(comfyui.url, quick=(0.5, 0.2)).stats()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[bad", "ftp://x"])
def test_an_address_where_nothing_answers_is_down(url: str) -> None:
    with pytest.raises(errors.ServiceDownError):
        ComfyUI(url).stats()
    with pytest.raises(errors.ServiceDownError), ComfyUI(url).events():
        pass


def test_a_prompt_is_lost_when_the_server_died(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.script(Fault.DIES)
    prompt_id = submit(client)
    comfyui.wait_for(lambda: answers(client) and client.find(prompt_id) == "lost")


def test_another_site_in_a_browser_is_refused(comfyui: ScriptedComfyUI) -> None:
    answer = requests.get(f"{comfyui.url}/queue", headers={"Origin": "http://evil.example"}, timeout=30)
    assert answer.status_code == 403
