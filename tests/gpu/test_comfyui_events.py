"""Following one prompt over ComfyUI's websocket, whatever happens to the connection."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from gpu.services import errors
from gpu.services.comfyui import ComfyUI, Event
from gpu.services.wire import HungUpError
from tests.gpu.comfyui_prompts import answers, finish, submit
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import Graph, txt2img
from tests.standins.comfyui_script import BOOM, Fault


@pytest.fixture
def comfyui() -> Iterator[ScriptedComfyUI]:
    with ScriptedComfyUI() as running:
        yield running


@pytest.fixture
def client(comfyui: ScriptedComfyUI) -> ComfyUI:
    return ComfyUI(comfyui.url)


def follow(client: ComfyUI, graph: Graph | None = None, **extra: object) -> list[Event]:
    """Return the events of one prompt up to its end."""
    with client.events() as events:
        prompt_id = str(uuid.uuid4())
        client.submit(graph or txt2img(), prompt_id, events.client_id, extra)
        found = list(events.of(prompt_id))
        assert client.history(prompt_id) is not None
        return found


def test_events_tell_the_whole_story_in_order(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.picture_seconds = 0.5
    found = follow(client)
    kinds = [event.kind for event in found]
    assert kinds[:3] == ["started", "cached", "node"]
    assert kinds[-3:] == ["output", "succeeded", "ended"]
    steps = [(event.node, event.value, event.maximum) for event in found if event.kind == "progress"]
    assert steps == [("31", 1, 4), ("31", 2, 4), ("31", 3, 4), ("31", 4, 4)]
    assert next(e for e in found if e.kind == "output").outputs[0].filename == "ComfyUI_00001_.png"


def test_what_need_not_run_is_told(client: ComfyUI) -> None:
    finish(client, submit(client))
    found = follow(client, txt2img(seed=2))
    assert next(event for event in found if event.kind == "cached").nodes == ("6", "27", "30", "33", "35")


def test_previews_come_when_they_are_asked_for(client: ComfyUI) -> None:
    found = [e for e in follow(client, preview_method="auto") if e.kind == "preview"]
    assert [(event.node, event.content_type) for event in found] == [("31", "image/jpeg")] * 4
    assert all(event.data.startswith(b"\xff\xd8") for event in found)
    assert not [event for event in follow(client, txt2img(seed=2)) if event.kind == "preview"]


def test_previews_without_a_name_belong_to_the_running_prompt(client: ComfyUI) -> None:
    with client.events(previews=False) as events:
        prompt_id = str(uuid.uuid4())
        client.submit(txt2img(), prompt_id, events.client_id, {"preview_method": "auto"})
        found = [event for event in events.of(prompt_id) if event.kind == "preview"]
    assert len(found) == 4
    assert found[0].data.startswith(b"\xff\xd8")


def test_one_connection_serves_several_prompts_and_hears_of_no_others(client: ComfyUI) -> None:
    with client.events() as events:
        submit(client, txt2img(seed=9))  # without a client_id its progress goes to everybody
        for seed in (1, 2):
            prompt_id = str(uuid.uuid4())
            client.submit(txt2img(seed=seed), prompt_id, events.client_id)
            steps = [event.value for event in events.of(prompt_id) if event.kind == "progress"]
            assert steps == sorted(set(steps))


def test_noise_among_the_frames_is_passed_over(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.noise = True
    assert [event.kind for event in follow(client, preview_method="auto")][-1] == "ended"


def test_a_failure_and_an_interrupt_are_events(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.script(Fault.NODE_ERROR)
    failed = follow(client)[-2]
    assert failed.kind == "failed"
    assert failed.failure is not None
    assert failed.failure.message == BOOM
    comfyui.picture_seconds = 30
    with client.events() as events:
        prompt_id = str(uuid.uuid4())
        client.submit(txt2img(steps=100), prompt_id, events.client_id)
        kinds = []
        for event in events.of(prompt_id):
            kinds.append(event.kind)
            if kinds.count("progress") == 1:
                client.cancel(prompt_id)
    assert kinds[-2:] == ["interrupted", "ended"]


def test_silence_is_told_so_that_a_lost_event_is_no_trap(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.loses = {"executing", "execution_success"}
    with client.events() as events:
        prompt_id = str(uuid.uuid4())
        client.submit(txt2img(), prompt_id, events.client_id)
        for event in events.of(prompt_id, quiet_seconds=0.1):
            if event.kind == "quiet" and client.find(prompt_id) == "done":
                return
    pytest.fail("never quiet")


@pytest.mark.parametrize("how", ["drops", "dies"])
def test_a_broken_connection_is_told_and_the_server_knows_the_rest(
    comfyui: ScriptedComfyUI, client: ComfyUI, how: str
) -> None:
    comfyui.drops_after = "executed" if how == "drops" else ""
    if how == "dies":
        comfyui.script(Fault.DIES)
    with client.events() as events:
        prompt_id = str(uuid.uuid4())
        client.submit(txt2img(), prompt_id, events.client_id)
        with pytest.raises(errors.CutOffError):
            list(events.of(prompt_id))
    comfyui.wait_for(lambda: answers(client))
    assert finish(client, prompt_id) == ("done" if how == "drops" else "lost")


def test_hanging_up_from_another_thread_frees_a_blocked_reader(
    comfyui: ScriptedComfyUI, client: ComfyUI
) -> None:
    with client.events() as events:
        begun = time.monotonic()
        threading.Timer(0.2, events.hang_up).start()
        with pytest.raises(HungUpError):
            list(events.of("nothing", quiet_seconds=30))
        assert time.monotonic() - begun < 20


def test_hanging_up_before_it_is_connected_counts_too(client: ComfyUI) -> None:
    events = client.events()
    events.hang_up()
    with events, pytest.raises(HungUpError):
        list(events.of("nothing"))


def test_a_refused_socket_is_told(comfyui: ScriptedComfyUI, client: ComfyUI) -> None:
    comfyui.refuses_sockets = True
    with pytest.raises(errors.ServiceDownError), client.events():
        pass


def test_a_proxy_of_the_environment_is_not_used(client: ComfyUI, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert follow(client)[-1].kind == "ended"
