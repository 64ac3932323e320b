"""The embedded engine against the traffic of a real ComfyUI: the same requests, the same story."""

from __future__ import annotations

import copy
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image

from tests.engines.comfyui import (
    Engine,
    Graph,
    Message,
    captured,
    ends,
    graph_of,
    heard,
    running_comfyui,
    shapes,
    story,
)
from tests.standins.captures import names, shape
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import history, submit, txt2img
from tests.standins.comfyui_script import Fault

SAME_BODY = names("""
ep_embeddings ep_features ep_queue_idle ep_prompt_get ep_queue_clear ep_queue_delete ep_interrupt_idle
ep_interrupt_idle_json ep_free ep_free_nobody ep_history_unknown ep_object_info_ckpt ep_object_info_ksampler
ep_object_info_unknown ep_models_checkpoints ep_models_diffusion ep_models_bad ep_api_job_unknown
ep_api_jobs_bad err_no_prompt err_not_json err_bad_prompt_id err_upper_prompt_id
err_validation_bad_sampler err_validation_dangling_link err_validation_empty
err_validation_extra_input_ok_not_run
err_validation_missing_image err_validation_missing_input err_validation_missing_model
err_validation_no_class_type err_validation_no_outputs err_validation_node_without_inputs
err_validation_out_of_range err_validation_prompt_is_list err_validation_seed_too_big
err_validation_type_mismatch err_validation_ui_format err_validation_unknown_node err_validation_wrong_type
view_absolute view_badtype view_dotdot view_missing view_nofilename view_pathinname view_subtraversal
""")


