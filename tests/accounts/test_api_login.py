from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from tests.accounts import counting
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/api/auth/login"


def send(client: Client, **body: Any) -> Any:
    """Return the answer to a try to sign in."""
    return client.post(URL, body, content_type="application/json")


@pytest.mark.parametrize(
    "who",
    [
        {"username": "ALICE"},
        {"email": "Alice@example.org"},
        {"username": "alice@example.org"},
        {"email": "alice"},
    ],
)
def test_a_person_signs_in_by_name_or_address(client: Client, alice: User, who: dict[str, str]) -> None:
    answer = send(client, password=PASSWORD, **who)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh", "user"}
    assert answer.json()["user"]["id"] == alice.pk


def test_the_address_works_with_a_slash_at_the_end(client: Client, alice: User) -> None:
    body = {"username": "alice", "password": PASSWORD}
    assert client.post(f"{URL}/", body, content_type="application/json").status_code == 200


UNKNOWN = [{"username": "nobody"}, {"email": "nobody@example.org"}]
KNOWN = [{"username": "alice"}, {"email": "alice@example.org"}]


@pytest.mark.parametrize("who", KNOWN + UNKNOWN)
def test_a_wrong_password_and_an_unknown_name_look_the_same(
    client: Client, alice: User, who: dict[str, str]
) -> None:
    answer = send(client, password="wrong password", **who)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"code": "unauthenticated", "message": "The name or the password is wrong."}
    }
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("who", KNOWN + UNKNOWN)
def test_they_take_the_same_work(
    client: Client, alice: User, settings: LazySettings, who: dict[str, str]
) -> None:
    settings.PASSWORD_HASHERS = [counting.PATH]
    alice.set_password(PASSWORD)
    alice.save()
    before = counting.CountingHasher.hashed
    send(client, password="wrong password", **who)
    assert counting.CountingHasher.hashed - before == 1


def test_a_switched_off_account_is_told_so_only_with_its_password(client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    assert send(client, username="alice", password="wrong password").status_code == 401
    answer = send(client, username="alice", password=PASSWORD)
    assert answer.status_code == 403
    assert "switched off" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [{}, {"password": PASSWORD}, {"username": "alice"}, {"username": "alice", "password": ""}]
)
def test_what_is_missing_is_named(client: Client, alice: User, body: dict[str, str]) -> None:
    answer = send(client, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert answer.json()["error"]["fields"]


def test_looking_is_refused(client: Client) -> None:
    assert client.get(URL).status_code == 405


def test_a_dead_token_does_not_keep_anybody_from_signing_in(client: Client, alice: User) -> None:
    body = {"username": "alice", "password": PASSWORD}
    headers = {"authorization": "Bearer dead"}
    assert client.post(URL, body, content_type="application/json", headers=headers).status_code == 200


def knock(client: Client, times: int, forged: str = "") -> list[int]:
    """Return the statuses of so many tries, each for another name."""
    tries = [{"username": f"name{number}", "password": "x"} for number in range(times)]
    headers = {"x-forwarded-for": forged} if forged else {}
    answers = [client.post(URL, body, content_type="application/json", headers=headers) for body in tries]
    return [answer.status_code for answer in answers]


@pytest.mark.usefixtures("empty_cache")
def test_hammering_the_door_is_told_how_long_to_wait(client: Client, settings: LazySettings) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"door": "2/min"}}
    assert knock(client, 3) == [401, 401, 429]
    answer = send(client, username="alice", password="x")
    assert answer.json()["error"]["code"] == "limit"
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["Retry-After"] in answer.json()["error"]["message"]


@pytest.mark.usefixtures("empty_cache")
def test_a_forged_address_does_not_help(client: Client, settings: LazySettings) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"door": "2/min"}}
    codes = [knock(client, 1, forged=f"10.0.0.{number}")[0] for number in range(3)]
    assert codes == [401, 401, 429]


@pytest.mark.usefixtures("empty_cache")
def test_new_pairs_of_tokens_do_not_keep_anybody_from_signing_in(
    client: Client, alice: User, settings: LazySettings
) -> None:
    rates = {"door": "2/min", "refresh": "4/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    refresh = {"refresh": "worn out"}
    codes = [
        client.post("/api/auth/refresh", refresh, content_type="application/json").status_code
        for _try in range(5)
    ]
    assert codes == [401] * 4 + [429]
    assert send(client, username="alice", password=PASSWORD).status_code == 200


@pytest.mark.usefixtures("empty_cache")
def test_guesses_at_the_page_and_in_the_api_are_counted_together(
    client: Client, alice: User, settings: LazySettings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {}
    for _try in range(3):
        send(client, username="alice", password="wrong password")
    for _try in range(2):
        client.post("/accounts/login/", {"login": "alice", "password": "wrong password"})
    answer = send(client, username="ALICE", password=PASSWORD)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "limit")
    assert answer["Retry-After"] == "300"
