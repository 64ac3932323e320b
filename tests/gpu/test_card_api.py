from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.models import User
from gpu import arbiter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def card() -> None:
    arbiter.send_grants_with("message", lambda _row, _lease: None)
    arbiter.transact("see", resident=arbiter.OLLAMA)


def answering(user: User) -> None:
    arbiter.enqueue(arbiter.Ticket("message", 1, user.pk))


def switch(client: Client, url: str) -> Any:
    """Post as `curl -X POST` does: nothing but the address."""
    return client.generic("POST", url)


@pytest.mark.parametrize("path", ["gpu", "gpu/history", "gpu/diary", "process/status"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_address_works_with_and_without_a_slash(admin_client: Client, path: str, slash: str) -> None:
    assert admin_client.get(f"/api/{path}{slash}").status_code == 200


@pytest.mark.parametrize("path", ["gpu", "gpu/history", "gpu/diary", "process/status"])
def test_strangers_are_refused_in_json(client: Client, path: str) -> None:
    told = client.get(f"/api/{path}")
    assert told.status_code == 401
    assert told.json()["error"]["code"] == "unauthenticated"


def test_the_card_is_told_to_people(alice: User, bob: User, alice_client: Client) -> None:
    with override_settings(GPU_OLLAMA_SLOTS=1):
        answering(bob)
        arbiter.enqueue(arbiter.Ticket("message", 2, alice.pk))
        arbiter.enqueue(arbiter.Ticket("message", 3, bob.pk))
        told = alice_client.get("/api/gpu").json()
    assert (told["resident"], told["state"], told["switch"]) == ("ollama", "answering", None)
    assert [entry["what"] for entry in told["now"]] == ["another user's question"]
    mine, other = told["queue"]
    assert (mine["place"], mine["mine"], mine["kind"], mine["row"]) == (1, True, "message", 2)
    assert (other["place"], other["mine"], other["row"]) == (2, False, None)
    assert set(told["memory"]) >= {"total", "used", "free", "source", "sentence"}


def test_services_and_the_line_are_told_to_admins_alone(
    alice: User, alice_client: Client, admin_client: Client
) -> None:
    answering(alice)
    assert alice_client.get("/api/process/status").status_code == 403
    told = admin_client.get("/api/process/status").json()
    assert told["resident"] == "ollama"
    assert told["services"]["ollama"]["state"] == "computing"
    assert set(told["services"]["comfyui"]) == {"state", "loaded", "vram"}
    assert told["leases"] == [{"ticket": "message:1", "user": alice.pk, "service": "ollama"}]


def test_a_switch_is_asked_for(admin_client: Client) -> None:
    told = switch(admin_client, "/api/process/switch?service=comfyui")
    assert told.status_code == 202
    begun = arbiter.read().switch
    assert begun
    assert told.json()["switch"] == {"ticket": begun.id, "to": "comfyui"}


def test_who_is_there_already_is_told_so(admin_client: Client) -> None:
    assert switch(admin_client, "/api/process/switch/?service=ollama").status_code == 200
    assert arbiter.read().switch is None


def test_while_the_other_one_computes_there_is_no_switch(alice: User, admin_client: Client) -> None:
    answering(alice)
    told = switch(admin_client, "/api/process/switch?service=comfyui")
    assert told.status_code == 409
    assert "computing" in told.json()["error"]["message"]
    assert arbiter.read().leases
    forced = switch(admin_client, "/api/process/switch?service=comfyui&force=true")
    assert forced.status_code == 202
    assert not arbiter.read().leases


@pytest.mark.parametrize("query", ["", "?service=", "?service=nginx"])
def test_a_service_that_there_is_not_is_refused(admin_client: Client, query: str) -> None:
    assert switch(admin_client, f"/api/process/switch{query}").status_code == 400


def test_a_refused_service_gets_a_sentence(admin_client: Client) -> None:
    told = switch(admin_client, "/api/process/switch?service=nope").json()["error"]
    assert told["fields"] == {"service": ["Choose ollama or comfyui."]}


def test_a_ticket_is_only_told_when_it_is_the_switch_that_was_asked_for(admin_client: Client) -> None:
    switch(admin_client, "/api/process/switch?service=comfyui")
    told = switch(admin_client, "/api/process/switch?service=ollama")
    assert (told.status_code, told.json()["switch"]) == (202, None)


def test_only_admins_switch(alice_client: Client) -> None:
    assert switch(alice_client, "/api/process/switch?service=comfyui").status_code == 403
    assert arbiter.read().switch is None


def test_a_script_borrows_the_card_and_gives_it_back(alice: User, alice_client: Client) -> None:
    told = alice_client.post(
        "/api/gpu/borrow", {"minutes": 30, "service": "comfyui"}, content_type="application/json"
    ).json()
    assert told["borrow"]["mine"]
    assert told["borrow"]["service"] == "comfyui"
    assert alice_client.delete("/api/gpu/borrow").json()["borrow"] is None


@pytest.mark.parametrize(
    "body", [[], {}, {"minutes": None}, {"minutes": 10**6}, {"minutes": 5, "service": 7}]
)
def test_bad_bodies_are_told_and_change_nothing(alice_client: Client, body: object) -> None:
    told = alice_client.post("/api/gpu/borrow", body, content_type="application/json")
    assert told.status_code == 400
    assert arbiter.read().borrow is None


def test_the_diary_is_in_plain_words(admin_client: Client) -> None:
    switch(admin_client, "/api/process/switch?service=comfyui")
    begun = arbiter.read().switch
    assert begun
    parts = {"ollama_out": 1.1, "comfyui_ready": 19.0}
    arbiter.transact("switched", switch_id=begun.id, parts=parts)
    entries = admin_client.get("/api/gpu/diary").json()["results"]
    assert entries[0]["sentence"] == "for a picture: Ollama out in 1.1 s, ComfyUI ready in 19 s"
    assert entries[0]["at"] > 0
