"""The API of one message agrees with the page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chats.models import Chat, Message
from tests.chats.conversation import answered_chat, ask, finish, leaf

pytestmark = pytest.mark.django_db


def call(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, path, b"" if body is None else json.dumps(body), "application/json")


def questions(chat: Chat) -> list[Message]:
    return list(Message.objects.filter(chat=chat, role="user").order_by("pk"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_put_edits_in_place(alice: User, client: Client, slash: str) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    path = f"/api/chats/{chat.pk}/messages/{questions(chat)[0].pk}{slash}"
    told = call(client, "PUT", path, {"content": "Else"})
    assert (told.status_code, told.json()["content"]) == (200, "Else")
    assert told.json()["edited_at"]
    assert client.get(path).json()["content"] == "Else"


def test_put_with_resend_makes_a_branch(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    path = f"/api/chats/{chat.pk}/messages/{questions(chat)[0].pk}"
    told = call(client, "PUT", path, {"content": "Else", "resend": True})
    assert told.status_code == 201
    assert leaf(chat).pk == told.json()["answer"]["id"]
    finish(leaf(chat))
    shown = client.get(f"/api/chats/{chat.pk}").json()["messages"]
    assert [message["content"] for message in shown] == ["Else", "The sky."]
    assert call(client, "POST", f"{path}/branch").status_code == 200
    shown = client.get(f"/api/chats/{chat.pk}").json()["messages"]
    assert [message["content"] for message in shown] == ["Question 0", "The sky."]


def test_delete_and_restore(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    path = f"/api/chats/{chat.pk}/messages/{questions(chat)[0].pk}"
    assert call(client, "DELETE", path).status_code == 204
    assert call(client, "DELETE", path).status_code == 404
    assert len(client.get(f"/api/chats/{chat.pk}").json()["messages"]) == 1
    assert call(client, "POST", f"{path}/restore").status_code == 200
    assert call(client, "POST", f"{path}/restore").status_code == 404
    assert len(client.get(f"/api/chats/{chat.pk}").json()["messages"]) == 2


def test_another_answer_stands_beside_the_first(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    path = f"/api/chats/{chat.pk}/messages/{leaf(chat).pk}/regenerate"
    told = call(client, "POST", path, {"model": "other:1b"})
    assert (told.status_code, told.json()["answer"]["model"]) == (201, "other:1b")


def test_a_cut_answer_goes_on(alice: User, client: Client) -> None:
    chat = answered_chat(alice, status="interrupted")
    client.force_login(alice)
    path = f"/api/chats/{chat.pk}/messages/{leaf(chat).pk}/continue"
    assert call(client, "POST", path).json()["status"] == "queued"
    assert call(client, "POST", path).json()["error"]["code"] == "stale"


def test_a_fork_is_a_chat_of_its_own(alice: User, client: Client) -> None:
    chat = answered_chat(alice, turns=2)
    client.force_login(alice)
    told = call(client, "POST", f"/api/chats/{chat.pk}/messages/{questions(chat)[0].pk}/fork").json()
    assert told["id"] != chat.pk
    assert len(client.get(f"/api/chats/{told['id']}").json()["messages"]) == 1


def test_the_context_is_told_in_tokens(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    told = client.get(f"/api/chats/{chat.pk}/context").json()
    assert set(told) == {"used", "window", "measured", "left_out", "cut", "can_sum_up"}
    refused = call(client, "POST", f"/api/chats/{chat.pk}/summarise")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid")


DOORS = [
    ("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore"), ("POST", "/regenerate"),
    ("POST", "/continue"), ("POST", "/branch"), ("POST", "/fork"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "door"), DOORS)
def test_strangers_and_nobody_find_no_message(
    alice: User, bob: User, client: Client, method: str, door: str
) -> None:
    chat = answered_chat(alice)
    path = f"/api/chats/{chat.pk}/messages/{leaf(chat).pk}{door}"
    assert call(client, method, path, {"content": "x"}).status_code == 401
    client.force_login(bob)
    assert call(client, method, path, {"content": "x"}).status_code == 404
    other = ask(bob).chat
    path = f"/api/chats/{other.pk}/messages/{leaf(chat).pk}{door}"
    assert call(client, method, path, {"content": "x"}).status_code == 404
