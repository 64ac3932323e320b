from __future__ import annotations

from django.test import Client

URL = "/accounts/logout/"


def test_signing_out_asks_first_and_ends_the_session(alice_client: Client) -> None:
    assert alice_client.get(URL).status_code == 200
    assert "_auth_user_id" in alice_client.session
    assert alice_client.post(URL)["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in alice_client.session


def test_whoever_is_not_in_is_shown_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"] == "/accounts/login/"
    assert client.post(URL)["Location"] == "/accounts/login/"
