from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.conf import LazySettings
from django.test import Client

from accounts.models import Role, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/accounts/signup/"


def test_a_new_person_is_in_at_once(client: Client) -> None:
    response = client.post(URL, {"username": "Маша", "password1": PASSWORD, "email": ""})
    assert (response.status_code, response["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.username, user.name, user.email, user.role) == ("маша", "Маша", None, Role.USER)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_an_address_is_kept_with_the_person_alone(client: Client) -> None:
    client.post(URL, {"username": "ann", "password1": PASSWORD, "email": "Ann@Example.org"})
    assert User.objects.get().email == "ann@example.org"
    assert not EmailAddress.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "username"),
        ({"username": "ALICE"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "a" * 65}, "username"),
        ({"email": "no address"}, "email"),
        ({"email": "ALICE@example.org"}, "email"),
        ({"password1": "short"}, "password1"),
        ({"password1": "12345678"}, "password1"),
        ({"password1": "newcomer1"}, "password1"),
    ],
)
def test_each_field_says_what_is_wrong(client: Client, alice: User, sent: dict[str, str], field: str) -> None:
    form = {"username": "newcomer", "password1": PASSWORD, "email": ""} | sent if sent else {}
    response = client.post(URL, form)
    assert response.status_code == 200
    assert field in response.context["form"].errors
    assert f'id="id_{field}_error"' in response.content.decode()
    assert User.objects.count() == 1


def test_nobody_chooses_their_own_role(client: Client) -> None:
    client.post(URL, {"username": "ann", "password1": PASSWORD, "role": "admin", "is_staff": "on"})
    assert User.objects.get().role == Role.USER


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_closed_door_says_whom_to_ask(client: Client, settings: LazySettings, method: str) -> None:
    settings.SIGNUP_POLICY = "closed"
    response = getattr(client, method)(URL, {"username": "ann", "password1": PASSWORD})
    assert "ask" in response.content.decode()
    assert not User.objects.exists()


def test_whoever_is_signed_in_needs_no_account(alice_client: Client) -> None:
    assert alice_client.get(URL)["Location"] == "/"
