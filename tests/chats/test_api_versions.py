"""A chat's version: what somebody else has changed in the meantime is not written over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chats.models import Chat, Message
from tests.chats.conversation import answered_chat, ask, finish

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(alice: User) -> Chat:
    return answered_chat(alice)


def version(client: Client, chat: Chat) -> str:
    return str(client.get(f"/api/chats/{chat.pk}")["ETag"])


def change(client: Client, chat: Chat, expected: str | None, method: str = "put", **body: Any) -> Any:
    headers = {} if expected is None else {"if-match": expected}
    path = f"/api/chats/{chat.pk}"
    return getattr(client, method)(path, json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.parametrize("method", ["put", "patch"])
def test_of_two_who_change_the_same_version_the_second_is_told(
    alice_client: Client, chat: Chat, method: str
) -> None:
    seen = version(alice_client, chat)
    first = change(alice_client, chat, seen, method, title="Mine")
    assert first.status_code == 200
    second = change(alice_client, chat, seen, method, title="Theirs")
    assert (second.status_code, second.json()["error"]["code"]) == (412, "stale")
    chat.refresh_from_db()
    assert chat.title == "Mine"
    assert change(alice_client, chat, first["ETag"], method, title="Theirs").status_code == 200


def test_a_chat_that_has_gone_on_is_not_deleted(alice_client: Client, alice: User, chat: Chat) -> None:
    seen = version(alice_client, chat)
    ask(alice, chat=chat)
    assert change(alice_client, chat, seen, "delete").status_code == 412
    assert change(alice_client, chat, version(alice_client, chat), "delete").status_code == 204


def test_the_version_changes_with_what_a_person_would_miss(
    alice_client: Client, alice: User, chat: Chat
) -> None:
    seen = [version(alice_client, chat)]
    sent = ask(alice, chat=chat)
    seen.append(version(alice_client, chat))
    finish(sent.answer)
    seen.append(version(alice_client, chat))
    path = f"/api/chats/{chat.pk}/messages/{sent.answer.pk}"
    alice_client.put(path, {"content": "Edited."}, content_type="application/json")
    seen.append(version(alice_client, chat))
    alice_client.delete(path)
    seen.append(version(alice_client, chat))
    change(alice_client, chat, None, options={"temperature": 0.5})
    seen.append(version(alice_client, chat))
    assert len(set(seen)) == len(seen)


def test_reading_alone_changes_no_version(alice_client: Client, chat: Chat) -> None:
    seen = version(alice_client, chat)
    Chat.objects.update(unread=True, draft="half a thought")
    assert version(alice_client, chat) == seen


@pytest.mark.parametrize("expected", ["*", None])
def test_without_a_version_the_last_word_counts(
    alice_client: Client, chat: Chat, expected: str | None
) -> None:
    assert change(alice_client, chat, expected, title="Mine").status_code == 200


@pytest.mark.parametrize("expected", ['"x"', 'W/"x"', '"a", "b"', "without quotes", ""])
def test_an_unknown_version_is_stale(alice_client: Client, chat: Chat, expected: str) -> None:
    assert change(alice_client, chat, expected, title="Mine").status_code == 412


def test_one_of_several_versions_is_enough(alice_client: Client, chat: Chat) -> None:
    seen = version(alice_client, chat)
    assert change(alice_client, chat, f'"x", {seen}', title="Mine").status_code == 200


def test_a_strangers_chat_is_not_there_whatever_its_version(
    alice_client: Client, bob_client: Client, chat: Chat
) -> None:
    assert change(bob_client, chat, version(alice_client, chat), title="Mine").status_code == 404


def test_the_messages_of_a_chat_come_in_pages(alice_client: Client, alice: User) -> None:
    chat = answered_chat(alice, turns=3)
    told = alice_client.get(f"/api/chats/{chat.pk}/messages?page_size=4").json()
    assert (told["count"], len(told["results"])) == (6, 4)
    rest = alice_client.get(told["next"]).json()["results"]
    whole = alice_client.get(f"/api/chats/{chat.pk}").json()["messages"]
    assert told["results"] + rest == whole
    assert [message["parent_id"] for message in whole] == [None, *(message["id"] for message in whole[:-1])]
    assert set(whole[0]) >= {
        "id", "parent_id", "role", "content", "status", "model", "images", "sources", "created_at",
        "edited_at",
    }  # fmt: skip
    assert Message.objects.count() == 6
