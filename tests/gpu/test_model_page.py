from __future__ import annotations

import base64
import json
import threading
import time
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.models import User
from gpu import arbiter, installed, pulls, snapshot, warming
from gpu.models import LanguageModel, ModelChoice
from gpu.services.ollama import Ollama
from live import log
from live.redis import client as redis
from live.redis import key
from tests.standins.ollama import ScriptedOllama
from tests.standins.ollama_script import Model

pytestmark = pytest.mark.django_db(transaction=True)

FETCH = {"X-Requested-With": "fetch"}
MODEL, SEEING = "smollm2:135m", "smollm2-vision:135m"
ACTIONS = ["pull", "pull/cancel", "delete", "warm", "unload", "settings", "choose"]


@pytest.fixture(autouse=True)
def seen(ollama: ScriptedOllama) -> snapshot.Snapshot:
    return snapshot.refresh()


def act(client: Client, action: str, **data: Any) -> Any:
    return client.post(f"/models/{action}/", {"model": MODEL, **data}, headers=FETCH)


def asked() -> list[tuple[str, Any]]:
    """Return what waits for `upkeep`: the tasks' names and arguments."""
    waiting = [json.loads(entry) for entry in redis().lrange(key("upkeep"), 0, -1)]
    return [(task["headers"]["task"], json.loads(base64.b64decode(task["body"]))[0]) for task in waiting]


def told(kind: str, identity: object) -> list[dict[str, Any]]:
    return log.read_frames(redis().xrange(log.stream_key(kind, identity)))


def load(ollama: ScriptedOllama, num_ctx: int = 2048) -> None:
    Ollama(ollama.url).load(MODEL, num_ctx=num_ctx, keep_alive="5m").wait()
    snapshot.refresh()


# --- Who may ------------------------------------------------------------------------------------------


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/models/").status_code == 302
    assert {client.post(f"/models/{action}/").status_code for action in ACTIONS} == {302}


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_for_admins_is_refused_to_others(alice_client: Client, action: str) -> None:
    refused = act(alice_client, action, purpose="chat", label="mine")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert asked() == []
    assert not LanguageModel.objects.exists()
    assert not ModelChoice.objects.exists()


@pytest.mark.parametrize("action", ACTIONS)
def test_links_do_nothing(admin_client: Client, action: str) -> None:
    assert admin_client.get(f"/models/{action}/").status_code == 405


@pytest.mark.parametrize("action", ["delete", "warm", "unload", "settings"])
def test_what_is_not_installed_is_not_found(admin_client: Client, action: str) -> None:
    assert act(admin_client, action, model="gone:1b").status_code == 404


# --- What is shown ------------------------------------------------------------------------------------


def test_everybody_sees_what_each_model_is_and_can(alice_client: Client, ollama: ScriptedOllama) -> None:
    ollama.models["embeds:1b"] = Model("embeds:1b", ("embedding",), size=2_500_000_000)
    snapshot.refresh()
    text = " ".join(alice_client.get("/models/").text.split())
    for words in ("2.5 GB", "134.52M", "Q4_1", "8,192 of 8,192", "thinks", "sees pictures", "uses tools"):
        assert words in text
    assert "embeds texts" in text
    assert text.count("not loaded") == 5
    assert "<form" not in text[text.index("Installed") : text.index('class="unseen announcer"')]


def test_a_loaded_model_says_how_much_of_it_the_cpu_computes(
    alice_client: Client, ollama: ScriptedOllama
) -> None:
    load(ollama)
    assert "on the card" in alice_client.get("/models/").text
    ollama.on_card = 0.63
    snapshot.refresh()
    assert "loaded, 37 % on the CPU" in alice_client.get("/models/").text


def test_a_model_loaded_with_another_window_says_that_it_is_loaded_anew(
    alice_client: Client, ollama: ScriptedOllama
) -> None:
    load(ollama, num_ctx=2048)
    assert "loaded with a window of 2,048 tokens" in alice_client.get("/models/").text
    LanguageModel.objects.create(name=MODEL, num_ctx=2048)
    assert "loaded with a window" not in alice_client.get("/models/").text


def test_the_number_of_queries_does_not_grow_with_models(
    alice_client: Client, ollama: ScriptedOllama, django_assert_max_num_queries: Any
) -> None:
    ollama.models |= {f"m:{number}b": Model(f"m:{number}b") for number in range(30)}
    snapshot.refresh()
    with django_assert_max_num_queries(16):
        alice_client.get("/models/")


# --- Settings and choices -----------------------------------------------------------------------------


