from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from django.test import override_settings

from gpu import pulls, snapshot
from gpu.services.ollama import Ask, Ollama
from gpu.snapshot import DOWN, NO_MODELS, READY, STARTING, Known, Snapshot
from live import log
from live.redis import client, key
from tests.standins.ollama import VERSION, ScriptedOllama
from tests.standins.ollama_script import Model

MODEL = "smollm2:135m"


def shows(ollama: ScriptedOllama) -> list[str]:
    """Return the models whose abilities were asked for."""
    return [call.model for call in ollama.calls if call.path == "/api/show"]


def told(kind: str, identity: str) -> list[dict[str, Any]]:
    return log.read_frames(client().xrange(log.stream_key(kind, identity)))


def test_before_anybody_has_looked_it_is_starting() -> None:
    assert snapshot.read() == Snapshot()
    assert snapshot.read().state == STARTING


def test_an_ollama_with_models_is_ready(ollama: ScriptedOllama) -> None:
    seen = snapshot.refresh()
    assert (seen.state, seen.kind, seen.url) == (READY, "configured", ollama.url)
    assert (seen.version, seen.error) == (VERSION, "")
    assert [model.name for model in seen.models] == list(ollama.models)
    assert snapshot.read() == seen


@pytest.mark.parametrize("left", [[], [Model("embed:1b", ("embedding",))]])
def test_an_ollama_without_a_model_that_answers_has_no_models(
    ollama: ScriptedOllama, left: list[Model]
) -> None:
    ollama.models = {model.name: model for model in left}
    seen = snapshot.refresh()
    assert seen.state == NO_MODELS
    assert (len(seen.models), seen.chat_models()) == (len(left), [])


def test_an_ollama_that_does_not_answer_is_down_and_named(ollama: ScriptedOllama) -> None:
    snapshot.refresh()
    ollama.stop()
    seen = snapshot.refresh()
    assert (seen.state, seen.url, seen.error) == (DOWN, ollama.url, "service_down")
    assert seen.models == ()
    ollama.start()
    assert snapshot.refresh().state == READY


@override_settings(OLLAMA_URL="", OLLAMA_ENGINE_URL="")
def test_there_is_always_an_address_to_name() -> None:
    assert snapshot.refresh().url.startswith("http")


def test_what_models_can_do_is_asked_once_for_each_digest(ollama: ScriptedOllama) -> None:
    snapshot.refresh()
    snapshot.refresh()
    assert shows(ollama) == list(ollama.models)
    ollama.models["new:1b"] = Model("new:1b", ("completion", "vision"))
    found = snapshot.refresh().find("new:1b")
    assert found is not None
    assert (found.chats, found.thinks, found.sees) == (True, False, True)
    assert shows(ollama)[-1] == "new:1b"
    assert len(shows(ollama)) == len(ollama.models)


def test_a_loaded_model_is_seen_as_loaded(ollama: ScriptedOllama) -> None:
    Ollama(ollama.url).complete(Ask(MODEL, [{"role": "user", "content": "Hi"}], 2048, "5m"), timeout=30)
    loaded = {model.name: model.size_vram for model in snapshot.refresh().models if model.loaded}
    assert list(loaded) == [MODEL]
    assert loaded[MODEL] > 0


def test_pages_are_told_only_what_has_changed(ollama: ScriptedOllama) -> None:
    snapshot.refresh()
    snapshot.refresh()
    assert [frame["state"] for frame in told("models", "all")] == [READY]
    ollama.models.clear()
    snapshot.refresh()
    assert [frame["state"] for frame in told("models", "all")] == [READY, NO_MODELS]


def test_a_look_is_forgotten_when_nobody_looks_any_more(ollama: ScriptedOllama) -> None:
    snapshot.refresh()
    assert 0 < client().ttl(key("snapshot")) <= snapshot.KEPT


def test_a_worker_looks_itself_when_the_kept_look_is_no_use(ollama: ScriptedOllama) -> None:
    assert snapshot.look_now().state == READY
    client().set(key("snapshot"), json.dumps(asdict(Snapshot(DOWN, "configured", ollama.url))))
    assert snapshot.look_now().state == READY


def test_a_worker_takes_the_kept_look_when_it_is_good(ollama: ScriptedOllama) -> None:
    snapshot.refresh()
    ollama.reset()
    assert snapshot.look_now().state == READY
    assert ollama.calls == []


A, B, LOADED = Known("a:1b", 1), Known("b:1b", 1), Known("c:1b", 1, loaded=True)
PICTURES = Known("p:1b", 1, ("image",), loaded=True)


@pytest.mark.parametrize(
    ("wanted", "models", "default"),
    [
        ("b:1b", (A, B, LOADED), "b:1b"),
        ("gone:1b", (A, B, LOADED), "c:1b"),
        ("gone:1b", (A, B), "a:1b"),
        ("gone:1b", (PICTURES, A), "a:1b"),
        ("gone:1b", (), "gone:1b"),
        ("b", (A, Known("b:latest", 1)), "b:latest"),
    ],
)
def test_the_default_is_the_operators_model_else_a_loaded_one_else_the_first(
    wanted: str, models: tuple[Known, ...], default: str
) -> None:
    with override_settings(OLLAMA_DEFAULT_MODEL=wanted):
        assert Snapshot(READY, models=models).default_model() == default


# --- Downloads ----------------------------------------------------------------------------------------


def test_a_download_is_told_to_who_follows_it_and_the_model_is_there(ollama: ScriptedOllama) -> None:
    ollama.pull_seconds = 0.2
    pulls.pull_model("new:1b")
    frames = told("pull", "new:1b")
    assert (frames[-1]["status"], frames[-1]["done"]) == ("success", True)
    assert any(frame.get("completed") for frame in frames)
    assert snapshot.read().find("new:1b") is not None


def test_a_failed_download_is_told_with_its_reason_and_can_be_started_again(ollama: ScriptedOllama) -> None:
    ollama.pull_error = "file does not exist"
    pulls.pull_model("new:1b")
    assert "file does not exist" in told("pull", "new:1b")[-1]["error"]
    ollama.pull_error = ""
    pulls.pull_model("new:1b")
    assert told("pull", "new:1b")[-1]["done"] is True


def test_a_download_from_an_ollama_that_is_down_is_told_as_failed(ollama: ScriptedOllama) -> None:
    ollama.stop()
    pulls.pull_model("new:1b")
    assert told("pull", "new:1b")[-1]["error"]


def test_the_same_download_runs_only_once_at_a_time(ollama: ScriptedOllama) -> None:
    client().set(key("pulling", "new:1b"), "1", ex=60)
    pulls.pull_model("new:1b")
    assert ollama.calls == []