@pytest.fixture(scope="module")
def idle() -> Iterator[Engine]:
    """An engine in which nothing ever runs."""
    with running_comfyui() as running:
        yield running


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A fresh one, with nothing cached."""
    with running_comfyui() as running:
        yield running


def replayed(engine: Engine, name: str) -> requests.Response:
    asked = captured(name)["request"]
    return requests.request(asked["method"], engine.url + asked["path"], json=asked.get("json"), timeout=30)


def plain(value: Any) -> Any:
    """Returns a body without what is wording or no fact of the wire: tooltips, tracebacks, their order."""
    if isinstance(value, dict):
        told = {key: plain(part) for key, part in value.items() if key not in ("traceback", "search_aliases")}
        wordings = ("tooltip", "description", "output_tooltips")
        return {key: "" if key in wordings else part for key, part in told.items()}
    if isinstance(value, list):
        parts = [plain(part) for part in value]
        return sorted(parts, key=str) if parts and isinstance(parts[0], dict) else parts
    return value


def fields(value: Any) -> list[str]:
    """Returns every key in a body, in order."""
    if isinstance(value, dict):
        return [key for name, part in value.items() for key in (name, *fields(part))]
    return []


@pytest.mark.parametrize("name", SAME_BODY)
def test_answers_the_same_as_comfyui(idle: Engine, name: str) -> None:
    ours, real = replayed(idle, name), captured(name)
    assert ours.status_code == real["status"]
    assert ours.headers.get("Connection") == real["headers"].get("Connection")
    if "body" in real:
        assert ours.headers["Content-Type"] == real["headers"]["Content-Type"]
        assert plain(ours.json()) == plain(real["body"])
        assert fields(ours.json()) == fields(real["body"]) or "errors" in fields(real["body"])
    else:
        assert ours.content[:64].hex() == real["body_head"][:128]


def test_tells_its_system_in_the_same_shape(idle: Engine) -> None:
    ours, real = idle.get("/system_stats"), captured("ep_system_stats")["body"]
    assert list(ours["system"]) == list(real["system"])
    assert list(ours["devices"][0]) == list(real["devices"][0])


def test_takes_a_prompt_of_which_only_a_part_is_valid(engine: Engine) -> None:
    ours, real = (
        replayed(engine, "err_partial_one_output_invalid_is_200"),
        captured("err_partial_one_output_invalid_is_200"),
    )
    assert ours.status_code == real["status"]
    assert ours.json()["node_errors"] == real["body"]["node_errors"]
    assert shape(ours.json()) == shape(real["body"])


# --- Runs -------------------------------------------------------------------------------------------


def changed(graph: Graph, *, seed: int = 5, steps: int = 4, size: int | None = None) -> Graph:
    found = copy.deepcopy(graph)
    found["31"]["inputs"] |= {"seed": seed, "steps": steps}
    if size:
        found["27"]["inputs"] |= {"width": size, "height": size}
    return found


def same(ours: list[Message], real: list[Message]) -> None:
    assert story(ours) == story(real)
    assert shapes(ours) == shapes(real)


def cold(engine: Engine, *, seed: int = 1) -> Graph:
    """Runs the standard graph at 256 px and returns it: its loader is cached then, as in the captures."""
    graph = changed(graph_of("01_txt2img_prompt_response"), seed=seed, size=256)
    engine.run(graph)
    return graph


def picture() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(written, "PNG")
    return written.getvalue()


def test_tells_a_cold_img2img_as_comfyui_does(engine: Engine) -> None:
    form, files = {"subfolder": "appuser"}, {"image": ("source.png", picture())}
    answer = requests.post(f"{engine.url}/upload/image", data=form, files=files, timeout=30)
    assert answer.json() == {"name": "source.png", "subfolder": "appuser", "type": "input"}
    same(engine.run(graph_of("04_prompt_response")), heard("04_img2img_success"))


def test_tells_separate_loaders_and_a_custom_sampler_as_comfyui_does(engine: Engine) -> None:
    same(engine.run(graph_of("15_prompt")), heard("15_separate_loaders_txt2img"))


def test_tells_another_size_with_a_cached_loader_as_comfyui_does(engine: Engine) -> None:
    cold(engine)
    same(engine.run(graph_of("01_txt2img_prompt_response")), heard("01_txt2img_success"))


def test_tells_a_cached_prompt_and_another_seed_as_comfyui_does(engine: Engine) -> None:
    graph = cold(engine)
    with engine.listen("one") as hear:
        found = []
        for seed in (7, 7, 8):
            engine.post("/prompt", {"prompt": changed(graph, seed=seed), "client_id": "one"})
            found += hear(ends)
    same(found, heard("06_cached_rerun"))
    images = [told["data"]["output"]["images"] for told in found if told["type"] == "executed"]
    assert images[0] == images[1] != images[2]


def test_sends_previews_as_comfyui_does(engine: Engine) -> None:
    graph = changed(cold(engine), size=272)
    found = engine.run(graph, extra_data={"preview_method": "latent2rgb"})
    same(found, heard("02_txt2img_256_latent2rgb_previews_no_flags"))
    frames = [told["data"]["bytes"] for told in found if told["type"] == "preview"]
    assert len(frames) == 4
    assert all(frame[4:11] == b"\0\0\0\1\xff\xd8\xff" for frame in frames)


def test_sends_previews_with_metadata_to_who_asked_for_them(engine: Engine) -> None:
    graph = changed(cold(engine), seed=9)
    flags = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
    body = {"prompt": graph, "client_id": "one", "extra_data": {"preview_method": "auto"}}
    with engine.listen("one", flags) as hear:
        found = hear(lambda told: told["type"] == "feature_flags")
        engine.post("/prompt", body)
        found += hear(ends)
    real = heard("03_txt2img_256_previews_with_feature_flags")
    same(found, real[: 1 + next(place for place, told in enumerate(real) if ends(told))])
    frame = next(told["data"]["bytes"] for told in found if told["type"] == "preview")
    length = int.from_bytes(frame[4:8], "big")
    about = json.loads(frame[8 : 8 + length])
    assert list(about) == names("node_id prompt_id display_node_id parent_node_id real_node_id image_type")
    assert frame[8 + length :].startswith(b"\xff\xd8")


def test_tells_an_interrupt_and_remembers_it_as_comfyui_does() -> None:
    with ScriptedComfyUI() as comfyui:
        engine = Engine(None, comfyui.url)
        graph = changed(cold(engine), steps=20, size=272)
        comfyui.picture_seconds = 6
        prompt_id = str(uuid.uuid4())
        with engine.listen("one") as hear:
            engine.post("/prompt", {"prompt": graph, "client_id": "one", "prompt_id": prompt_id})
            found = hear(lambda told: told["type"] == "progress" and told["data"]["value"] == 2)
            engine.post("/interrupt")
            found += hear(ends)
        same(found, heard("09_interrupt_global"))
        entry = history(comfyui.url, prompt_id)
        same_entry(entry, captured("09_history"))
        job = engine.get(f"/api/jobs/{prompt_id}")
        assert shape(job) == shape(captured("09_api_job")["body"])
        assert (job["status"], entry["status"]["messages"][-1][0]) == ("cancelled", "execution_interrupted")


def same_entry(ours: dict[str, Any], real: dict[str, Any]) -> None:
    """Compares two entries of the history: their shape, and the graph's place in `prompt`."""
    (theirs,) = real["body"].values()
    assert list(ours) == list(theirs)
    assert [type(part) for part in ours["prompt"]] == [type(part) for part in theirs["prompt"]]
    assert list(ours["prompt"][3]) == list(theirs["prompt"][3])
    assert shape(ours["status"]) == shape(theirs["status"])
    kinds = [[message[0], shape(message[1])] for message in ours["status"]["messages"]]
    assert kinds == [[message[0], shape(message[1])] for message in theirs["status"]["messages"]]
    assert shape(list(ours["outputs"].values())) == shape(list(theirs["outputs"].values()))
    assert shape(list(ours["meta"].values())) == shape(list(theirs["meta"].values()))


def test_remembers_a_prompt_as_comfyui_does(engine: Engine) -> None:
    cold(engine)
    engine.run(graph_of("01_txt2img_prompt_response"), prompt_id=(prompt_id := str(uuid.uuid4())))
    entry = history(engine.url, prompt_id)
    same_entry(entry, captured("01_txt2img_history"))
    assert entry["prompt"][2] == next(iter(captured("01_txt2img_history")["body"].values()))["prompt"][2]
    job, real = engine.get(f"/api/jobs/{prompt_id}"), captured("04_api_job")["body"]
    assert list(job) == list(real)
    assert shape(job["preview_output"]) == shape(real["preview_output"])
    listed, theirs = engine.get("/api/jobs?limit=1"), captured("ep_api_jobs")["body"]
    assert shape(listed) == shape(theirs)


