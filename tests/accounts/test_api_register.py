from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Role, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/api/auth/register"


def send(client: Client, **body: Any) -> Any:
    """Return the answer to a registration."""
    return client.post(URL, body, content_type="application/json")


@pytest.mark.parametrize("url", [URL, f"{URL}/"])
def test_a_new_person_gets_tokens(client: Client, url: str) -> None:
    body = {"email": "Ann@Example.org", "password": PASSWORD, "name": "Ann Bee", "colour": "ignored"}
    answer = client.post(url, body, content_type="application/json")
    assert answer.status_code == 201
    user = User.objects.get()
    assert answer.json()["user"] == {
        "id": user.pk, "username": "ann.bee", "email": "ann@example.org", "name": "Ann Bee", "role": "user",
        "language": "", "theme": "", "details": False,
    }  # fmt: skip
    assert set(answer.json()) == {"access", "refresh", "user"}
    me = client.get("/api/auth/me", headers={"authorization": f"Bearer {answer.json()['access']}"})
    assert me.json() == answer.json()["user"]


def test_without_a_name_the_address_makes_the_user_name(client: Client, alice: User) -> None:
    answer = send(client, email="alice@other.example.org", password=PASSWORD)
    assert answer.json()["user"]["username"] == "alice2"


def test_a_child_without_an_address_gets_in_by_a_user_name(client: Client) -> None:
    answer = send(client, username="Миша", password=PASSWORD)
    assert answer.status_code == 201
    assert answer.json()["user"] == {
        "id": User.objects.get().pk, "username": "миша", "email": None, "name": "Миша", "role": "user",
        "language": "", "theme": "", "details": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "password"),
        ({"password": PASSWORD}, "email"),
        ({"email": "none", "password": PASSWORD}, "email"),
        ({"email": "ALICE@example.org", "password": PASSWORD}, "email"),
        ({"username": "Alice", "password": PASSWORD}, "username"),
        ({"username": "a b", "password": PASSWORD}, "username"),
        ({"username": "bob", "password": "short"}, "password"),
        ({"username": "bob", "password": "x" * 2000}, "password"),
        ({"username": "bob", "password": PASSWORD, "name": "x" * 101}, "name"),
        ({"username": ["bob"], "password": PASSWORD}, "username"),
    ],
)
def test_each_field_says_what_is_wrong(client: Client, alice: User, body: dict[str, Any], field: str) -> None:
    answer = send(client, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid"
    assert field in error["fields"]
    assert all(isinstance(line, str) for line in error["fields"][field])
    assert User.objects.count() == 1


def test_nobody_chooses_their_own_role(client: Client) -> None:
    send(client, username="ann", password=PASSWORD, role="admin", is_staff=True, is_superuser=True)
    assert User.objects.get().role == Role.USER


def test_a_closed_door_has_a_code_of_its_own(client: Client, settings: LazySettings) -> None:
    settings.SIGNUP_POLICY = "closed"
    answer = send(client, username="ann", password=PASSWORD)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "signup_closed")
    assert not User.objects.exists()


def test_looking_is_refused(client: Client) -> None:
    answer = client.get(URL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "wrong_method")


@pytest.mark.parametrize("body", ["", "{", "[1]", '"x"', "null"])
def test_what_is_no_object_is_refused(client: Client, body: str) -> None:
    answer = client.post(URL, body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_another_kind_of_content_is_refused(client: Client) -> None:
    answer = client.post(URL, {"username": "ann", "password": PASSWORD})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "wrong_type")
