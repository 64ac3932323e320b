from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Role, User
from tests.accounts import counting
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/accounts/login/"


def somebody(client: Client) -> str | None:
    """Return the pk of who is signed in."""
    return client.session.get("_auth_user_id")


@pytest.mark.parametrize("login", ["alice", "ALICE", " alice ", "alice@example.org", "Alice@Example.ORG"])
def test_a_person_signs_in_by_name_or_address(client: Client, alice: User, login: str) -> None:
    response = client.post(URL, {"login": login, "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert somebody(client) == str(alice.pk)


def test_a_child_without_an_address_signs_in(client: Client) -> None:
    child = User.objects.create_user("Миша", password=PASSWORD, role=Role.GUEST)
    client.post(URL, {"login": "миша", "password": PASSWORD})
    assert somebody(client) == str(child.pk)


@pytest.mark.parametrize(
    "login", ["alice", "alice@example.org", "nobody", "nobody@example.org", "", "a" * 300]
)
def test_a_wrong_password_and_an_unknown_name_look_the_same(client: Client, alice: User, login: str) -> None:
    response = client.post(URL, {"login": login, "password": "wrong password"})
    assert response.status_code == 200
    assert somebody(client) is None
    if login:
        assert response.context["form"].non_field_errors() == ["The name or the password is wrong."]


@pytest.mark.parametrize("login", ["alice", "alice@example.org", "nobody", "nobody@example.org"])
def test_they_take_the_same_work(client: Client, alice: User, settings: LazySettings, login: str) -> None:
    settings.PASSWORD_HASHERS = [counting.PATH]
    alice.set_password(PASSWORD)
    alice.save()
    before = counting.CountingHasher.hashed
    client.post(URL, {"login": login, "password": "wrong password"})
    assert counting.CountingHasher.hashed - before == 1


def test_a_person_arrives_where_they_wanted_to_go(client: Client, alice: User) -> None:
    response = client.post(URL, {"login": "alice", "password": PASSWORD, "next": "/chats/5/"})
    assert response["Location"] == "/chats/5/"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(client: Client, alice: User, wanted: str) -> None:
    response = client.post(URL, {"login": "alice", "password": PASSWORD, "next": wanted})
    assert response["Location"] == "/"


def test_a_switched_off_account_is_told_so_only_with_its_password(client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    assert client.post(URL, {"login": "alice", "password": "wrong password"}).status_code == 200
    response = client.post(URL, {"login": "alice", "password": PASSWORD}, follow=True)
    assert "switched off" in response.content.decode()
    assert somebody(client) is None


def test_whoever_is_signed_in_needs_no_door(alice_client: Client) -> None:
    assert alice_client.get(URL)["Location"] == "/"


def test_the_page_offers_an_account_only_where_people_may_make_one(
    client: Client, settings: LazySettings
) -> None:
    assert "/accounts/signup/" in client.get(URL).content.decode()
    settings.SIGNUP_POLICY = "closed"
    assert "/accounts/signup/" not in client.get(URL).content.decode()


def test_a_session_lasts_for_weeks(client: Client, alice: User) -> None:
    response = client.post(URL, {"login": "alice", "password": PASSWORD})
    cookie = response.cookies["sessionid"]
    assert int(cookie["max-age"]) > 14 * 24 * 3600
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.usefixtures("empty_cache")
def test_guessing_a_password_is_slowed_down_with_a_sentence(
    client: Client, alice: User, settings: LazySettings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {}
    for _try in range(5):
        client.post(URL, {"login": "alice", "password": "wrong password"})
    response = client.post(URL, {"login": "Alice", "password": PASSWORD})
    assert "five minutes" in response.context["form"].non_field_errors()[0]
    assert somebody(client) is None


@pytest.mark.usefixtures("empty_cache")
def test_hammering_the_door_gets_a_page_with_a_time_to_wait(client: Client, settings: LazySettings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    codes = [client.post(URL, {"login": str(n), "password": "x"}).status_code for n in range(3)]
    assert codes == [200, 200, 429]
    assert client.post(URL, {"login": "x", "password": "x"})["Retry-After"] == "60"


def test_a_huge_password_is_not_hashed(client: Client, alice: User, settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = [counting.PATH]
    before = counting.CountingHasher.hashed
    client.post(URL, {"login": "alice", "password": "x" * 100_000})
    assert counting.CountingHasher.hashed == before
