"""The keys of a person, on a page that works without JavaScript."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts import apikeys
from accounts.models import ApiKey, Role, User

pytestmark = pytest.mark.django_db
PAGE = "/account/keys/"


def test_a_key_is_made_and_shown_once(alice_client: Client, client: Client) -> None:
    made = alice_client.post(PAGE, {"name": "my <editor>", "scopes": ["chat", "read"], "ends": "30"})
    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    text = re.search(r'value="(oc_\w+)"', made.text)
    assert text
    assert client.get("/api/chats", headers={"x-api-key": text[1]}).status_code == 200
    again = alice_client.get(PAGE).text
    assert text[1] not in again
    assert "my &lt;editor&gt;" in again
    key = ApiKey.objects.get()
    assert key.expires_at
    assert (key.expires_at - key.created_at).days in (29, 30)


@pytest.mark.parametrize("body", [{"name": ""}, {"scopes": []}, {"scopes": ["all"]}, {"ends": "7"}])
def test_a_key_that_cannot_be_is_told_on_the_form(alice_client: Client, body: dict[str, object]) -> None:
    refused = alice_client.post(PAGE, {"name": "x", "scopes": ["chat"], "ends": "", **body})
    assert refused.status_code == 400
    assert "field-error" in refused.text
    assert not ApiKey.objects.exists()


def test_a_key_is_withdrawn(alice_client: Client, bob_client: Client, alice: User) -> None:
    key, _text = apikeys.create_key(alice, name="x", scopes=["read"])
    path = f"{PAGE}{key.pk}/withdraw/"
    assert bob_client.post(path).status_code == 404
    assert alice_client.get(path).status_code == 405
    assert alice_client.post(path, follow=True).status_code == 200
    assert not apikeys.mine(alice).exists()


def test_who_may_not_use_keys_is_told_so(alice_client: Client, alice: User) -> None:
    User.objects.update(role=Role.GUEST)
    assert "ask the admin" in alice_client.get(PAGE).text
    assert alice_client.post(PAGE, {"name": "x", "scopes": ["chat"]}).status_code == 403


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
    assert client.post(PAGE).status_code == 302