def test_an_admin_names_a_model_and_the_picker_shows_it(admin_client: Client, alice_client: Client) -> None:
    assert (
        act(admin_client, "settings", label=" The  quick one ", num_ctx="", keep_alive="").status_code == 204
    )
    assert "The quick one" in alice_client.get("/models/").text
    picker = alice_client.get("/models/picker/").text
    assert 'data-label="The quick one"' in picker
    assert f'value="{MODEL}"' in picker
    assert told("models", "all")[-1]["state"] == snapshot.READY


@pytest.mark.parametrize(
    ("given", "kept"), [("30m", "30m"), ("2h", "2h"), ("-1", "-1s"), ("0", "0s"), (" 45 S", "45s"), ("", "")]
)
def test_how_long_it_stays_loaded_is_kept_as_ollama_reads_it(
    admin_client: Client, given: str, kept: str
) -> None:
    assert act(admin_client, "settings", label="", num_ctx="4096", keep_alive=given).status_code == 204
    row = LanguageModel.objects.get(name=MODEL)
    assert (row.num_ctx, row.keep_alive) == (4096, kept)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("num_ctx", "8193", "trained for 8192"),
        ("num_ctx", "100", "512"),
        ("num_ctx", "many", "whole number"),
        ("keep_alive", "long", "30m"),
        ("keep_alive", "30", "30m"),
        ("label", "x" * 81, "80"),
    ],
)
def test_what_can_not_be_set_is_said(admin_client: Client, field: str, value: str, sentence: str) -> None:
    refused = act(admin_client, "settings", **{"label": "", "num_ctx": "", "keep_alive": "", field: value})
    assert refused.status_code == 400
    assert sentence in refused.json()["error"]["fields"][field][0].replace(",", "")
    assert not LanguageModel.objects.exists()


def test_a_form_without_scripts_comes_back_to_the_page(admin_client: Client) -> None:
    response = admin_client.post("/models/choose/", {"model": MODEL, "purpose": "title"})
    assert (response.status_code, response["Location"]) == (302, "/models/")
    assert "names chats" in admin_client.get("/models/").text


def test_an_admin_chooses_and_leaves_it_to_the_rules_again(admin_client: Client) -> None:
    assert act(admin_client, "choose", purpose="vision", model=SEEING).status_code == 204
    assert ModelChoice.objects.get().name == SEEING
    assert act(admin_client, "choose", purpose="vision", model="").status_code == 204
    assert not ModelChoice.objects.exists()


@pytest.mark.parametrize(
    ("purpose", "model", "status"),
    [("vision", MODEL, 400), ("chat", "gone:1b", 404), ("dinner", MODEL, 400)],
)
def test_what_can_not_do_it_is_not_chosen(
    admin_client: Client, purpose: str, model: str, status: int
) -> None:
    assert act(admin_client, "choose", purpose=purpose, model=model).status_code == status
    assert not ModelChoice.objects.exists()


@override_settings(OPERATOR_MODELS={"chat": MODEL})
def test_what_the_operator_has_set_is_shown_and_not_changed(admin_client: Client) -> None:
    assert "set by the operator" in admin_client.get("/models/").text
    assert act(admin_client, "choose", purpose="chat").status_code == 409


# --- Loading, unloading, deleting ---------------------------------------------------------------------


def test_a_free_card_loads_a_model_on_request(admin_client: Client, ollama: ScriptedOllama) -> None:
    granted: list[tuple[int, str]] = []
    arbiter.send_grants_with(
        warming.KIND, lambda row, lease: granted.append((row, lease)), wanted=warming.still_wanted
    )
    arbiter.transact("see", resident=arbiter.OLLAMA)
    assert act(admin_client, "warm").status_code == 204
    warming.warm(*granted.pop())
    assert MODEL in ollama.loaded


def test_pictures_keep_the_card(admin_client: Client) -> None:
    arbiter.transact("see", resident=arbiter.COMFYUI)
    assert act(admin_client, "warm").status_code == 409
    assert not arbiter.read().tickets


def test_a_model_is_unloaded_by_a_worker(admin_client: Client, admin: User, ollama: ScriptedOllama) -> None:
    load(ollama)
    assert act(admin_client, "unload").status_code == 204
    assert asked() == [("gpu.unload", [MODEL, admin.pk])]
    installed.unload(MODEL, admin.pk)
    assert Ollama(ollama.url).loaded() == []
    found = snapshot.read().find(MODEL)
    assert found is not None
    assert not found.loaded


def test_a_deleted_model_leaves_memory_and_disk(
    admin_client: Client, admin: User, ollama: ScriptedOllama
) -> None:
    load(ollama)
    assert act(admin_client, "delete").status_code == 204
    assert asked() == [("gpu.delete", [MODEL, admin.pk])]
    installed.delete(MODEL, admin.pk)
    assert MODEL not in ollama.models
    assert Ollama(ollama.url).loaded() == []
    assert snapshot.read().find(MODEL) is None


