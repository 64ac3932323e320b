from __future__ import annotations

import pytest
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from gpu import arbiter
from live.redis import client as redis

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def card() -> None:
    redis().flushdb()
    arbiter.transact("see", resident=arbiter.OLLAMA)
    arbiter.transact("pause", on=True)
    arbiter.enqueue(arbiter.Ticket("picture", 1, 1, arbiter.COMFYUI, arbiter.DRAW))


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return each sample's value by its name and its label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_events_and_state_are_told_in_prometheus_form(client: Client) -> None:
    told = samples(client.get("/metrics").text)
    assert told["ollama_chat_card_events_total", "queued"] == 1
    assert told["ollama_chat_card_events_total", "paused"] == 1
    assert told["ollama_chat_card_waiting", "draw"] == 1
    assert told["ollama_chat_card_waiting", "chat"] == 0
    assert told["ollama_chat_card_resident", "ollama"] == 1
    assert told["ollama_chat_card_longest_wait_seconds", ""] >= 0
    assert ("ollama_chat_card_memory_bytes", "used") in told


def test_a_stranger_from_the_network_finds_nothing(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.168.1.7").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.168.1.7"}).status_code == 404


@override_settings(METRICS_TOKEN="for the scraper alone")
def test_with_a_token_it_alone_counts(client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    wrong = {"Authorization": "Bearer for the scraper"}
    assert client.get("/metrics", headers=wrong).status_code == 404
    right = {"Authorization": "Bearer for the scraper alone"}
    assert client.get("/metrics", headers=right, REMOTE_ADDR="192.168.1.7").status_code == 200


def test_only_reading_is_possible(client: Client) -> None:
    assert client.post("/metrics").status_code == 405


@override_settings(REDIS_PREFIX="nobody")
def test_a_card_that_nobody_has_used_is_told_too(client: Client) -> None:
    told = samples(client.get("/metrics").text)
    assert told["ollama_chat_card_waiting", "chat"] == 0
    assert told["ollama_chat_card_resident", "ollama"] == 0