def test_tells_a_failure_as_comfyui_does() -> None:
    with ScriptedComfyUI() as comfyui:
        comfyui.script(Fault.NODE_ERROR)
        engine = Engine(None, comfyui.url)
        found = engine.run(txt2img())
        theirs = [told["data"] for told in heard("08_execution_error") if told["type"] == "execution_error"]
        ours = [told["data"] for told in found if told["type"] == "execution_error"]
        assert list(ours[0]) == list(theirs[0])
        assert (ours[0]["exception_message"], ours[0]["exception_type"]) == (
            "boom from node\n",
            "RuntimeError",
        )
        assert [told["type"] for told in found][-3:] == ["execution_error", "status", "executing"]
        (entry,) = engine.get("/history").values()
        (real,) = captured("08_history")["body"].values()
        assert {key: entry["status"][key] for key in ("status_str", "completed")} == {
            key: real["status"][key] for key in ("status_str", "completed")
        }


def test_without_a_client_id_only_progress_is_sent_and_to_everybody(engine: Engine) -> None:
    with engine.listen("somebody") as hear:
        submit(engine.url, changed(txt2img(), steps=3))
        found = hear(lambda told: told["type"] == "status" and told["data"]["status"] == idle_status())
        found += hear(lambda told: told["type"] == "status" and told["data"]["status"] == idle_status())
    assert {told["type"] for told in found} == {told["type"] for told in heard("12_no_client_id_submitter")}


def idle_status() -> dict[str, Any]:
    return {"exec_info": {"queue_remaining": 0}}


def test_the_queue_is_shown_as_comfyui_shows_it() -> None:
    with ScriptedComfyUI() as comfyui:
        comfyui.picture_seconds = 30
        engine = Engine(None, comfyui.url)
        body = {"client_id": "one", "extra_data": {"a": 1}}
        bodies = [{**body, "prompt": txt2img(seed=seed)} for seed in range(6)]
        ids = [engine.post("/prompt", one).json()["prompt_id"] for one in bodies[:3]]
        engine.post("/queue", {"delete": [ids[1]]})
        front = engine.post("/prompt", {**bodies[4], "front": True}).json()
        assert (front["number"], list(front)) == (-3, list(captured("07_prompt_D_front")["body"]))
        last = engine.post("/prompt", {**bodies[5], "number": 2.5}).json()["prompt_id"]
        comfyui.wait_for(lambda: engine.get("/queue")["queue_running"])
        queue, real = engine.get("/queue"), captured("07_queue_running_and_pending")["body"]
        assert shape(queue) == shape(real)
        assert [type(part) for part in queue["queue_pending"][0]] == [
            type(part) for part in real["queue_pending"][0]
        ]
        numbers = [(item[0], item[1]) for item in sorted(queue["queue_pending"])]
        assert numbers == [(-3, front["prompt_id"]), (2, ids[2]), (2.5, last)]
        assert engine.get("/prompt") == {"exec_info": {"queue_remaining": 4}}
        for prompt_id, name in ((ids[0], "07_api_job_running"), (ids[2], "07_api_job_pending")):
            job, theirs = engine.get(f"/api/jobs/{prompt_id}"), captured(name)["body"]
            assert (shape(job), job["status"]) == (shape(theirs), theirs["status"])
        engine.post("/queue", {"clear": True})
        assert engine.get("/queue")["queue_pending"] == []


def test_a_client_that_comes_back_hears_where_it_is() -> None:
    with ScriptedComfyUI() as comfyui:
        comfyui.picture_seconds = 30
        engine = Engine(None, comfyui.url)
        with engine.listen("one") as hear:
            engine.post("/prompt", {"prompt": txt2img(steps=100), "client_id": "one"})
            hear(lambda told: told["type"] == "progress")
        with engine.listen("one") as hear:
            found = hear(lambda told: told["type"] == "progress")
        real = heard("13_reconnect_second_socket_same_clientid")
        assert story(found)[:2] == [("status", 1), ("executing", "31")] == story(real)[:2]
        assert found[1]["data"] == real[1]["data"] == {"node": "31"}


def test_of_two_sockets_with_one_id_the_newer_goes_deaf_when_the_older_closes() -> None:
    with ScriptedComfyUI() as comfyui:
        comfyui.picture_seconds = 30
        engine = Engine(None, comfyui.url)
        older = engine.listen("one")
        older.__enter__()
        with engine.listen("one") as newer:
            engine.post("/prompt", {"prompt": txt2img(steps=300), "client_id": "one"})
            newer(lambda told: told["type"] == "progress")
            older.__exit__(None, None, None)
            with pytest.raises(TimeoutError):
                newer(lambda told: told["type"] == "progress" and told["data"]["value"] > 200, seconds=2)