def test_who_deletes_what_is_gone_is_told(admin: User, ollama: ScriptedOllama) -> None:
    installed.delete("gone:1b", admin.pk)
    frame = told("user", admin.pk)[-1]
    assert (frame["type"], frame["what"], frame["model"]) == ("model_failed", "delete", "gone:1b")
    assert "not found" in frame["why"]


@pytest.mark.parametrize("action", ["unload", "delete"])
def test_a_model_that_is_answering_is_left_alone(admin_client: Client, admin: User, action: str) -> None:
    arbiter.send_grants_with("message", lambda _row, _lease: None)
    arbiter.transact("see", resident=arbiter.OLLAMA)
    arbiter.enqueue(arbiter.Ticket("message", 1, admin.pk, about=MODEL))
    assert act(admin_client, action).status_code == 409
    assert asked() == []


# --- Downloads ----------------------------------------------------------------------------------------


def test_a_download_is_on_the_page_before_it_begins_and_asked_for_once(admin_client: Client) -> None:
    for _ in range(2):
        assert act(admin_client, "pull", model="new:1b").status_code == 204
    assert asked() == [("gpu.pull", ["new:1b"])]
    assert 'data-model="new:1b"' in admin_client.get("/models/").text


def test_a_third_download_waits_for_one_of_two(admin_client: Client) -> None:
    statuses = [act(admin_client, "pull", model=f"new:{n}b").status_code for n in (1, 2, 3)]
    assert statuses == [204, 204, 409]


def test_a_cancelled_download_hangs_up_and_is_told(admin_client: Client, ollama: ScriptedOllama) -> None:
    ollama.pull_seconds = 0.2
    worker = threading.Thread(target=pulls.pull_model, args=("new:1b",))
    worker.start()
    ollama.wait_for(lambda: any(known.total for known in pulls.read_all()))
    ollama.pull_seconds = 30  # between two lines, in which a cancelled one is not waited for
    assert "0.1 GB" in admin_client.get("/models/").text
    assert act(admin_client, "pull/cancel", model="new:1b").status_code == 204
    worker.join(20)
    assert not worker.is_alive()
    ollama.wait_for(lambda: ollama.calls[-1].closed_at)
    assert told("pull", "new:1b")[-1]["cancelled"] is True
    assert (pulls.read_all(), "new:1b" in ollama.models) == ([], False)
    ollama.pull_seconds = 0.01
    pulls.pull_model("new:1b")
    assert "new:1b" in ollama.models


def test_a_failed_download_stays_until_it_is_closed(admin_client: Client, ollama: ScriptedOllama) -> None:
    ollama.pull_error = "file does not exist"
    pulls.pull_model("new:1b")
    assert "file does not exist" in admin_client.get("/models/").text
    assert act(admin_client, "pull/cancel", model="new:1b").status_code == 204
    assert pulls.read_all() == []


def test_a_download_whose_worker_has_died_is_shown_as_cut_off() -> None:
    kept = {"name": "new:1b", "total": 10, "completed": 5, "at": time.time() - pulls.HELD - 1}
    redis().hset(key("pulls"), "new:1b", json.dumps(kept))
    (known,) = pulls.read_all()
    assert (known.cut_off, known.runs) == (True, False)


# --- The API ------------------------------------------------------------------------------------------


def test_the_api_tells_the_same_facts(alice_client: Client, ollama: ScriptedOllama) -> None:
    LanguageModel.objects.create(name=MODEL, label="The quick one", num_ctx=1024)
    load(ollama)
    first = alice_client.get("/api/models").json()["results"][0]
    assert (first["name"], first["label"], first["loaded"]) == (MODEL, "The quick one", True)
    assert first["context"] == {"window": 1024, "trained": 8192, "loaded": 2048}
    assert first["size_vram"] == first["size_loaded"] > first["size"]
    assert (first["quantization"], first["parameters"]) == ("Q4_1", "134.52M")
    assert first["default_for"] == ["chat", "prompt"]


def test_admins_download_and_delete_by_the_api(admin_client: Client, admin: User) -> None:
    pulled = admin_client.post("/api/models", {"name": "hf.co/a/b:Q4"}, content_type="application/json")
    assert (pulled.status_code, pulled.json()) == (202, {"name": "hf.co/a/b:Q4"})
    assert admin_client.delete(f"/api/models/{MODEL}").status_code == 202
    assert asked()[::-1] == [("gpu.pull", ["hf.co/a/b:Q4"]), ("gpu.delete", [MODEL, admin.pk])]


def test_others_only_read_the_api(client: Client, alice_client: Client) -> None:
    assert client.get("/api/models").status_code == 401
    refused = alice_client.post("/api/models", {"name": "a:1b"}, content_type="application/json")
    assert (refused.status_code, alice_client.delete(f"/api/models/{MODEL}").status_code) == (403, 403)
    assert asked() == []
