from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import User
from accounts.tokens import Tokens, tokens_for
from tests.conftest import PASSWORD

ME = "/api/auth/me"
REFRESH = "/api/auth/refresh"


@pytest.fixture
def tokens(alice: User) -> Tokens:
    return tokens_for(alice)


def me(client: Client, token: str) -> Any:
    """Return who the API says this is."""
    return client.get(ME, headers={"authorization": f"Bearer {token}"})


def fresh(client: Client, refresh: Any) -> Any:
    """Return the answer to a refresh."""
    return client.post(REFRESH, {"refresh": refresh}, content_type="application/json")


@pytest.mark.parametrize("url", [ME, f"{ME}/"])
def test_a_token_says_who_somebody_is(client: Client, alice: User, tokens: Tokens, url: str) -> None:
    answer = client.get(url, headers={"authorization": f"Bearer {tokens['access']}"})
    assert answer.json() == {
        "id": alice.pk, "username": "alice", "email": "alice@example.org", "name": "Alice", "role": "user",
    }  # fmt: skip


def test_a_session_does_so_too(alice_client: Client) -> None:
    assert alice_client.get(ME).json()["username"] == "alice"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer x"}, {"authorization": "Bearer"}, {"authorization": "Basic YTpi"}],
)
def test_nobody_is_told_to_sign_in(client: Client, db: None, headers: dict[str, str]) -> None:
    answer = client.get(ME, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert "sign in" in answer.json()["error"]["message"]
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_refresh_token_gets_new_access_tokens(client: Client, tokens: Tokens) -> None:
    for url in (REFRESH, f"{REFRESH}/"):
        answer = client.post(url, {"refresh": tokens["refresh"]}, content_type="application/json")
        assert set(answer.json()) == {"access"}
        assert me(client, answer.json()["access"]).status_code == 200


def test_each_token_is_for_its_own_use(client: Client, tokens: Tokens) -> None:
    assert fresh(client, tokens["access"]).status_code == 401
    assert me(client, tokens["refresh"]).status_code == 401


@pytest.mark.parametrize("refresh", ["", None, 5, {"a": 1}, "x.y.z"])
def test_rubbish_is_refused(client: Client, db: None, refresh: Any) -> None:
    answer = fresh(client, refresh)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"]["message"]


def test_a_switched_off_account_has_no_valid_tokens(client: Client, alice: User, tokens: Tokens) -> None:
    alice.is_active = False
    alice.save()
    for answer in (me(client, tokens["access"]), fresh(client, tokens["refresh"])):
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
        assert "switched off" in answer.json()["error"]["message"]


def test_a_deleted_account_has_none(client: Client, alice: User, tokens: Tokens) -> None:
    alice.delete()
    assert me(client, tokens["access"]).status_code == 401
    assert fresh(client, tokens["refresh"]).status_code == 401


def test_a_new_password_ends_the_old_tokens(client: Client, alice: User, tokens: Tokens) -> None:
    alice.set_password(PASSWORD + "!")
    alice.save()
    assert me(client, tokens["access"]).status_code == 401
    assert fresh(client, tokens["refresh"]).status_code == 401


def test_tokens_end(client: Client, alice: User) -> None:
    access, refresh = AccessToken.for_user(alice), RefreshToken.for_user(alice)
    for token in (access, refresh):
        token["exp"] = 1
    assert me(client, str(access)).status_code == 401
    assert fresh(client, str(refresh)).status_code == 401


def test_a_token_signed_by_somebody_else_is_refused(client: Client, tokens: Tokens) -> None:
    head, body, _signature = tokens["access"].split(".")
    for forged in (f"{head}.{body}.AAAA", f"eyJhbGciOiJub25lIn0.{body}."):
        assert me(client, forged).status_code == 401


def test_other_methods_are_refused(client: Client, alice: User, tokens: Tokens) -> None:
    assert client.get(REFRESH).status_code == 405
    headers = {"authorization": f"Bearer {tokens['access']}"}
    assert client.post(ME, headers=headers).status_code == 405
