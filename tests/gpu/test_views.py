from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

import pytest
from django.test import Client

from gpu.snapshot import READY, Known, Snapshot
from live.redis import client as redis
from live.redis import key

pytestmark = pytest.mark.django_db

FETCH = {"X-Requested-With": "fetch"}
NAMES = ["qwen3:8b", "hf.co/someone/Some-Model-GGUF:Q4_K_M", "registry.example:5000/a/b"]
NO_NAMES = ["", "  ", "a b", "a;b", "<b>", "a\nb", "m" * 191, "../../etc passwd", "модель №1"]


def know(*models: Known) -> None:
    redis().set(key("snapshot"), json.dumps(asdict(Snapshot(READY, "configured", "http://o", models=models))))


def downloads() -> list[Any]:
    """Return the names whose downloads wait in the broker."""
    waiting = [json.loads(entry) for entry in redis().lrange(key("upkeep"), 0, -1)]
    return [json.loads(base64.b64decode(entry["body"]))[0][0] for entry in waiting]


@pytest.mark.parametrize(("verb", "path"), [("get", "/models/picker/"), ("post", "/models/pull/")])
def test_who_is_not_signed_in_is_asked_to(client: Client, verb: str, path: str) -> None:
    response = getattr(client, verb)(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(("verb", "path"), [("post", "/models/picker/"), ("get", "/models/pull/")])
def test_the_wrong_method_is_refused(admin_client: Client, verb: str, path: str) -> None:
    assert getattr(admin_client, verb)(path).status_code == 405


def test_the_picker_lists_the_models_that_answer_and_marks_the_chosen(alice_client: Client) -> None:
    know(Known("a:1b", 1), Known("b:1b", 2), Known("pictures", 3, ("image",)))
    response = alice_client.get("/models/picker/", {"model": "b:1b"})
    assert [model.name for model in response.context["models"]] == ["a:1b", "b:1b"]
    assert response.context["model_name"] == "b:1b"
    assert response.text.count("checked") == 1
    assert alice_client.get("/models/picker/").context["model_name"] == "a:1b"


def test_the_picker_without_models_says_so(alice_client: Client) -> None:
    assert "No models yet." in alice_client.get("/models/picker/").text


def test_a_models_name_is_escaped(alice_client: Client) -> None:
    know(Known('<b>"x', 1))
    assert "<b>" not in alice_client.get("/models/picker/").text


@pytest.mark.parametrize("name", NAMES)
def test_an_admin_starts_a_download(admin_client: Client, name: str) -> None:
    assert admin_client.post("/models/pull/", {"model": f" {name} "}, headers=FETCH).status_code == 204
    assert downloads() == [name]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_not_downloaded(admin_client: Client, name: str) -> None:
    response = admin_client.post("/models/pull/", {"model": name}, headers=FETCH)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"
    assert downloads() == []


def test_others_start_none(alice_client: Client) -> None:
    response = alice_client.post("/models/pull/", {"model": "qwen3:8b"}, headers=FETCH)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "forbidden"
    assert downloads() == []
