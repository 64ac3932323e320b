from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from django.test import Client

from gpu.snapshot import DOWN, NO_MODELS, READY, STARTING, Snapshot
from live.redis import client as redis
from live.redis import key

pytestmark = pytest.mark.django_db

GOOD = {"database": True, "redis": True, "llm": True, "imaging": True, "upkeep": True, "models": True}


@pytest.fixture(autouse=True)
def all_is_well() -> None:
    redis().flushdb()
    for worker in ("llm", "imaging", "upkeep"):
        redis().set(key("alive", worker), "1")
    look(READY)


def look(state: str) -> None:
    redis().set(key("snapshot"), json.dumps(asdict(Snapshot(state))))


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()


def test_a_process_that_serves_is_alive(client: Client) -> None:
    redis().flushdb()
    response = client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"alive": True})


def test_it_is_ready_when_everything_is_there(client: Client) -> None:
    assert ready(client) == (200, {"ready": True, "checks": GOOD})


@pytest.mark.parametrize("worker", ["llm", "imaging", "upkeep"])
def test_it_is_not_ready_without_a_worker_and_says_which(client: Client, worker: str) -> None:
    redis().delete(key("alive", worker))
    assert ready(client) == (503, {"ready": False, "checks": GOOD | {worker: False}})


@pytest.mark.parametrize(("state", "is_ready"), [(STARTING, False), (DOWN, True), (NO_MODELS, True)])
def test_it_is_ready_once_somebody_has_looked_for_ollama(client: Client, state: str, is_ready: bool) -> None:
    look(state)
    assert ready(client) == (
        (200 if is_ready else 503),
        {"ready": is_ready, "checks": GOOD | {"models": is_ready}},
    )


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_it_is_asked_by_reading_only(client: Client, path: str) -> None:
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_asking_needs_no_sign_in_and_sets_no_cookie(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert not response.cookies
